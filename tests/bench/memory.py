"""Memory of a daemon that looks again and again."""

import time
from pathlib import Path

from tests.bench.measure import Fact, pause_until
from tests.bench.processes import MIB, resident
from tests.e2e.stage import Stage, plain
from tests.parts.images import Images

__all__ = ["flat_memory"]

WARM = 100
"""Cycles until every cache is filled."""
SERVICES = 20
ALLOWED = 1.0
"""MiB that the rest may add."""


def flat_memory(folder: Path, images: Images, *, cycles: int) -> Fact:
    """How much a daemon grows in so many cycles on a real engine.

    Each is asked for by a commit to another file of the state repo: it is fetched, the engine is
    looked at and planned for, and there is nothing to do.
    """
    folder.mkdir()
    stage = Stage(folder)
    try:
        stage.configure(poll="1h")
        daemon = stage.start()
        one = plain(images("plain", "1"))
        stage.deploy({f"s{number:02}": dict(one) for number in range(SERVICES)})
        commits = _other_commits(stage, WARM + cycles)
        for commit in commits[:WARM]:
            _one_cycle(stage, commit)
        before = resident(daemon.process.pid) / MIB
        for commit in commits[WARM:]:
            _one_cycle(stage, commit)
        after = resident(daemon.process.pid) / MIB
        daemon.stop()
    finally:
        stage.close()
    return Fact(
        f"resident memory after {WARM} and after {WARM + cycles:,} cycles",
        f"{before:.1f} and {after:.1f} MiB",
        f"≤ {ALLOWED:g} MiB more",
        met=after - before <= ALLOWED,
    )


def _other_commits(stage: Stage, count: int) -> list[str]:
    """So many commits to another file, on a branch aside: they are there before they count."""
    remote = stage.remote
    began = f"from {remote.tip()}\n"
    stream = (
        f"commit refs/heads/aside\ncommitter Ada <ada@example.test> {time.time():.0f} +0000\n"
        f"data 12\nanother file\n{began * (number == 0)}M 100644 inline notes.txt\n"
        f"data {len(str(number))}\n{number}\n"
        for number in range(count)
    )
    remote.git("fast-import", "--quiet", data="".join(stream).encode())
    return remote.git("rev-list", "--reverse", "main..aside").splitlines()


def _one_cycle(stage: Stage, commit: str) -> None:
    stage.remote.reset(commit)
    pause_until(lambda: stage.memory()["accepted"] == commit)

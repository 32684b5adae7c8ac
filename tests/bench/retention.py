"""Retention: one plan over very many versions, and what a run asks of the registry."""

import hashlib
import json
import math
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from moorline.adapters.registry_port import Packages, Registry
from moorline.agent.config_model import Config, EngineConfig, GithubConfig, RepoConfig
from moorline.agent.report import SilentReporter
from moorline.agent.retention.apply import apply_due
from moorline.agent.retention.offices import Offices
from moorline.agent.retention.plan import plan_retention, record_plan
from moorline.agent.wiring import open_packages, open_registry, open_repo
from moorline.core.image import ImageRef
from moorline.core.manifest import Manifest
from moorline.core.retention.model import Version
from moorline.errors import Interrupted
from tests.bench.measure import Fact
from tests.bench.processes import MIB
from tests.ghcr.emulator import Ghcr, running_ghcr
from tests.parts.git import Remote
from tests.parts.manifests import encoded

__all__ = ["large_plan", "registry_calls", "slow_deletion"]

NEW = 10
FREE = ("token", "v2-refused", "list-unchanged")
"""Calls that count against no limit of GitHub's."""
FASTER = 50
"""The clock of a deletion goes this much faster, so that a pace of a second is one of 20 ms."""
DAY = 86400.0
PACKAGE = "acme/app"


def large_plan(*, runs: int) -> list[Fact]:
    """Deciding about 100,000 versions, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.hundred_thousand", str(runs)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    seconds = statistics.median(found["seconds"])
    resident = found["resident"] / MIB
    what = f"retention plan over {found['versions']:,} versions"
    return [
        Fact(what, f"{seconds:.2f} s", "< 2 s", met=seconds < 2),
        Fact(f"{what}: resident memory", f"{resident:.0f} MiB", "< 500 MiB", met=resident < 500),
    ]


def registry_calls(folder: Path, *, versions: int) -> Fact:
    """What a second run asks, after a first one and a few pushes."""
    with _bench(folder, versions) as bench:
        plan_retention(bench.offices())
        for number in range(NEW):
            bench.push(f"new-{number}")
        bench.ghcr.calls.clear()
        plan_retention(bench.offices())
        counted = bench.ghcr.calls
        free = sum(counted[kind] for kind in FREE)
        calls = counted.total() - free
    most = math.ceil((versions + 1 + NEW) / 100) + NEW
    what = f"calls of a second plan over {versions:,} versions, {NEW} more of them new"
    measured = f"{calls}, and {free} to log in or to hear that nothing changed"
    return Fact(what, measured, f"≤ {most}", met=calls <= most)


def slow_deletion(folder: Path, *, versions: int) -> list[Fact]:
    """Deleting so many with a pause between two, interrupted in the middle."""
    with _bench(folder, versions) as bench:
        record_plan(bench.offices(), plan_retention(bench.offices()))
        watch = bench.watch = _Watch()
        try:
            apply_due(bench.offices(lambda: watch.stop_after(versions // 2)))
        except Interrupted:
            before = len(watch.moments)
        applied = apply_due(bench.offices())
        left = len(bench.ghcr.versions(PACKAGE))
    gaps = [b - a for a, b in zip(watch.moments, watch.moments[1:], strict=False)]
    least = FASTER * min(gaps)
    what = f"{versions} deletions at a pace of 1 s (a clock {FASTER} times as fast)"
    once = len(set(watch.digests)) == len(watch.digests) == versions
    total = applied.count("deleted") if applied else 0
    return [
        Fact(f"{what}: the shortest pause", f"{least:.2f} s", "≥ 1 s", met=least >= 1),
        Fact(
            f"the same, interrupted after {before} and gone on with",
            f"{total} deleted, {len(watch.digests)} asked for, {left - 1} left over",
            "each once, none left over",
            met=once and total == versions and left == 1,
        ),
    ]


class _FastClock:
    """A port `Clock` whose seconds are shorter."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._wall = datetime.now(UTC)

    def now(self) -> datetime:
        return self._wall + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return FASTER * (time.monotonic() - self._began)

    def wait(self, seconds: float) -> None:
        threading.Event().wait(seconds / FASTER)


@dataclass(slots=True)
class _Watch:
    """When deletions were asked for, and of what."""

    moments: list[float] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)

    def stop_after(self, count: int) -> None:
        if len(self.digests) >= count:
            raise Interrupted("told to stop")


@dataclass(slots=True)
class _Watched:
    """Packages that are watched while something is deleted."""

    packages: Packages
    watch: _Watch

    def delete(self, image: ImageRef, version: Version) -> None:
        self.watch.moments.append(time.monotonic())
        self.watch.digests.append(version.digest)
        self.packages.delete(image, version)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  (whatever the port has)
        return getattr(self.packages, name)


@dataclass
class _Bench:
    """A host on an emulator of GHCR, and a state repo with a policy."""

    folder: Path
    ghcr: Ghcr
    config: Config
    remote: Remote
    latest: Manifest
    clock: _FastClock = field(default_factory=_FastClock)
    watch: _Watch | None = None
    open: list[Callable[[], None]] = field(default_factory=list)

    def push(self, name: str) -> None:
        """A version that differs from the others by its manifest alone. It is as old as the
        emulator's clock, which stands still.
        """
        value = json.loads(self.latest.data) | {"annotations": {"name": name}}
        tag = f"main-{hashlib.sha256(name.encode()).hexdigest()[:12]}a"
        self.ghcr.put(PACKAGE, Manifest(self.latest.media_type, encoded(value)), tag)

    def offices(self, check_stop: Callable[[], None] = lambda: None) -> Offices:
        """Anew, as after a start."""
        registry: Registry = open_registry(self.config)
        packages = open_packages(self.config)
        repo = open_repo(self.config, self.folder / "mirror.git")
        self.open += [registry.close, repo.close]
        watch = self.watch
        return Offices(
            config=self.config,
            repo=repo,
            registry=registry,
            packages=packages if watch is None else lambda i: _Watched(packages(i), watch),
            engine=None,
            clock=self.clock,
            reporter=SilentReporter(),
            check_stop=check_stop,
        )


@contextmanager
def _bench(folder: Path, versions: int) -> Iterator[_Bench]:
    folder.mkdir(parents=True)
    with running_ghcr() as ghcr:
        remote = Remote(folder / "state.git")
        remote.commit({"policies/retention.yaml": _policy(ghcr)}, "policy")
        config = Config(
            repo=RepoConfig(url=remote.url),
            environments=("production",),
            host="bench",
            state_dir=str(folder / "state"),
            engine=EngineConfig(docker_config=str(ghcr.login(folder))),
            github=GithubConfig(registry=ghcr.registry, api=ghcr.api),
        )
        latest = ghcr.push_image(PACKAGE, "latest")
        bench = _Bench(folder, ghcr, config, remote, latest)
        for number in range(versions):
            bench.push(f"old-{number}")
        yield bench
        for close in bench.open:
            close()


def _policy(ghcr: Ghcr) -> str:
    rules = [
        "{name: latest, match: latest, keep: forever}",
        "{name: commits, match: sha, keep: 90d}",
        "{name: untagged, match: untagged, keep: 7d}",
    ]
    head = "version: 1\nenabled: true\ngrace: 0s\npace: 1s\nminimum: 0\n"
    lines = "".join(f"- {rule}\n" for rule in rules)
    return f"{head}packages: [{ghcr.registry}/{PACKAGE}]\nrules:\n{lines}"

"""kill -9 of the daemon at every change that it makes, with every strategy; see crashing.py.

Each sweep lives on one stage: deploy the next version with the tripwire at the n-th change, be
killed there, start again, look; until a rollout has no n-th change any more.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import pytest

from moorline.core.image import ImageRef
from tests.e2e.settled import settled_well
from tests.e2e.stage import CRASHING, Daemon, Stage, eventually
from tests.e2e.strategies import STRATEGIES, Strategy, each_strategy
from tests.e2e.visitor import unnoticed
from tests.parts.images import Images

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

When = Literal["after", "during"]
ON_ITS_WAY = re.compile(r"engine\.|ingress\.|repo\.")
"""Changes that go on without the process that asked for them."""


@dataclass(slots=True)
class Sweep:
    """Pushes one version after the other at a daemon that will not survive it."""

    stage: Stage
    strategy: Strategy
    port: int
    daemon: Daemon

    def push(self, image: ImageRef, label: str, **extension: object) -> str:
        """Push the service on this image; returns the commit."""
        web = self.strategy.web(image, self.port, labels={"n": label})
        own = web["x-moorline"]
        assert isinstance(own, dict)
        return self.stage.push({"web": {**web, "x-moorline": {**own, **extension}}})

    def killed_at(self, number: int, when: When, push: Callable[[], str]) -> tuple[str, str]:
        """Arm, push, and start again after the kill; returns the commit and the change at which
        it happened, "" where there was no n-th change.
        """
        changes, wire = self.stage.folder / "changes", self.stage.folder / "tripwire"
        changes.unlink(missing_ok=True)
        wire.write_text(f"{number} {when}")
        commit = push()
        # the cycle after the last one may have a word to remember, too
        told = re.compile(rf"cycle .*{commit[:7]}.*\n(.*\n)*.*is in step")
        eventually(
            lambda: not self.daemon.alive or told.search(self.daemon.log), f"change {number}"
        )
        wire.unlink()
        if self.daemon.alive:
            return commit, ""
        point = changes.read_text().splitlines()[number - 1]
        self.daemon = self.stage.launch(CRASHING)
        eventually(lambda: self.finished(commit), f"{when} {point}: an end\n{self.daemon.log}")
        return commit, point

    def finished(self, commit: str) -> bool:
        """Whether nothing of the rollout is left to do."""
        state, name = self.stage.state, self.stage.environment
        outbox = state / "outbox" / name
        return (
            not (state / "journal" / f"{name}.json").exists()
            and not (outbox.exists() and list(outbox.iterdir()))
            and len(self.stage.containers()) == 1
            and commit in dict(self.stage.deployments())
            and "says=" in self.daemon.log
        )


@pytest.fixture
def sweep(stage: Stage, images: Images, strategy: Strategy, port: int) -> Sweep:
    made = Sweep(stage, strategy, port, stage.start(CRASHING))
    stage.wait_deployed(made.push(images("healthy"), "0"))
    return made


@each_strategy
def test_a_good_rollout_survives_a_kill_at_every_change(sweep: Sweep, images: Images) -> None:
    stage, image = sweep.stage, images("healthy")

    def survive(number: int, when: When) -> str:
        label = f"{number} {when}"
        commit, point = sweep.killed_at(number, when, lambda: sweep.push(image, label))
        settled_well(stage, commit)
        assert stage.settled("web", image), point
        assert stage.container("web")["Config"]["Labels"]["n"] == label, point
        assert [word for sha, word in stage.deployments() if sha == commit] == ["proven"], point
        record = stage.record(commit)
        assert record["plan"], point
        assert record["services"]["web"]["verdict"] == "healthy", point
        assert stage.rollbacks() == [], point
        return point

    with unnoticed(sweep.port, seamless=sweep.strategy.seamless):
        assert sweep_all(survive) > 20


@each_strategy
def test_a_failed_rollout_survives_a_kill_at_every_change(sweep: Sweep, images: Images) -> None:
    stage, image, bad = sweep.stage, images("healthy"), images("crash", "2")
    file = stage.remote.show("main", stage.path)
    before = stage.container("web")["Id"]

    def survive(number: int, when: When) -> str:
        rollbacks = len(stage.rollbacks())
        commit, point = sweep.killed_at(number, when, lambda: sweep.push(bad, f"{number} {when}"))
        settled_well(stage, commit)
        assert stage.settled("web", image), point
        assert stage.container("web")["Id"] == before, point
        found = [word for sha, word in stage.deployments() if sha == commit]
        assert found == ["taken back"], point
        record = stage.record(commit)
        assert record["services"]["web"]["reason"] == "exited with code 3", point
        assert record["services"]["web"]["logs"], point
        assert len(stage.rollbacks()) == rollbacks + 1, point
        assert stage.remote.show("main", stage.path) == file, point
        assert record["rollback_commit"] == stage.remote.tip(), point
        return point

    with unnoticed(sweep.port, seamless=sweep.strategy.seamless):
        assert sweep_all(survive) > 20


@pytest.mark.parametrize(
    "strategy", [each for each in STRATEGIES if each.name == "blue-green"], ids=["blue-green"]
)
def test_a_rollout_that_fails_with_all_traffic_survives_a_kill_at_every_change(
    sweep: Sweep, images: Images
) -> None:
    stage, image = sweep.stage, images("healthy")
    before = stage.container("web")["Id"]
    jobs = {"after": [{"name": "smoke", "command": ["sh", "-c", "exit 7"]}]}

    def survive(number: int, when: When) -> str:
        rollbacks = len(stage.rollbacks())
        commit, point = sweep.killed_at(
            number, when, lambda: sweep.push(image, f"{number} {when}", jobs=jobs)
        )
        settled_well(stage, commit)
        assert stage.container("web")["Id"] == before, point
        found = [word for sha, word in stage.deployments() if sha == commit]
        assert found == ["taken back"], point
        assert "smoke exited with 7" in stage.record(commit)["sentence"], point
        assert len(stage.rollbacks()) == rollbacks + 1, point
        return point

    with unnoticed(sweep.port):
        assert sweep_all(survive) > 30


def sweep_all(survive: Callable[[int, When], str]) -> int:
    """Be killed after every change, then again during those that go on without us; returns how
    often that was.
    """
    points: list[str] = []
    while point := survive(len(points) + 1, "after"):
        points.append(point)
    print(f"\nkilled after: {', '.join(points)}")
    on = [number for number, point in enumerate(points, start=1) if ON_ITS_WAY.search(point)]
    for number in on:
        survive(number, "during")
    return len(points) + len(on)

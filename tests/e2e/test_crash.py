"""kill -9 of the daemon at every change that it makes; see crashing.py.

Each sweep lives on one stage: deploy the next version with the tripwire at the n-th change, be
killed there, start again, look; until a rollout has no n-th change any more.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.stage import CRASHING, Daemon, Stage, eventually, plain
from tests.parts.images import Images

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]

ON_ITS_WAY = ("engine.", "repo.")
"""Changes that go on without the process that asked for them."""


@dataclass(slots=True)
class Sweep:
    """Pushes one version after the other at a daemon that will not survive it."""

    stage: Stage
    daemon: Daemon

    def killed_at(self, number: int, when: str, push: Callable[[], str]) -> tuple[str, str]:
        """Arm, push, and start again after the kill; returns the commit and the change at which
        it happened, "" where there was no n-th change.
        """
        changes, wire = self.stage.folder / "changes", self.stage.folder / "tripwire"
        changes.unlink(missing_ok=True)
        wire.write_text(f"{number} {when}")
        commit = push()
        eventually(
            lambda: not self.daemon.alive or self.finished(commit), f"an end of change {number}"
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
            and "last_event" in self.stage.memory()
        )


@pytest.fixture
def sweep(stage: Stage, images: Images) -> Iterator[Sweep]:
    daemon = stage.start(CRASHING)
    stage.deploy({"web": plain(images("plain"), labels={"n": "0"})})
    return Sweep(stage, daemon)


@pytest.mark.parametrize("when", ["after", "during"])
def test_a_good_rollout_survives_a_kill_at_every_change(
    sweep: Sweep, images: Images, when: str
) -> None:
    stage, image = sweep.stage, images("plain")
    points = []
    for number in range(1, 100):
        service = plain(image, labels={"n": str(number)})
        commit, point = sweep.killed_at(number, when, lambda: stage.push({"web": service}))
        assert stage.settled("web", image), point
        assert stage.container("web")["Config"]["Labels"]["n"] == str(number), point
        assert [word for sha, word in stage.deployments() if sha == commit] == ["proven"], point
        record = stage.record(commit)
        assert record["plan"], point
        assert record["services"]["web"]["verdict"] == "healthy", point
        if not point:
            break
        points.append(point)
    print(f"\n{len(points)} points: {', '.join(points)}")
    assert len(points) > 10
    assert stage.rollbacks() == []


@pytest.mark.parametrize("when", ["after", "during"])
def test_a_failed_rollout_survives_a_kill_at_every_change(
    sweep: Sweep, images: Images, when: str
) -> None:
    stage, image, bad = sweep.stage, images("plain"), images("crash", "2")
    file = stage.remote.show("main", stage.path)
    before = stage.container("web")["Id"]
    points = []
    for number in range(1, 100):
        service = plain(bad, labels={"n": str(number)})
        commit, point = sweep.killed_at(number, when, lambda: stage.push({"web": service}))
        assert stage.settled("web", image), point
        assert stage.container("web")["Id"] == before, point
        found = [word for sha, word in stage.deployments() if sha == commit]
        assert found == ["taken back"], point
        evidence = stage.record(commit)["services"]["web"]
        assert evidence["reason"] == "exited with code 3", point
        assert evidence["logs"], point
        assert len(stage.rollbacks()) == number, point
        assert stage.remote.show("main", stage.path) == file, point
        assert stage.record(commit)["rollback_commit"] == stage.remote.tip(), point
        if not point:
            break
        points.append(point)
    print(f"\n{len(points)} points: {', '.join(points)}")
    assert len(points) > 15

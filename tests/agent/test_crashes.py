"""Killed at every single write of the journal and the memory: each end is reached, once.

A write is cut off before it or right behind it; then the process is another one.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from moorline.agent.durable.journal import Entry, Journal
from moorline.agent.durable.memory import Memory, MemoryFile
from moorline.agent.outcome import Outcome
from tests.agent.world import World
from tests.fakes.engine import Script

QUICK = {"stability": "1s", "deadline": "5s"}
NAME = "production-web-1"


class Killed(BaseException):
    """The process ends here."""


class Blade:
    """Cuts at the n-th chance."""

    def __init__(self) -> None:
        self.left = 0

    @contextmanager
    def around(self) -> Iterator[None]:
        self._chance()
        yield
        self._chance()

    def _chance(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


class CutJournal(Journal):
    """A journal whose writes may be the last thing that happens."""

    def __init__(self, blade: Blade, folder: Path) -> None:
        super().__init__(folder, "production")
        self._blade = blade

    def save(self, entry: Entry) -> None:
        with self._blade.around():
            super().save(entry)

    def clear(self) -> None:
        with self._blade.around():
            super().clear()


class CutMemory(MemoryFile):
    """The same for the memory."""

    def __init__(self, blade: Blade, folder: Path) -> None:
        super().__init__(folder, "production")
        self._blade = blade

    def save(self, memory: Memory) -> None:
        with self._blade.around():
            super().save(memory)


def sweep(
    folder: Path, prepare: Callable[[World], str], check: Callable[[World, str], None]
) -> int:
    """A world for each chance to be killed; `prepare` returns the commit that it is about."""
    for number in range(1, 200):
        world, blade = World(folder / str(number)), Blade()
        state = Path(world.config.state_dir)
        journal, memory = CutJournal(blade, state), CutMemory(blade, state)
        world.ledger = replace(world.ledger, journal=journal, memory=memory)
        world.start()
        commit = prepare(world)
        blade.left = number
        survive(world)
        was_reached = blade.left <= 0
        blade.left = 0
        check(world, commit)
        if not was_reached:
            return number - 1
    raise AssertionError("endless")


def survive(world: World) -> Outcome:
    """Run cycles in one process after the other until one ends."""
    for _ in range(3):
        try:
            return world.run()
        except Killed:
            world.start()
    raise AssertionError("killed more than once")


def service(version: str, *jobs: dict[str, object]) -> dict[str, object]:
    own = {"health": QUICK, **({"jobs": {"before": list(jobs)}} if jobs else {})}
    return {"image": version, "x-moorline": own}


def migration(world: World) -> dict[str, object]:
    image = world.image("migrate", Script(behaviour="exits", exit_code=0))
    return {"name": "migrate", "image": str(image), "command": ["up"], "forward_only": True}


def healthy(world: World, version: str) -> str:
    return str(world.image(version, Script(behaviour="healthy")))


def outcomes(world: World, commit: str) -> list[str]:
    return [each.outcome for each in world.records() if each.commit == commit]


def assert_settled(world: World) -> None:
    assert world.ledger.journal.load() is None
    assert world.ledger.outbox.waiting() == {}


def test_a_hold_is_reached_once(tmp_path: Path) -> None:
    def prepare(world: World) -> str:
        bad = str(world.image("2", Script(behaviour="exits")))
        world.deploy({"web": service(healthy(world, "1"))})
        return world.push({"web": service(bad, migration(world))})

    def check(world: World, commit: str) -> None:
        assert world.run().word == "held"
        assert_settled(world)
        assert outcomes(world, commit) == ["failed"]
        memory = world.ledger.memory.load()
        assert memory.hold is not None
        assert (memory.hold.commit, memory.forward_only) == (commit, "web/migrate")
        assert world.rollbacks() == []
        # what ran before the failure was stopped for the new one, and nothing revives it
        assert world.engine.running() == []
        world.deploy({"web": service(healthy(world, "3"))})
        assert world.engine.running() == [NAME]

    assert sweep(tmp_path, prepare, check) > 10


def test_a_relapse_is_taken_back_once(tmp_path: Path) -> None:
    def prepare(world: World) -> str:
        world.deploy({"web": service(healthy(world, "1"))})
        commit = world.deploy({"web": service(healthy(world, "2"))})
        world.engine.turn(NAME, "unhealthy")
        return commit

    def check(world: World, commit: str) -> None:
        assert world.run().word == "converged"
        assert_settled(world)
        assert outcomes(world, commit) == ["proven", "taken back"]
        memory = world.ledger.memory.load()
        assert memory.proven is not None
        assert (memory.proven.commit, memory.earlier) == (world.records()[0].commit, ())
        assert len(world.rollbacks()) == 1
        assert [each.name for each in world.engine.containers.values()] == [NAME]
        assert world.engine.running() == [NAME]

    assert sweep(tmp_path, prepare, check) > 10


def test_a_relapse_without_a_way_back_is_held_once(tmp_path: Path) -> None:
    def prepare(world: World) -> str:
        commit = world.deploy({"web": service(healthy(world, "1"))})
        world.engine.turn(NAME, "unhealthy")
        return commit

    def check(world: World, commit: str) -> None:
        assert world.run().exit_code == 4
        world.engine.turn(NAME, "healthy")
        assert world.run().word == "held"
        assert_settled(world)
        assert [each for each in outcomes(world, commit) if each != "repaired"] == [
            "proven",
            "failed",
        ]
        assert world.engine.running() == [NAME]

    assert sweep(tmp_path, prepare, check) > 4


@pytest.mark.parametrize("job", [False, True])
def test_a_good_rollout_is_proven_once(tmp_path: Path, *, job: bool) -> None:
    def prepare(world: World) -> str:
        world.deploy({"web": service(healthy(world, "1"))})
        jobs = [migration(world)] if job else []
        return world.push({"web": service(healthy(world, "2"), *jobs)})

    def check(world: World, commit: str) -> None:
        assert world.run().word == "converged"
        assert_settled(world)
        assert outcomes(world, commit) == ["proven"]
        memory = world.ledger.memory.load()
        assert memory.proven is not None
        assert (memory.proven.commit, memory.forward_only) == (commit, "")
        assert [each.commit for each in memory.earlier] == [world.records()[0].commit]
        assert world.engine.running() == [NAME]

    assert sweep(tmp_path, prepare, check) > 10

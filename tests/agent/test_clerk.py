"""The clerk: tasks as they become due, none of which can hurt another one, or the daemon."""

import math
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import pytest

from moorline.agent.clock import SystemClock
from moorline.agent.config import Config, RetentionConfig
from moorline.agent.daemon.crew import Crew
from moorline.agent.registry.clerk import AFTER_FAILURE, Clerk
from moorline.agent.registry.office import open_clerk, open_retention_clerk
from moorline.errors import Interrupted, MoorlineError, RegistryUnreachable, StorageFailed
from tests.agent.tags import Notes, Tags
from tests.agent.world import World
from tests.fakes.host import FakeClock
from tests.fakes.registry import FakeRegistry
from tests.parts.processes import until


@dataclass
class Errand:
    """A task that is due when the test says so."""

    name: str = "errand"
    due: float = 0.0
    every: float = math.inf
    runs: int = 0
    fails: MoorlineError | None = None
    unreadable: MoorlineError | None = None
    happens: Callable[[], object] = field(default=lambda: None)

    def due_in(self) -> float:
        if self.unreadable:
            raise self.unreadable
        return self.due

    def run(self) -> None:
        self.runs += 1
        self.happens()
        if self.fails:
            raise self.fails
        self.due = self.every


@dataclass
class Bench:
    """A clerk with two errands and a clock that stands still."""

    first: Errand = field(default_factory=lambda: Errand("first"))
    second: Errand = field(default_factory=lambda: Errand("second"))
    clock: FakeClock = field(default_factory=FakeClock)
    notes: Notes = field(default_factory=Notes)

    def __post_init__(self) -> None:
        self.clerk = Clerk([self.first, self.second], clock=self.clock, reporter=self.notes)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_what_is_due_is_done_and_the_next_one_waited_for(bench: Bench) -> None:
    bench.first.every, bench.second.due = 300, 120
    assert bench.clerk.look() == 120
    assert (bench.first.runs, bench.second.runs) == (1, 0)


def test_a_task_that_is_overdue_at_the_end_of_a_look_is_taken_at_once(bench: Bench) -> None:
    bench.first.every, bench.second.due = -1, 120
    assert bench.clerk.look() == 0


def test_where_nothing_is_to_be_done_there_is_nothing_to_wait_for(bench: Bench) -> None:
    bench.first.due = bench.second.due = math.inf
    assert bench.clerk.look() == math.inf


def test_a_failure_is_told_once_tried_again_and_keeps_nobody_else(bench: Bench) -> None:
    bench.first.fails = RegistryUnreachable("away")
    assert bench.clerk.look() == AFTER_FAILURE
    assert (bench.first.runs, bench.second.runs) == (1, 1)
    bench.clerk.look()
    assert bench.first.runs == 1
    bench.clock.wait(AFTER_FAILURE)
    bench.clerk.look()
    assert bench.first.runs == 2
    assert bench.notes.said == [("to be tried again", {"task": "first", "error": "away"})]
    bench.first.fails = None
    bench.clock.wait(AFTER_FAILURE)
    assert bench.clerk.look() == math.inf


def test_a_task_that_cannot_even_say_when_is_tried_again(bench: Bench) -> None:
    bench.first.unreadable = StorageFailed("damaged")
    assert bench.clerk.look() == AFTER_FAILURE
    assert bench.second.runs == 1
    assert bench.notes.count("to be tried again") == 1


class Working:
    """A clerk in a thread, with the real clock."""

    def __init__(self, *tasks: Errand) -> None:
        self.failures: list[BaseException] = []
        self.closed: list[str] = []
        self.clerk = Clerk(
            tasks,
            clock=SystemClock(threading.Event()),
            reporter=Notes(),
            close=lambda: self.closed.append(threading.current_thread().name),
        )
        self.crew = Crew(on_failure=lambda _, failure: self.failures.append(failure))
        self.crew.start("clerk", self.clerk, patience=30)


def test_a_ring_wakes_it_and_a_stop_ends_it() -> None:
    errand = Errand(due=math.inf)
    working = Working(errand)
    errand.due = 0
    working.clerk.ring()
    until(lambda: errand.runs == 1)
    working.crew.dismiss()
    assert working.closed == ["clerk"]
    assert working.failures == []


def test_a_task_that_was_interrupted_ends_it_quietly() -> None:
    errand = Errand(fails=Interrupted("told to stop"))
    working = Working(errand)
    until(lambda: working.closed == ["clerk"])
    working.crew.dismiss()
    assert working.failures == []


def test_what_nobody_thought_of_ends_the_daemon() -> None:
    def burst() -> None:
        raise ZeroDivisionError

    working = Working(Errand(happens=burst))
    with pytest.raises(ZeroDivisionError):
        until(lambda: bool(working.failures)) or working.crew.dismiss()
    assert working.closed == ["clerk"]


def test_a_clerk_finishes_what_a_crash_left(tmp_path: Path) -> None:
    tags = Tags(tmp_path)
    tags.deploy("1", deliver=False)
    clerk = open_clerk(tags.world.host, lambda _config: tags.registry)
    assert clerk.look() > 0
    assert "production-current" in tags.found()


def test_a_clerk_without_work_opens_no_registry(tmp_path: Path) -> None:
    def refuse(_config: Config) -> FakeRegistry:
        raise AssertionError("opened")

    world = World(tmp_path)
    clerk = open_clerk(world.host, refuse)
    assert clerk.look() > 0


def test_retention_has_a_clerk_of_its_own_only_where_it_runs(tmp_path: Path) -> None:
    world = World(tmp_path)

    def registries(_config: Config) -> FakeRegistry:
        return world.registry

    assert open_retention_clerk(world.host, registries) is None
    runs = msgspec.structs.replace(world.config, retention=RetentionConfig(run=True))
    assert open_retention_clerk(replace(world.host, config=runs), registries) is not None


def test_a_daemon_that_was_started_has_loaded_neither_client_nor_schedule() -> None:
    script = (
        "import sys, moorline.agent.daemon.loop; print({'httpx', 'cronsim'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"

"""When one environment is looked at, and what is said about it."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from moorline.agent.daemon.desk import FIRST_NEWS, Desk
from moorline.agent.daemon.pacing import Pacing
from moorline.agent.daemon.wake import Wake
from moorline.agent.outcome import Outcome
from moorline.agent.report import SilentReporter
from moorline.errors import EngineUnreachable, Interrupted, InvalidConfig, MoorlineError, Waiting
from tests.fakes.host import FakeClock

CONVERGED = Outcome("converged", "in step")


@dataclass
class FakeCycles:
    """Ends as it is told to, at last always in the same way."""

    ends: list[Outcome | MoorlineError] = field(default_factory=lambda: [CONVERGED])
    suspected: list[bool] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None

    def run(self, *, suspect: Callable[[str], bool]) -> Outcome:
        self.suspected.append(suspect("c1"))
        self.meanwhile()
        end = self.ends.pop(0) if len(self.ends) > 1 else self.ends[0]
        if isinstance(end, MoorlineError):
            raise end
        return end


class Notes(SilentReporter):
    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, event: str, /, **values: object) -> None:
        self.said.append(f"{event} {values['end']}: {values['says']}")


@dataclass
class Bench:
    """A desk whose time passes only when a test says so."""

    cycles: FakeCycles = field(default_factory=FakeCycles)
    clock: FakeClock = field(default_factory=FakeClock)
    wake: Wake = field(default_factory=Wake)
    notes: Notes = field(default_factory=Notes)

    def __post_init__(self) -> None:
        pacing = Pacing(30.0, lambda delay: delay)
        self.desk = Desk(
            "production",
            self.cycles,
            self.wake,
            pacing,
            clock=self.clock,
            reporter=self.notes,
        )

    @property
    def turns(self) -> int:
        return len(self.cycles.suspected)

    def settle(self) -> None:
        """The first turn, with which everything begins."""
        self.wake.remote_moved()
        self.desk.look()

    def pass_time(self, seconds: float) -> float:
        self.clock.elapsed += seconds
        return self.desk.look()


@pytest.fixture
def bench() -> Bench:
    return Bench()


class TestWhen:
    def test_the_first_turn_awaits_the_first_fetch(self, bench: Bench) -> None:
        assert bench.desk.look() == FIRST_NEWS
        assert bench.turns == 0
        bench.wake.remote_moved()
        bench.desk.look()
        assert bench.cycles.suspected == [True]

    def test_a_remote_that_does_not_answer_is_not_awaited_for_long(self, bench: Bench) -> None:
        bench.desk.look()
        bench.pass_time(FIRST_NEWS)
        assert bench.turns == 1

    def test_a_quiet_environment_is_looked_at_once_per_interval(self, bench: Bench) -> None:
        bench.settle()
        assert bench.pass_time(29) == pytest.approx(1)
        assert bench.pass_time(1) == 30
        assert bench.turns == 2

    def test_news_and_drift_are_looked_at_at_once(self, bench: Bench) -> None:
        bench.settle()
        bench.wake.engine_moved("c1")
        bench.desk.look()
        bench.wake.remote_moved()
        bench.desk.look()
        assert bench.cycles.suspected == [True, True, False]

    def test_trouble_is_not_looked_at_each_time_that_something_moves(self, bench: Bench) -> None:
        bench.cycles.ends = [EngineUnreachable("no answer")]
        bench.settle()
        bench.wake.engine_moved("c1")
        assert bench.desk.look() == 1.0
        assert bench.turns == 1
        bench.pass_time(1.0)
        assert bench.cycles.suspected == [True, True], "what was not looked at stays suspect"

    def test_news_is_looked_at_in_trouble_too(self, bench: Bench) -> None:
        bench.cycles.ends = [EngineUnreachable("no answer")]
        bench.settle()
        bench.wake.remote_moved()
        bench.desk.look()
        assert bench.turns == 2

    def test_a_newer_commit_is_followed_at_once(self, bench: Bench) -> None:
        bench.cycles.ends = [Outcome("superseded", "given up"), CONVERGED]
        bench.settle()
        assert bench.desk.look() == 30
        assert bench.turns == 2

    def test_a_hint_while_a_cycle_runs_makes_another(self, bench: Bench) -> None:
        bench.cycles.meanwhile = lambda: bench.turns == 1 and bench.wake.engine_moved("c1")
        bench.settle()
        bench.desk.look()
        assert bench.cycles.suspected == [True, True]


class TestWaiting:
    WAITING = Outcome("waiting", "canary at 5 %", seconds=1.0)

    def test_a_rollout_that_waits_is_looked_at_when_it_asks_to_be(self, bench: Bench) -> None:
        bench.cycles.ends = [self.WAITING]
        bench.settle()
        assert [bench.pass_time(1.0) for _ in range(5)] == [1.0] * 5
        assert bench.turns == 6

    def test_one_that_is_raised_waits_as_well(self, bench: Bench) -> None:
        bench.cycles.ends = [Waiting("canary at 5 %", seconds=2.5)]
        bench.settle()
        assert bench.desk.look() == 2.5
        assert bench.notes.said == ["cycle waiting: canary at 5 %"]

    def test_the_engine_wakes_it_at_once(self, bench: Bench) -> None:
        bench.cycles.ends = [self.WAITING]
        bench.settle()
        bench.wake.engine_moved("c1")
        bench.desk.look()
        assert bench.turns == 2

    def test_it_is_said_once_for_each_sentence(self, bench: Bench) -> None:
        next_step = Outcome("waiting", "canary at 25 %", seconds=1.0)
        bench.cycles.ends = [self.WAITING] * 10 + [next_step] * 10 + [Outcome("proven", "done")]
        bench.settle()
        for _ in range(20):
            bench.pass_time(1.0)
        assert bench.notes.said == [
            "cycle waiting: canary at 5 %",
            "cycle waiting: canary at 25 %",
            "cycle proven: done",
        ]

    def test_what_is_held_wakes_when_its_window_opens(self, bench: Bench) -> None:
        bench.cycles.ends = [Outcome("held", "outside its windows", seconds=12.0), CONVERGED]
        bench.settle()
        assert bench.desk.look() == 12.0
        bench.pass_time(12.0)
        assert bench.notes.said[-1] == "cycle converged: in step"


class TestSaying:
    def test_what_is_merely_so_is_said_once(self, bench: Bench) -> None:
        bench.settle()
        bench.pass_time(30)
        assert bench.notes.said == ["cycle converged: in step"]

    def test_what_was_done_is_said_each_time(self, bench: Bench) -> None:
        bench.cycles.ends = [Outcome("repaired", "repaired web")]
        bench.settle()
        bench.wake.engine_moved("c1")
        bench.desk.look()
        assert bench.notes.said == ["cycle repaired: repaired web"] * 2

    @pytest.mark.parametrize(
        ("error", "word"),
        [(EngineUnreachable("no answer"), "error"), (InvalidConfig("no such key"), "stalled")],
    )
    def test_trouble_is_said_in_a_word_and_a_sentence(
        self, bench: Bench, error: MoorlineError, word: str
    ) -> None:
        bench.cycles.ends = [error]
        bench.settle()
        assert bench.notes.said == [f"cycle {word}: {error}"]

    def test_being_told_to_stop_is_not_worth_a_word(self, bench: Bench) -> None:
        bench.cycles.ends = [Interrupted("told to stop")]
        bench.settle()
        assert bench.notes.said == []


def test_told_to_stop_it_takes_no_further_turn(bench: Bench) -> None:
    bench.cycles.ends = [Outcome("waiting", "for ever", seconds=0.0)]
    bench.cycles.meanwhile = lambda: bench.turns == 3 and bench.desk.stop()
    bench.wake.remote_moved()
    bench.desk.run()
    assert bench.turns == 3

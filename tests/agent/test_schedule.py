"""Running a plan's steps: order, concurrency, failure."""

import threading

import pytest

from moorline.agent.execution.schedule import run_plan
from moorline.core.actions import Action, Plan, Ready, Step
from moorline.errors import Interrupted, Waiting


def _plan(*after: tuple[int, ...]) -> Plan:
    """A plan whose steps are told apart by their reason: "0", "1", …"""
    return Plan(tuple(Step(Ready(why=str(n)), needs) for n, needs in enumerate(after)))


def _never() -> None:
    return


def test_a_step_runs_after_everything_that_it_needs() -> None:
    done: list[str] = []
    run_plan(_plan((), (), (0, 1), (2,)), lambda action: done.append(action.why), check=_never)
    assert sorted(done[:2]) == ["0", "1"]
    assert done[2:] == ["2", "3"]


def test_independent_steps_run_at_the_same_time() -> None:
    together = threading.Barrier(3, timeout=10)
    run_plan(_plan((), (), ()), lambda _action: _meet(together), check=_never)


def _meet(barrier: threading.Barrier) -> None:
    barrier.wait()


def test_a_failure_stops_what_comes_after_and_waits_for_what_runs() -> None:
    started, release = threading.Event(), threading.Event()
    done: list[str] = []

    def perform(action: Action) -> None:
        if action.why == "0":
            started.wait(10)
            release.set()
            raise ValueError("broken")
        started.set()
        release.wait(10)
        done.append(action.why)

    with pytest.raises(ValueError, match="broken"):
        run_plan(_plan((), (), (0,), (1,)), perform, check=_never)
    assert done == ["1"]


def test_told_to_stop_no_further_step_begins() -> None:
    done: list[str] = []

    def check() -> None:
        if done:
            raise Interrupted("stop")

    with pytest.raises(Interrupted):
        run_plan(_plan((), (0,), (1,)), lambda action: done.append(action.why), check=check)
    assert done == ["0"]


def test_an_empty_plan_is_done() -> None:
    run_plan(Plan(), lambda _action: pytest.fail("nothing to do"), check=_never)


def test_a_step_that_waits_holds_up_only_what_comes_after_it() -> None:
    done: list[str] = []

    def perform(action: Action) -> None:
        if action.why == "0":
            raise Waiting("a canary", seconds=1)
        done.append(action.why)

    with pytest.raises(Waiting, match="a canary"):
        run_plan(_plan((), (0,), (), (2,)), perform, check=_never)
    assert done == ["2", "3"]


def test_a_step_that_waits_is_asked_again_while_others_run() -> None:
    asked, ready = [], threading.Event()

    def perform(action: Action) -> None:
        if action.why == "1":
            ready.wait(10)
            return
        asked.append(action.why)
        if len(asked) < 3:
            raise Waiting("a canary", seconds=0.01)
        ready.set()

    run_plan(_plan((), ()), perform, check=_never)
    assert asked == ["0", "0", "0"]


def test_a_failure_counts_more_than_a_wait() -> None:
    waited = threading.Event()

    def perform(action: Action) -> None:
        if action.why == "0":
            waited.set()
            raise Waiting("a canary", seconds=1)
        waited.wait(10)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        run_plan(_plan((), ()), perform, check=_never)

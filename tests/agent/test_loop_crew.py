"""Threads that end together, and not unnoticed."""

import threading

import pytest

from moorline.agent.daemon.crew import Crew
from tests.parts.processes import until


class Waiter:
    """Works until it is stopped."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self.ended = False

    def run(self) -> None:
        self.stopped.wait()
        self.ended = True

    def stop(self) -> None:
        self.stopped.set()


class Broken(Waiter):
    """Fails at once."""

    def run(self) -> None:
        raise ZeroDivisionError("a bug")


def test_all_are_stopped_and_waited_for() -> None:
    crew = Crew(on_failure=lambda _name, _failure: None)
    workers = [Waiter(), Waiter()]
    for worker in workers:
        crew.start("worker", worker)
    crew.dismiss()
    assert [worker.ended for worker in workers] == [True, True]


def test_a_failure_is_heard_of_at_once_and_raised_once_all_have_ended() -> None:
    heard: list[str] = []
    crew = Crew(on_failure=lambda name, failure: heard.append(f"{name}: {failure}"))
    other = Waiter()
    crew.start("other", other)
    crew.start("broken", Broken())
    until(lambda: bool(heard))
    assert heard == ["broken: a bug"]
    with pytest.raises(ZeroDivisionError):
        crew.dismiss()
    assert other.ended

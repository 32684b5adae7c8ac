"""Hints from other threads, and what the loop makes of them."""

import threading
import time

from moorline.agent.wake import Wake


def test_a_hint_ends_the_sleep() -> None:
    wake = Wake()
    began = time.monotonic()
    threading.Timer(0.05, wake.git_moved).start()
    wake.sleep(30)
    assert time.monotonic() - began < 20


def test_a_hint_before_the_sleep_is_not_slept_through() -> None:
    wake = Wake()
    wake.engine_moved("c1")
    began = time.monotonic()
    wake.sleep(30)
    assert time.monotonic() - began < 20


def test_git_hints_are_taken_once() -> None:
    wake = Wake()
    wake.git_moved()
    wake.git_moved()
    assert wake.git_waits()
    assert (wake.take_git(), wake.take_git()) == (True, False)


def test_at_first_every_container_is_suspect() -> None:
    assert Wake().take_suspects()("anything")


def test_later_only_those_are_suspect_that_something_happened_to() -> None:
    wake = Wake()
    wake.take_suspects()
    wake.engine_moved("c1")
    suspects = wake.take_suspects()
    assert suspects("c1")
    assert not suspects("c2")
    assert not wake.has_suspects()


def test_suspects_that_were_not_looked_at_stay_suspect() -> None:
    wake = Wake()
    wake.take_suspects()
    wake.engine_moved("c1")
    wake.give_back(wake.take_suspects())
    assert wake.take_suspects()("c1")


def test_a_gap_in_the_events_makes_everything_suspect_again() -> None:
    wake = Wake()
    wake.take_suspects()
    wake.engine_unseen()
    assert wake.take_suspects()("c9")

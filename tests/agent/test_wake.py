"""Hints from other threads, and what an environment's thread makes of them."""

import threading
import time

from moorline.agent.daemon.wake import Wake, Wakes


def test_a_hint_ends_the_sleep() -> None:
    wake = Wake()
    began = time.monotonic()
    threading.Timer(0.05, wake.remote_moved).start()
    wake.sleep(30)
    assert time.monotonic() - began < 20


def test_a_hint_before_the_sleep_is_not_slept_through() -> None:
    wake = Wake()
    wake.engine_moved("c1")
    began = time.monotonic()
    wake.sleep(30)
    assert time.monotonic() - began < 20


def test_news_is_taken_once() -> None:
    wake = Wake()
    wake.remote_moved()
    wake.remote_moved()
    assert [wake.take().news, wake.take().news] == [True, False]


def test_at_first_every_container_is_suspect() -> None:
    assert Wake().take().suspects("anything")


def test_later_only_those_are_suspect_that_something_happened_to() -> None:
    wake = Wake()
    wake.take()
    wake.engine_moved("c1")
    suspects = wake.take().suspects
    assert suspects("c1")
    assert not suspects("c2")
    assert not wake.has_suspects()


def test_suspects_that_were_not_looked_at_stay_suspect() -> None:
    wake = Wake()
    wake.take()
    wake.engine_moved("c1")
    wake.give_back(wake.take().suspects)
    assert wake.take().suspects("c1")


def test_a_gap_in_the_events_makes_everything_suspect_again() -> None:
    wake = Wake()
    wake.take()
    wake.engine_unseen()
    assert wake.take().suspects("c9")


class TestSeveralEnvironments:
    def test_a_container_concerns_its_own_environment_only(self) -> None:
        wakes = _quiet("production", "staging")
        wakes.engine_moved("staging", "c1")
        assert not wakes.by_environment["production"].has_suspects()
        assert wakes.by_environment["staging"].take().suspects("c1")

    def test_the_branch_concerns_all(self) -> None:
        wakes = _quiet("production", "staging")
        wakes.remote_moved()
        assert [wake.take().news for wake in wakes.by_environment.values()] == [True, True]

    def test_a_gap_in_the_events_concerns_all(self) -> None:
        wakes = _quiet("production", "staging")
        wakes.engine_unseen()
        assert all(wake.has_suspects() for wake in wakes.by_environment.values())


def test_no_hint_is_lost_between_threads() -> None:
    wake = _quiet("production").by_environment["production"]
    names = [f"{thread}-{number}" for thread in range(4) for number in range(250)]
    threads = [
        threading.Thread(target=lambda part=part: [wake.engine_moved(name) for name in part])
        for part in (names[start::4] for start in range(4))
    ]
    for thread in threads:
        thread.start()
    seen: set[str] = set()
    while any(thread.is_alive() for thread in threads) or wake.has_suspects():
        wake.sleep(0.01)
        seen |= wake.take().suspects.ids
    assert seen == set(names)


def _quiet(*environments: str) -> Wakes:
    """Wakes with nothing to look at yet."""
    wakes = Wakes({name: Wake() for name in environments})
    for wake in wakes.by_environment.values():
        wake.take()
    return wakes

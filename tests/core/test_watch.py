"""After the proof: what counts as failing, and the pauses between restarts."""

import pytest

from moorline.core.watch import Restarts, Signs, illness, is_watched

NOW = 10_000.0


@pytest.mark.parametrize(
    ("signs", "reason"),
    [
        (Signs(), ""),
        (Signs(unhealthy=True), "unhealthy"),
        (Signs(ooms=(NOW - 1,)), "out of memory"),
        (Signs(ooms=(NOW - 300,)), ""),
        (Signs(deaths=(NOW - 2, NOW - 1)), ""),
        (Signs(deaths=(NOW - 3, NOW - 2, NOW - 1)), "died 3 times within 5 minutes"),
        (Signs(deaths=(NOW - 301, NOW - 2, NOW - 1)), ""),
        # one thing at a time, the one that explains the others first
        (Signs(unhealthy=True, deaths=(NOW,) * 3, ooms=(NOW,)), "out of memory"),
    ],
)
def test_what_fails_is_said_in_words(signs: Signs, reason: str) -> None:
    assert illness(signs, now=NOW) == reason


def test_what_happened_before_the_proof_does_not_count() -> None:
    signs = Signs(deaths=(NOW - 9, NOW - 3, NOW - 2), ooms=(NOW - 9,))
    assert illness(signs, now=NOW, since=NOW - 5) == ""


def test_a_clock_that_was_set_back_condemns_nothing() -> None:
    assert illness(Signs(deaths=(NOW + 60,) * 3), now=NOW) == ""


@pytest.mark.parametrize(("now", "watched"), [(0, True), (599.9, True), (600, False)])
def test_the_watch_ends(now: float, *, watched: bool) -> None:
    assert is_watched(0, 600, now=now) == watched


def test_a_watch_of_no_time_watches_nothing() -> None:
    assert not is_watched(5, 0, now=5)


def test_the_first_restart_comes_at_once_and_the_next_ones_later_and_later() -> None:
    restarts, now, pauses = Restarts(), 50.0, []
    for _ in range(11):
        pauses.append(restarts.pause(now))
        now += pauses[-1]
        restarts = restarts.again(now)
    assert pauses == [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300]


def test_a_pause_gets_shorter_as_time_passes() -> None:
    restarts = Restarts().again(0).again(1)
    assert restarts.pause(1.5) == 1.5
    assert restarts.pause(4) == 0


def test_ten_minutes_without_a_restart_forget_the_ones_before() -> None:
    restarts = Restarts().again(0).again(1).again(3)
    assert restarts.pause(602.9) == 0
    assert restarts.again(603) == Restarts(1, 603)
    assert restarts.again(602) == Restarts(4, 602)

"""How long the loop sleeps, and through what."""

import pytest

from moorline.agent.daemon.pacing import Pacing


def _pacing() -> Pacing:
    return Pacing(30.0, lambda delay: delay)


def test_a_quiet_environment_is_looked_at_once_per_interval() -> None:
    pacing = _pacing()
    assert pacing.after("converged") == 30.0
    assert pacing.quiet_for == 0.0


def test_a_superseded_rollout_is_followed_by_the_next_at_once() -> None:
    assert _pacing().after("superseded") == 0.0


@pytest.mark.parametrize("word", ["error", "failed"])
def test_trouble_is_tried_again_soon_and_then_ever_later(word: str) -> None:
    pacing = _pacing()
    assert [pacing.after(word) for _ in range(7)] == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert pacing.quiet_for == 60.0


def test_trouble_that_is_over_starts_from_the_beginning() -> None:
    pacing = _pacing()
    pacing.after("error")
    pacing.after("error")
    pacing.after("converged")
    assert pacing.after("error") == 1.0


def test_a_few_repairs_in_a_row_are_made_at_once() -> None:
    pacing = _pacing()
    for _ in range(3):
        pacing.after("repaired")
        assert pacing.quiet_for == 0.0


def test_a_tug_of_war_with_another_tool_slows_down() -> None:
    pacing = _pacing()
    for _ in range(5):
        pacing.after("repaired")
    assert pacing.quiet_for == 2.0


def test_a_rollout_that_waits_is_looked_at_exactly_when_it_asks_to_be() -> None:
    pacing = Pacing(30.0, lambda delay: delay * 1.1)
    for seconds in (1.0, 0.25, 40.0, 1.0, 1.0):
        assert pacing.after("waiting", seconds) == seconds
        assert pacing.quiet_for == 0.0


def test_repairs_with_a_wait_between_them_are_no_tug_of_war() -> None:
    pacing = _pacing()
    for word in ["repaired", "repaired", "waiting", "repaired", "repaired"]:
        pacing.after(word, 1.0 if word == "waiting" else None)
        assert pacing.quiet_for == 0.0


@pytest.mark.parametrize(("seconds", "due"), [(5.0, 5.0), (3600.0, 30.0), (0.0, 0.0)])
def test_what_is_held_is_looked_at_when_its_window_opens_at_the_latest(
    seconds: float, due: float
) -> None:
    assert _pacing().after("held", seconds) == due


def test_held_is_not_trouble_and_drift_is_still_seen_at_once() -> None:
    pacing = _pacing()
    assert pacing.after("held") == 30.0
    assert pacing.quiet_for == 0.0

"""A canary's verdicts and steps, from looks at counters over time."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from moorline.core.canary import (
    Abort,
    Counts,
    Decision,
    Done,
    Look,
    Paused,
    Progress,
    Raise,
    Stay,
    advance,
    describe,
)
from moorline.core.strategy import AbortOn, Canary, CanaryStep, MetricLimit

BEGAN = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
NOTHING = Counts()
STEPS = (
    CanaryStep(share=500, seconds=10),
    CanaryStep(share=2500, pause=True),
    CanaryStep(share=5000, seconds=5),
)
POLICY = Canary(steps=STEPS, abort_on=AbortOn(error_rate=0.02, p95=0.8, min_requests=50))


def look(at: float, new: Counts = NOTHING, old: Counts = NOTHING, **more: object) -> Look:
    """A look `at` seconds after the beginning."""
    return replace(Look(at=BEGAN + timedelta(seconds=at), new=new, old=old), **more)


def follow(looks: Iterable[Look], policy: Canary = POLICY) -> tuple[Progress, list[Decision]]:
    """Take looks into account one after the other."""
    progress: Progress | None = None
    decisions = []
    for each in looks:
        progress, decision = advance(policy, progress, each, track="green")
        # as a journal keeps it
        progress = msgspec.convert(msgspec.to_builtins(progress), Progress)
        decisions.append(decision)
    assert progress is not None
    return progress, decisions


def judged(
    new: Counts, old: Counts = NOTHING, policy: Canary = POLICY, **more: object
) -> Decision:
    """The decision on what was counted in the first second."""
    return follow([look(0), look(1, new, old, **more)], policy)[1][-1]


# --- steps --------------------------------------------------------------------------------------


def test_steps_are_taken_one_after_the_other() -> None:
    times = [0, 4, 10, 11, 12]
    looks = [look(at) for at in times] + [look(13, promoted=True), look(15), look(18), look(30)]
    progress, decisions = follow(looks)
    assert decisions == [
        Raise(500),
        Stay(6),
        Raise(2500),
        Paused(),
        Paused(),
        Raise(5000),
        Stay(3),
        Done(),
        Done(),
    ]
    assert [each.ended for each in progress.steps] == ["passed", "promoted", "passed"]
    assert [each.weight for each in progress.steps] == [5, 25, 50]
    assert progress.step == len(STEPS)


def test_a_promotion_does_not_shorten_a_step_that_lasts() -> None:
    assert follow([look(0), look(1, promoted=True)])[1][-1] == Stay(9)


def test_a_pause_begins_when_the_time_of_its_step_is_over() -> None:
    policy = Canary(steps=(CanaryStep(share=500, seconds=5, pause=True),))
    looks = [look(0), look(3, promoted=True), look(5), look(6, promoted=True)]
    assert follow(looks, policy)[1] == [Raise(500), Stay(2), Paused(), Done()]


def test_a_quiet_night_passes_steps_by_time_alone() -> None:
    few = Counts(requests=3, errors=3)
    assert follow([look(0), look(5, few), look(10, few)])[1][-1] == Raise(2500)


@pytest.mark.parametrize(("jump", "left"), [(3600, 10), (-3600, 20)])
def test_a_clock_that_jumps_moves_a_step_by_one_look_at_most(jump: float, left: float) -> None:
    policy = Canary(steps=(CanaryStep(share=500, seconds=30),))
    assert follow([look(0), look(10), look(10 + jump)], policy)[1][-1] == Stay(left)


def test_time_in_which_nobody_looked_does_not_count() -> None:
    policy = Canary(steps=(CanaryStep(share=500, seconds=120),))
    assert follow([look(0), look(3600)], policy)[1][-1] == Stay(110)


def test_a_canary_on_another_track_begins_anew() -> None:
    progress, _ = follow([look(0), look(10)])
    assert progress.step == 1
    again, decision = advance(POLICY, progress, look(11), track="blue")
    assert (again.step, again.track, decision) == (0, "blue", Raise(500))


@pytest.mark.parametrize(
    ("looks", "words"),
    [
        ([look(0), look(4)], "5 %, step 1 of 3, for 10 s"),
        ([look(0), look(10), look(11)], "25 %, step 2 of 3, waits to be promoted"),
        (
            [look(0), look(10), look(11, promoted=True), look(21)],
            "all steps passed",
        ),
    ],
)
def test_where_it_is_can_be_said_in_words(looks: list[Look], words: str) -> None:
    assert describe(POLICY, follow(looks)[0]) == words


# --- verdicts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("new", "old", "reason"),
    [
        (Counts(requests=100, errors=2), NOTHING, ""),
        (
            Counts(requests=100, errors=3),
            NOTHING,
            "canary: 3 % of 100 requests failed, 2 % may",
        ),
        (
            Counts(requests=100, errors=3),
            Counts(requests=1000, errors=10),
            "canary: 3 % of 100 requests failed, 2 % may (the old version: 1 %)",
        ),
        (Counts(requests=100, errors=3), Counts(requests=1000, errors=30), ""),
        (
            Counts(requests=100, errors=3),
            Counts(requests=4, errors=4),
            "canary: 3 % of 100 requests failed, 2 % may",
        ),
        (Counts(requests=49, errors=49), NOTHING, ""),
        (Counts(requests=100, timed=100, slow=5), NOTHING, ""),
        (
            Counts(requests=100, timed=100, slow=6),
            NOTHING,
            "canary: 6 % of 100 answers took longer than 0.8 s, 5 % may",
        ),
        (
            Counts(requests=100, timed=100, slow=6),
            Counts(requests=500, timed=500, slow=5),
            "canary: 6 % of 100 answers took longer than 0.8 s, 5 % may (the old version: 1 %)",
        ),
        (
            Counts(requests=100, timed=100, slow=6),
            Counts(requests=500, timed=500, slow=30),
            "",
        ),
        (Counts(requests=100, timed=49, slow=49), NOTHING, ""),
    ],
)
def test_the_new_version_may_do_no_worse_than_its_limit_and_the_old_one(
    new: Counts, old: Counts, reason: str
) -> None:
    assert judged(new, old) == (Abort(reason) if reason else Stay(9))


def test_without_limits_nothing_is_judged() -> None:
    policy = replace(POLICY, abort_on=AbortOn())
    bad = Counts(requests=100, errors=100, timed=100, slow=100)
    assert judged(bad, policy=policy, metric=1e9) == Stay(9)


@pytest.mark.parametrize(
    ("metric", "decision"),
    [
        (None, Stay(9)),
        (0.5, Stay(9)),
        (0.51, Abort("canary: its Prometheus query gives 0.51, above 0.5")),
    ],
)
def test_a_query_may_not_give_more_than_its_limit(
    metric: float | None, decision: Decision
) -> None:
    limits = AbortOn(prometheus=MetricLimit(query="up", above=0.5))
    policy = replace(POLICY, abort_on=limits)
    assert judged(NOTHING, policy=policy, metric=metric) == decision


def test_a_query_without_an_answer_is_told_in_the_evidence() -> None:
    progress, _ = follow([look(0), look(10, trouble="no data")])
    assert [each.trouble for each in progress.steps] == ["no data"]


@pytest.mark.parametrize("at", [0, 1])
def test_containers_that_are_unwell_end_it_at_any_look(at: int) -> None:
    looks = [look(each) for each in range(at)]
    assert follow([*looks, look(at, unwell="unhealthy")])[1][-1] == Abort("unhealthy")


def test_what_was_taken_back_does_not_go_on() -> None:
    progress, decisions = follow([look(0), look(1, unwell="unhealthy"), look(2), look(30)])
    assert decisions[1:] == [Abort("unhealthy")] * 3
    assert [each.ended for each in progress.steps] == ["aborted"]


def test_what_was_counted_before_the_canary_is_not_held_against_it() -> None:
    before = Counts(requests=1000, errors=1000)
    after = Counts(requests=1060, errors=1000)
    assert follow([look(0, before), look(1, after)])[1][-1] == Stay(9)


def test_counters_that_begin_anew_lose_nothing() -> None:
    looks = [
        look(0, Counts(requests=10)),
        look(1, Counts(requests=40, errors=1)),
        look(2, Counts(requests=20, errors=1)),
    ]
    progress, decisions = follow(looks)
    assert progress.new.total == Counts(requests=50, errors=2)
    assert decisions[-1] == Abort("canary: 4 % of 50 requests failed, 2 % may")


def test_it_is_judged_on_all_that_it_served_since_it_began() -> None:
    good, bad = Counts(requests=40), Counts(requests=50, errors=2)
    decisions = follow([look(0), look(9, good), look(10, good), look(11, bad)])[1]
    assert decisions[2:] == [Raise(2500), Abort("canary: 4 % of 50 requests failed, 2 % may")]


def test_every_step_has_its_own_evidence() -> None:
    looks = [
        look(0),
        look(
            10, Counts(requests=100, errors=1, timed=100, slow=2), Counts(requests=900, errors=9)
        ),
        look(
            12, Counts(requests=200, errors=9, timed=200, slow=3), Counts(requests=999, errors=9)
        ),
    ]
    progress, decisions = follow(looks)
    assert isinstance(decisions[-1], Abort)
    assert [msgspec.to_builtins(each) for each in progress.steps] == [
        {
            "weight": 5.0,
            "seconds": 10.0,
            "ended": "passed",
            "requests": 100,
            "error_rate": 0.01,
            "slow": 0.02,
            "old_requests": 900,
            "old_error_rate": 0.01,
            "old_slow": 0.0,
            "trouble": "",
        },
        {
            "weight": 25.0,
            "seconds": 2.0,
            "ended": "aborted",
            "requests": 100,
            "error_rate": 0.08,
            "slow": 0.01,
            "old_requests": 99,
            "old_error_rate": 0.0,
            "old_slow": 0.0,
            "trouble": "",
        },
    ]

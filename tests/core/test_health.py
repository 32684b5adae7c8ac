"""Verdicts on containers: a table of gates and samples, and what holds for all of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorline.core.health import (
    Booting,
    Failed,
    Gate,
    Healthy,
    Sample,
    Verdict,
    gate_for,
    is_healthy,
    judge,
)
from moorline.core.model import HealthPolicy, Inspection

SECOND = 1_000_000_000
PLAIN = Gate(deadline=120, stability=10)
CHECKED = Gate(deadline=120, stability=10, has_healthcheck=True)
ALWAYS = Gate(deadline=120, stability=10, restarts_by_itself=True, restarts_after_success=True)
ON_FAILURE = Gate(deadline=120, stability=10, restarts_by_itself=True)
JOB = Gate(deadline=120, stability=10, job=True)
STUBBORN_JOB = Gate(deadline=120, stability=10, job=True, restarts_by_itself=True)


def up(at: float, **fields: object) -> Sample:
    return Sample(at=at, state="running", **fields)


def down(at: float, code: int = 1, **fields: object) -> Sample:
    return Sample(at=at, state="exited", exit_code=code, **fields)


def well(at: float, **fields: object) -> Sample:
    return up(at, health="healthy", **fields)


STARTING = up(0, health="starting")
OOM = {"oom_killed": True}


@pytest.mark.parametrize(
    ("gate", "samples", "now", "verdict"),
    [
        # a service without a check is judged by staying up
        (PLAIN, [], 0, Booting("a first look")),
        (PLAIN, [up(0)], 0, Booting("10 s of stability")),
        (PLAIN, [up(0), up(4)], 4, Booting("6 s of stability")),
        (PLAIN, [up(0), up(10)], 10, Healthy(0)),
        (PLAIN, [up(0)], 10, Healthy(0)),
        (Gate(deadline=120, stability=0), [up(3)], 3, Healthy(3)),
        # the window begins anew after everything that is not well
        (
            PLAIN,
            [up(0), up(5, restart_count=1), up(11, restart_count=1)],
            11,
            Booting("4 s of stability"),
        ),
        (PLAIN, [up(0), up(5, restart_count=1), up(15, restart_count=1)], 15, Healthy(5)),
        (
            PLAIN,
            [up(0), Sample(at=5, state="paused"), up(6), up(12)],
            12,
            Booting("4 s of stability"),
        ),
        (
            CHECKED,
            [well(0), up(5, health="unhealthy"), well(6), well(12)],
            12,
            Booting("4 s of stability"),
        ),
        (CHECKED, [STARTING, well(1), well(11)], 11, Healthy(1)),
        (
            PLAIN,
            [up(0, probe="ok"), up(5, probe="failing"), up(6, probe="ok")],
            12,
            Booting("4 s of stability"),
        ),
        # what may still come right has until the deadline
        (PLAIN, [], 120, Failed("still waiting for a first look after 120 s")),
        (PLAIN, [Sample(at=1, state="created")], 1, Booting("it to run (it is created)")),
        (CHECKED, [up(0)], 0, Booting("its healthcheck (no result yet)")),
        (CHECKED, [STARTING], 119.9, Booting("its healthcheck (starting)")),
        (
            CHECKED,
            [STARTING],
            120,
            Failed("still waiting for its healthcheck (starting) after 120 s"),
        ),
        (
            CHECKED,
            [up(0, health="unhealthy", detail="no\nroute ")],
            1,
            Booting("its healthcheck (unhealthy: no route)"),
        ),
        (PLAIN, [up(0, probe="failing", detail="HTTP 503")], 1, Booting("its probe: HTTP 503")),
        (PLAIN, [up(0, probe="failing")], 1, Booting("its probe")),
        (PLAIN, [up(0, probe="failing", detail="x" * 200)], 1, Booting("its probe: " + "x" * 120)),
        # one that is well when the deadline passes gets its window
        (CHECKED, [STARTING, well(119)], 121, Booting("8 s of stability")),
        (CHECKED, [STARTING, well(119), well(129)], 129, Healthy(119)),
        # an exit that nothing will restart fails at once
        (PLAIN, [up(0), down(1, 3)], 1, Failed("exited with code 3")),
        (PLAIN, [up(0), down(1, 0)], 1, Failed("exited with code 0")),
        (PLAIN, [down(1, 137, **OOM)], 1, Failed("exited with code 137, out of memory")),
        (PLAIN, [Sample(at=1, state="dead", exit_code=1)], 1, Failed("exited with code 1")),
        (ON_FAILURE, [down(1, 0)], 1, Failed("exited with code 0")),
        # one that something restarts has until the deadline, or until it is a loop
        (ON_FAILURE, [down(1)], 1, Booting("a restart after exit code 1")),
        (ALWAYS, [down(1, 0)], 1, Booting("a restart after exit code 0")),
        (
            ALWAYS,
            [down(1)],
            120,
            Failed("still waiting for a restart after exit code 1 after 120 s"),
        ),
        (ALWAYS, [up(1, restart_count=2)], 1, Booting("10 s of stability")),
        (ALWAYS, [up(1, restart_count=3)], 1, Failed("crash loop: restarted 3 times")),
        (
            ALWAYS,
            [Sample(at=1, state="restarting", restart_count=4, **OOM)],
            1,
            Failed("crash loop: restarted 4 times, out of memory"),
        ),
        (ALWAYS, [down(1, 2, restart_count=3)], 1, Failed("exited with code 2")),
        # a job is proven by exiting with success
        (JOB, [up(0)], 60, Booting("it to complete")),
        (JOB, [up(0)], 120, Failed("still waiting for it to complete after 120 s")),
        (JOB, [up(0), down(3, 0)], 3, Healthy(3)),
        (JOB, [up(0), down(3, 1)], 3, Failed("exited with code 1")),
        (STUBBORN_JOB, [up(0), down(3, 1)], 3, Booting("a restart after exit code 1")),
        (STUBBORN_JOB, [up(0, restart_count=3)], 3, Failed("crash loop: restarted 3 times")),
    ],
)
def test_a_container_is_judged(
    gate: Gate, samples: list[Sample], now: float, verdict: Verdict
) -> None:
    assert judge(gate, samples, now=now) == verdict


def inspection(
    check: dict[str, object] | None = None, policy: dict[str, object] | None = None
) -> Inspection:
    host_config = {} if policy is None else {"RestartPolicy": policy}
    return Inspection(
        id="1", name="web", state="running", healthcheck=check or {}, host_config=host_config
    )


def check(**seconds: float) -> dict[str, object]:
    return {"Test": ["CMD", "true"]} | {
        name: value if name == "Retries" else int(value * SECOND)
        for name, value in seconds.items()
    }


@pytest.mark.parametrize(
    ("healthcheck", "deadline"),
    [
        ({}, 120),
        (check(), 30 * 4 + 15),
        (check(Interval=0, Retries=0), 30 * 4 + 15),
        (check(Interval=1), 120),
        (check(Interval=10, Retries=20), 10 * 21 + 15),
        (check(Interval=2, Retries=2, StartPeriod=300), 300 + 2 * 3 + 15),
        (check(StartPeriod=300), 300 + 30 * 4 + 15),
        (check() | {"Retries": "7", "Interval": "1s"}, 30 * 4 + 15),
    ],
)
def test_the_deadline_leaves_a_check_the_time_that_it_asks_for(
    healthcheck: dict[str, object], deadline: float
) -> None:
    gate = gate_for(HealthPolicy(), inspection(healthcheck), job=False)
    assert gate.deadline == deadline
    assert gate.has_healthcheck is bool(healthcheck)


def test_the_files_own_words_come_first() -> None:
    policy = HealthPolicy(deadline=5, stability=0)
    gate = gate_for(policy, inspection(check(StartPeriod=300)), job=True)
    assert (gate.deadline, gate.stability, gate.job) == (5, 0, True)
    assert gate_for(HealthPolicy(), inspection(), job=False).stability == 10


@pytest.mark.parametrize(
    ("policy", "after_failure", "after_success"),
    [
        (None, False, False),
        ({"Name": ""}, False, False),
        ({"Name": "no"}, False, False),
        ({"Name": "on-failure"}, True, False),
        ({"Name": "always"}, True, True),
        ({"Name": "unless-stopped"}, True, True),
    ],
)
def test_a_gate_knows_what_the_engine_will_restart(
    policy: dict[str, object] | None, *, after_failure: bool, after_success: bool
) -> None:
    gate = gate_for(HealthPolicy(), inspection(policy=policy), job=False)
    assert gate.restarts_by_itself is after_failure
    assert gate.restarts_after_success is after_success


def test_a_record_of_a_look_holds_what_was_remarkable() -> None:
    assert up(1.23456).as_data() == {"at": 1.235, "state": "running"}
    assert down(2, 0).as_data() == {"at": 2, "state": "exited", "exit_code": 0}
    full = up(3, restart_count=1, health="unhealthy", probe="failing", detail="HTTP 503")
    assert full.as_data() == {
        "at": 3,
        "state": "running",
        "restarts": 1,
        "health": "unhealthy",
        "probe": "failing",
        "detail": "HTTP 503",
    }


# --- what holds for every gate and every row of samples -----------------------------------------

gates = st.builds(
    Gate,
    deadline=st.integers(0, 30),
    stability=st.integers(0, 10),
    has_healthcheck=st.booleans(),
    restarts_by_itself=st.booleans(),
    restarts_after_success=st.booleans(),
    job=st.booleans(),
)
looks = st.builds(
    Sample,
    at=st.integers(0, 40),
    state=st.sampled_from(["created", "running", "paused", "restarting", "exited", "dead"]),
    exit_code=st.integers(0, 1),
    restart_count=st.integers(0, 4),
    oom_killed=st.booleans(),
    health=st.sampled_from(["", "starting", "healthy", "unhealthy"]),
    probe=st.sampled_from(["none", "ok", "failing"]),
)
rows = st.lists(looks, max_size=6).map(
    lambda found: sorted(found, key=lambda each: (each.at, each.restart_count))
)
later = st.integers(0, 60)


@given(gates, rows, later)
def test_nothing_is_healthy_whose_last_look_was_bad(
    gate: Gate, samples: list[Sample], wait: int
) -> None:
    now = (samples[-1].at if samples else 0) + wait
    verdict = judge(gate, samples, now=now)
    if isinstance(verdict, Healthy):
        last = samples[-1]
        done = gate.job and last.state in {"exited", "dead"} and last.exit_code == 0
        assert done or (is_healthy(gate, last) and not gate.job)
        assert done or now - verdict.since >= gate.stability


@given(gates, rows, later, later)
def test_without_a_new_look_time_alone_takes_no_verdict_back(
    gate: Gate, samples: list[Sample], wait: int, more: int
) -> None:
    now = (samples[-1].at if samples else 0) + wait
    verdict = judge(gate, samples, now=now)
    if not isinstance(verdict, Booting):
        assert judge(gate, samples, now=now + more) == verdict


@given(gates, rows)
def test_no_gate_stays_open_for_ever(gate: Gate, samples: list[Sample]) -> None:
    last = samples[-1].at if samples else 0
    end = max(gate.deadline, last + gate.stability)
    assert not isinstance(judge(gate, samples, now=end), Booting)


@given(gates, rows, looks)
def test_what_was_seen_before_a_restart_does_not_count(
    gate: Gate, samples: list[Sample], first: Sample
) -> None:
    restarted = [each for each in samples if each.restart_count != first.restart_count]
    if restarted and all(each.restart_count == restarted[0].restart_count for each in restarted):
        now = restarted[-1].at + 5
        assert judge(gate, [first, *restarted], now=now) == judge(gate, restarted, now=now)


def test_one_look_is_enough_to_tell_whether_it_is_well_now() -> None:
    gate = Gate(deadline=10, stability=5)
    assert is_healthy(gate, Sample(at=0, state="running"))
    assert not is_healthy(gate, Sample(at=0, state="running", probe="failing"))

"""Judge a container from samples over time. A table of states; no clock of its own.

Rule 1: a verdict is about the version. What the surroundings do (an engine that does not answer)
        never becomes a sample.
Rule 2: failing fast needs proof: an exit that nothing will restart, or a crash loop. Everything
        else may still come right until the deadline. `unhealthy` is not final while booting: a
        check without start_period says it of every slow start.
Rule 3: healthy once is not healthy: it has to last a stability window without a restart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from moorline.core.model import HealthPolicy, Inspection
from moorline.core.values import JsonObject

__all__ = ["Booting", "Failed", "Gate", "Healthy", "Sample", "Verdict", "gate_for", "judge"]

MINIMUM_DEADLINE = 120.0
MARGIN = 15.0
STABILITY = 10.0
CRASH_LOOP_RESTARTS = 3

# The engine's own defaults for a check that leaves them out (Docker Engine API, HealthConfig).
DEFAULT_INTERVAL = 30.0
DEFAULT_RETRIES = 3
SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What one container must pass. Seconds; `job` is proven by exiting with success."""

    deadline: float
    stability: float
    has_healthcheck: bool = False
    restarts_by_itself: bool = False
    restarts_after_success: bool = False
    job: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look at a container. `at` is seconds since its gate opened."""

    at: float
    state: str
    exit_code: int = 0
    restart_count: int = 0
    oom_killed: bool = False
    health: str = ""
    detail: str = ""
    """The last healthcheck output or probe result."""
    probe: Literal["none", "ok", "failing"] = "none"

    def as_data(self) -> JsonObject:
        """For a record."""
        data: dict[str, str | int | float] = {"at": round(self.at, 3), "state": self.state}
        if self.state in {"exited", "dead"}:
            data["exit_code"] = self.exit_code
        if self.restart_count:
            data["restarts"] = self.restart_count
        if self.health:
            data["health"] = self.health
        if self.probe != "none":
            data["probe"] = self.probe
        if self.detail:
            data["detail"] = self.detail.strip()
        return data


@dataclass(frozen=True, slots=True)
class Booting:
    """No verdict yet; `waiting_for` says what is missing."""

    waiting_for: str


@dataclass(frozen=True, slots=True)
class Healthy:
    """Passed its gate; `since` is when the stability window began."""

    since: float


@dataclass(frozen=True, slots=True)
class Failed:
    """Will not pass; `reason` is one line for people."""

    reason: str


Verdict: TypeAlias = Booting | Healthy | Failed


def gate_for(policy: HealthPolicy, inspection: Inspection, *, job: bool) -> Gate:
    """Combine the file's policy with the container's effective healthcheck.

    The default deadline leaves the check the time that its own settings ask for:
    max(120 s, start_period + interval x (retries + 1) + 15 s).
    """
    check = inspection.healthcheck
    interval = _seconds(check, "Interval") or DEFAULT_INTERVAL
    retries = check.get("Retries") or DEFAULT_RETRIES
    attempts = (retries if isinstance(retries, int) else DEFAULT_RETRIES) + 1
    needed = _seconds(check, "StartPeriod") + interval * attempts + MARGIN if check else 0.0
    deadline = max(MINIMUM_DEADLINE, needed) if policy.deadline is None else policy.deadline
    return Gate(
        deadline=deadline,
        stability=STABILITY if policy.stability is None else policy.stability,
        has_healthcheck=bool(check),
        restarts_by_itself=_restart_policy(inspection) not in {"", "no"},
        restarts_after_success=_restart_policy(inspection) not in {"", "no", "on-failure"},
        job=job,
    )


def judge(gate: Gate, samples: Sequence[Sample], *, now: float) -> Verdict:
    """Return the verdict at `now` seconds, on samples in order of time."""
    if not samples:
        return _wait_or_fail(gate, "a first look", now)
    last = samples[-1]
    if last.state in {"exited", "dead"}:
        return _judge_exit(gate, last, now)
    if last.restart_count >= CRASH_LOOP_RESTARTS:
        return Failed(f"crash loop: restarted {last.restart_count} times{_oom(last)}")
    if gate.job:
        return _wait_or_fail(gate, "it to complete", now)
    missing = _missing(gate, last)
    if missing:
        return _wait_or_fail(gate, missing, now)
    since = _good_since(gate, samples)
    if now - since >= gate.stability:
        return Healthy(since)
    return Booting(f"{gate.stability - (now - since):.0f} s of stability")


def is_healthy(gate: Gate, sample: Sample) -> bool:
    """Whether this one look finds the container well: what a dependent's condition asks."""
    return not _missing(gate, sample)


def _judge_exit(gate: Gate, last: Sample, now: float) -> Verdict:
    if gate.job and last.exit_code == 0:
        return Healthy(last.at)
    again = gate.restarts_by_itself if last.exit_code else gate.restarts_after_success
    if again and last.restart_count < CRASH_LOOP_RESTARTS:
        return _wait_or_fail(gate, f"a restart after exit code {last.exit_code}", now)
    return Failed(f"exited with code {last.exit_code}{_oom(last)}")


def _wait_or_fail(gate: Gate, missing: str, now: float) -> Verdict:
    if now < gate.deadline:
        return Booting(missing)
    return Failed(f"still waiting for {missing} after {gate.deadline:.0f} s")


def _missing(gate: Gate, sample: Sample) -> str:
    """What keeps this look from being a good one; empty where nothing does."""
    if sample.state != "running":
        return f"it to run (it is {sample.state})"
    if gate.has_healthcheck and sample.health != "healthy":
        return f"its healthcheck ({sample.health or 'no result yet'}{_brief(sample.detail)})"
    if sample.probe == "failing":
        return f"its probe{_brief(sample.detail)}"
    return ""


def _good_since(gate: Gate, samples: Sequence[Sample]) -> float:
    """The time of the first look of the unbroken run of good ones at the end."""
    last = samples[-1]
    since = last.at
    for sample in reversed(samples):
        if sample.restart_count != last.restart_count or _missing(gate, sample):
            break
        since = sample.at
    return since


def _oom(sample: Sample) -> str:
    return ", out of memory" if sample.oom_killed else ""


def _brief(detail: str) -> str:
    text = " ".join(detail.split())[:120]
    return f": {text}" if text else ""


def _seconds(check: JsonObject, key: str) -> float:
    value = check.get(key)
    return value / SECOND if isinstance(value, int | float) else 0.0


def _restart_policy(inspection: Inspection) -> str:
    policy = inspection.host_config.get("RestartPolicy")
    return str(policy.get("Name", "")) if isinstance(policy, Mapping) else ""

"""Judge a canary from the counters of both versions, and say when its share may rise. Pure.

Rule 1: the new version is judged on everything that it served since its canary began, and against
        the old version in the same time: what is bad for both is not the new version's fault.
Rule 2: few requests are no verdict. Time alone passes a step then: a quiet night must not keep a
        rollout open, and who wants it otherwise writes `pause: true`.
Rule 3: only time in which somebody looked counts, at most `LONGEST_LOOK` between two looks. So
        neither a clock that jumps nor a daemon that was away passes a step unseen.
Rule 4: counters only grow, unless the ingress was reloaded or made anew: where one shrank, all
        that it shows came since.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, TypeAlias

from moorline.core.strategy import ALL, AbortOn, Canary
from moorline.core.traffic import Track

__all__ = [
    "Abort",
    "Counts",
    "Decision",
    "Done",
    "Look",
    "Paused",
    "Progress",
    "Raise",
    "Stay",
    "StepEvidence",
    "Tally",
    "advance",
    "describe",
    "verdict",
]

LONGEST_LOOK = 10.0
SLOW_ALLOWED = 0.05
"""What may take longer than the 95th percentile's limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What one version did, as `TrackStats` has it."""

    requests: int = 0
    errors: int = 0
    timed: int = 0
    slow: int = 0

    def plus(self, other: "Counts") -> "Counts":
        return Counts(
            requests=self.requests + other.requests,
            errors=self.errors + other.errors,
            timed=self.timed + other.timed,
            slow=self.slow + other.slow,
        )

    def minus(self, other: "Counts") -> "Counts":
        return Counts(
            requests=self.requests - other.requests,
            errors=self.errors - other.errors,
            timed=self.timed - other.timed,
            slow=self.slow - other.slow,
        )

    def since(self, earlier: "Counts") -> "Counts":
        """What was added since an earlier look at the same counters; see rule 4."""
        grown = self.minus(earlier)
        shrank = min(grown.requests, grown.errors, grown.timed, grown.slow) < 0
        return self if shrank else grown

    @property
    def error_rate(self) -> float:
        return self.errors / self.requests if self.requests else 0.0

    @property
    def slow_share(self) -> float:
        return self.slow / self.timed if self.timed else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """One version's counts: as last seen, since the canary began, and until its present step."""

    seen: Counts
    total: Counts = field(default_factory=Counts)
    before: Counts = field(default_factory=Counts)

    @property
    def of_step(self) -> Counts:
        return self.total.minus(self.before)

    def after(self, counters: Counts) -> "Tally":
        """The same after another look at the counters."""
        grown = self.total.plus(counters.since(self.seen))
        return replace(self, seen=counters, total=grown)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEvidence:
    """A step that has ended, for the record. `weight` is in percent, rates are 0 to 1."""

    weight: float
    seconds: float
    ended: Literal["passed", "promoted", "aborted"]
    requests: int
    error_rate: float
    slow: float
    old_requests: int
    old_error_rate: float
    old_slow: float
    trouble: str = ""
    """Why the Prometheus query gave no verdict, where it did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a canary came. `step` counts from 0, and is the number of steps at the end."""

    track: Track
    looked: str
    """When it was looked at last, ISO 8601."""
    new: Tally
    old: Tally
    step: int = 0
    watched: float = 0.0
    """Seconds of the present step."""
    paused: bool = False
    trouble: str = ""
    aborted: str = ""
    """Why it was taken back; it does not go on from there, whatever is seen later."""
    steps: tuple[StepEvidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look at a canary found. `metric` is the Prometheus query's result."""

    at: datetime
    new: Counts
    old: Counts
    metric: float | None = None
    trouble: str = ""
    promoted: bool = False
    """Whether a person promoted the step that it is in."""
    unwell: str = ""
    """What is wrong with the new version's containers themselves."""


@dataclass(frozen=True, slots=True)
class Raise:
    """Give the new version this share from now on, out of `ALL`."""

    share: int


@dataclass(frozen=True, slots=True)
class Stay:
    """The present step lasts `seconds` longer."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Paused:
    """The present step waits for a person."""


@dataclass(frozen=True, slots=True)
class Done:
    """All steps are passed."""


@dataclass(frozen=True, slots=True)
class Abort:
    """Take it back; `reason` is one line for people."""

    reason: str


Decision: TypeAlias = Raise | Stay | Paused | Done | Abort


def advance(
    policy: Canary, progress: Progress | None, look: Look, *, track: Track
) -> tuple[Progress, Decision]:
    """Take one look into account. No progress, or that of another track, is the beginning."""
    if progress is None or progress.track != track:
        progress = _begin(look, track)
        begun = Raise(policy.steps[0].share)
        return progress, Abort(look.unwell) if look.unwell else begun
    if progress.aborted:
        return progress, Abort(progress.aborted)
    progress = _after(progress, look)
    if progress.step >= len(policy.steps):
        return progress, Done()
    if reason := look.unwell or verdict(policy.abort_on, progress, look.metric):
        return replace(_end_step(policy, progress, "aborted"), aborted=reason), Abort(reason)
    step = policy.steps[progress.step]
    if progress.watched < step.seconds:
        return progress, Stay(step.seconds - progress.watched)
    if step.pause and not look.promoted:
        return replace(progress, paused=True), Paused()
    ended = _end_step(policy, progress, "promoted" if step.pause else "passed")
    ended = replace(ended, step=ended.step + 1, watched=0.0, paused=False)
    if ended.step == len(policy.steps):
        return ended, Done()
    return ended, Raise(policy.steps[ended.step].share)


def verdict(limits: AbortOn, progress: Progress, metric: float | None) -> str:
    """Why the canary is to be taken back; empty where nothing speaks against it."""
    new, old = progress.new.total, progress.old.total
    return _failing(limits, new, old) or _slow(limits, new, old) or _metric(limits, metric)


def describe(policy: Canary, progress: Progress) -> str:
    """The present step in words, the same as long as it lasts: `5 %, step 1 of 3, for 120 s`."""
    if progress.step >= len(policy.steps):
        return "all steps passed"
    step = policy.steps[progress.step]
    pauses = step.pause and progress.watched >= step.seconds
    rest = "waits to be promoted" if pauses else f"for {step.seconds:g} s"
    return f"{_percent(step.share / ALL)}, step {progress.step + 1} of {len(policy.steps)}, {rest}"


def _begin(look: Look, track: Track) -> Progress:
    return Progress(
        track=track,
        looked=look.at.isoformat(),
        new=Tally(seen=look.new),
        old=Tally(seen=look.old),
        trouble=look.trouble,
    )


def _after(progress: Progress, look: Look) -> Progress:
    elapsed = (look.at - datetime.fromisoformat(progress.looked)).total_seconds()
    return replace(
        progress,
        looked=look.at.isoformat(),
        watched=round(progress.watched + min(max(elapsed, 0.0), LONGEST_LOOK), 3),
        new=progress.new.after(look.new),
        old=progress.old.after(look.old),
        trouble=look.trouble,
    )


def _end_step(
    policy: Canary, progress: Progress, ended: Literal["passed", "promoted", "aborted"]
) -> Progress:
    new, old = progress.new.of_step, progress.old.of_step
    evidence = StepEvidence(
        weight=100 * policy.steps[progress.step].share / ALL,
        seconds=progress.watched,
        ended=ended,
        requests=new.requests,
        error_rate=round(new.error_rate, 5),
        slow=round(new.slow_share, 5),
        old_requests=old.requests,
        old_error_rate=round(old.error_rate, 5),
        old_slow=round(old.slow_share, 5),
        trouble=progress.trouble,
    )
    return replace(
        progress,
        new=replace(progress.new, before=progress.new.total),
        old=replace(progress.old, before=progress.old.total),
        steps=(*progress.steps, evidence),
    )


def _failing(limits: AbortOn, new: Counts, old: Counts) -> str:
    limit = limits.error_rate
    if limit is None or new.requests < limits.min_requests or new.error_rate <= limit:
        return ""
    comparable = old.requests >= limits.min_requests
    if comparable and old.error_rate >= new.error_rate:
        return ""
    return (
        f"canary: {_percent(new.error_rate)} of {new.requests} requests failed, "
        f"{_percent(limit)} may{_compared(old.error_rate, told=comparable)}"
    )


def _slow(limits: AbortOn, new: Counts, old: Counts) -> str:
    limit = limits.p95
    if limit is None or new.timed < limits.min_requests or new.slow_share <= SLOW_ALLOWED:
        return ""
    comparable = old.timed >= limits.min_requests
    if comparable and old.slow_share >= new.slow_share:
        return ""
    return (
        f"canary: {_percent(new.slow_share)} of {new.timed} answers took longer than "
        f"{limit:g} s, 5 % may{_compared(old.slow_share, told=comparable)}"
    )


def _metric(limits: AbortOn, metric: float | None) -> str:
    if limits.prometheus is None or metric is None or metric <= limits.prometheus.above:
        return ""
    return f"canary: its Prometheus query gives {metric:g}, above {limits.prometheus.above:g}"


def _compared(old: float, *, told: bool) -> str:
    return f" (the old version: {_percent(old)})" if told else ""


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"

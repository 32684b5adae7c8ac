"""How far the canaries of a rollout came, for people and machines."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from moorline.agent.durable.journal import Entry
from moorline.agent.execution.canary import read_progress
from moorline.core.canary import Progress
from moorline.core.desired import Desired
from moorline.core.strategy import ALL, Canary
from moorline.core.values import Json

__all__ = ["CanaryStatus", "canaries_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryStatus:
    """One service's canary. `step` counts from 1; `until` is empty where a person decides."""

    service: str
    step: int
    steps: int
    weight: float
    until: str
    paused: bool
    requests: int
    error_rate: float
    old_error_rate: float

    def as_data(self) -> dict[str, Json]:
        """The same for machines; the keys are stable."""
        return {
            "service": self.service,
            "step": self.step,
            "steps": self.steps,
            "weight": self.weight,
            "until": self.until or None,
            "paused": self.paused,
            "requests": self.requests,
            "error_rate": self.error_rate,
            "old_error_rate": self.old_error_rate,
        }


def canaries_of(entry: Entry, desired: Desired) -> Iterator[CanaryStatus]:
    """Those of the rollout under way that have begun and not ended, in file order."""
    for workload in desired.workloads:
        policy, data = workload.service.strategy, entry.canaries.get(workload.name)
        progress = read_progress(data) if data else None
        if not isinstance(policy, Canary) or progress is None:
            continue
        if progress.step < len(policy.steps):
            yield _status(workload.name, policy, progress)


def _status(service: str, policy: Canary, progress: Progress) -> CanaryStatus:
    step = policy.steps[progress.step]
    left = timedelta(seconds=max(0.0, step.seconds - progress.watched))
    until = datetime.fromisoformat(progress.looked) + left
    new, old = progress.new.total, progress.old.total
    return CanaryStatus(
        service=service,
        step=progress.step + 1,
        steps=len(policy.steps),
        weight=100 * step.share / ALL,
        until="" if progress.paused else until.isoformat(timespec="seconds"),
        paused=progress.paused,
        requests=new.requests,
        error_rate=round(new.error_rate, 5),
        old_error_rate=round(old.error_rate, 5),
    )

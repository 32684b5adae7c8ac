"""When retention runs on this host: at the policy's hours, and when the grace of a decision ends.

At most one decision waits at a time. The hour that passes while one does is made up for as soon
as it is carried out; so is an hour at which the host was down, once however many there were.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from cronsim import CronSim

from moorline.agent.host import Host
from moorline.agent.retention.apply import apply_due
from moorline.agent.retention.ground import find_policy
from moorline.agent.retention.ledger import CLOCKS, Memory, MemoryFile, pending_decision
from moorline.agent.retention.offices import Offices
from moorline.agent.retention.plan import RetentionPlan, plan_retention, record_plan
from moorline.core.retention.model import Policy
from moorline.core.retention.outcomes import PackageOutcome
from moorline.errors import Interrupted, MoorlineError, RateLimited, Transient

__all__ = ["Schedule", "next_hour"]

SOON, LATER = 300.0, 3600.0
"""Seconds until a run is tried again: after what may pass, and after what a person has to mend."""
FARTHEST = 2 * LATER
LONGEST = 3600.0
"""Seconds after which a clock that jumped, or a policy that changed, is noticed at the latest."""
_DEFAULT = Policy(packages=(), rules=()).schedule


def next_hour(schedule: str, after: float) -> float:
    """The first moment after `after` that a cron expression names, in UTC; infinity for none."""
    moments = CronSim(schedule, datetime.fromtimestamp(after, UTC))
    return next((each.timestamp() for each in islice(moments, 1)), math.inf)


@dataclass(slots=True)
class Schedule:
    """A task of the clerk's. `open_offices` is asked once there is something to do."""

    host: Host
    open_offices: Callable[[], Offices]
    name: str = "retention"
    _offices: Offices | None = None
    _file: MemoryFile = field(init=False)

    def __post_init__(self) -> None:
        self._file = MemoryFile(Path(self.host.config.state_dir, "retention"))

    def due_in(self) -> float:
        """Seconds until there is something to do; infinity where this host runs no retention."""
        if not self.host.config.retention.run:
            return math.inf
        now, memory = self._now(), self._file.load()
        if not 0 < memory.looked <= now + CLOCKS:
            # the hours before this host was asked to do it are nobody's loss; nor are those of a
            # clock that was ahead
            memory = self._file.remember(looked=now)
        return min(max(0.0, self._moment(memory, now) - now), LONGEST)

    def run(self) -> None:
        """Do what is due; errors are remembered for `status`, and it is tried again.

        Raises Interrupted alone.
        """
        now = self._now()
        try:
            if self._offices is None:
                self._offices = self.open_offices()
            troubles = self._run(self._offices, now)
        except Interrupted:
            raise
        except MoorlineError as error:
            self._failed(error, now)
        else:
            self._file.remember(retry=0.0, trouble="; ".join(troubles))

    def _moment(self, memory: Memory, now: float) -> float:
        """What is next. A clock may have been set back: then what was noted is of no use."""
        if now < memory.retry <= now + FARTHEST:
            return memory.retry
        if memory.due and memory.decided <= now + CLOCKS:
            return memory.due
        return self._hour(memory)

    def _run(self, offices: Offices, now: float) -> tuple[str, ...]:
        """Returns what went wrong with single packages."""
        applied = apply_due(offices)
        troubles = _problems(applied.packages) if applied else ()
        pending = pending_decision(offices.repo, offices.config.host, now=now)
        if pending is not None:
            self._file.remember(pending=pending.id, decided=pending.at, due=pending.due or 0.0)
            return troubles
        self._file.remember(pending="", decided=0.0, due=0.0)
        if self._hour(self._file.load()) > now:
            return troubles
        return troubles + self._plan(offices, now)

    def _plan(self, offices: Offices, now: float) -> tuple[str, ...]:
        plan = plan_retention(offices)
        due = 0.0
        # an empty record a day would only bury the others
        if plan.policy.packages:
            due = record_plan(offices, plan).due or 0.0
        self._file.remember(
            looked=now,
            schedule=plan.policy.schedule,
            pending=plan.id if due else "",
            decided=plan.made if due else 0.0,
            due=due,
        )
        self._tell(plan)
        return tuple(f"{each.package}: {each.problem}" for each in plan.decisions if each.problem)

    def _hour(self, memory: Memory) -> float:
        """The hour after the last one that was kept."""
        return next_hour(self._expression(memory), memory.looked)

    def _expression(self, memory: Memory) -> str:
        """That of the policy, as the mirror has it; a broken policy keeps its last one."""
        try:
            tip = self.host.repo.tip()
            policy = find_policy(self.host.repo, tip)[0] if tip else None
        except MoorlineError:
            policy = None
        return (policy.schedule if policy else memory.schedule) or _DEFAULT

    def _now(self) -> float:
        return self.host.clock.now().timestamp()

    def _failed(self, error: MoorlineError, now: float) -> None:
        seconds = LATER
        if isinstance(error, RateLimited):
            seconds = min(max(1.0, error.seconds), FARTHEST)
        elif isinstance(error, Transient):
            seconds = SOON
        self._file.remember(retry=now + seconds, trouble=str(error))
        self.host.reporter.note("retention failed", error=str(error))

    def _tell(self, plan: RetentionPlan) -> None:
        self.host.reporter.note(
            "retention decided",
            decision=plan.id,
            go=sum(len(each.doomed) for each in plan.decisions),
            packages=len(plan.decisions),
            skipped=sum(bool(each.problem) for each in plan.decisions),
            dry_run=not plan.policy.enabled,
        )


def _problems(packages: Sequence[PackageOutcome]) -> tuple[str, ...]:
    """Of what was to be done: a package that was skipped then may be decided about by now."""
    return tuple(
        f"{each.name}: {each.problem}"
        for each in packages
        if each.problem and (each.versions or each.untagged)
    )

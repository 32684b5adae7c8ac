"""How one environment stands: what is desired, running and proven, and what is wrong.

Only looks, and takes no lock: works beside the daemon, and where engine or branch are away says so
instead of failing.
"""

from dataclasses import dataclass

from moorline.adapters.ports import Commit
from moorline.agent.host import Host
from moorline.agent.journal import Entry
from moorline.agent.ledger import Ledger
from moorline.agent.memory import Proven
from moorline.agent.preview import preview, target_at_tip
from moorline.agent.target import Target
from moorline.core.actions import Plan
from moorline.core.model import ObservedContainer
from moorline.core.values import Json
from moorline.errors import MoorlineError

__all__ = ["Status", "status_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One environment on this host. What could not be found out is None; a trouble says why."""

    environment: str
    change: Commit | None
    """The commit that the host aims at: the branch's, or the proven one where that is refused."""
    proven: Proven | None
    is_proven: bool
    running: tuple[ObservedContainer, ...] | None
    drift: Plan | None
    under_way: Entry | None
    troubles: tuple[str, ...]
    last_event: str
    last_event_at: str
    records_waiting: int

    @property
    def in_step(self) -> bool:
        """Whether what is desired is proven and runs, and nothing is wrong."""
        looked = self.drift is not None and not self.drift
        return looked and self.is_proven and self.under_way is None and not self.troubles

    def as_data(self) -> dict[str, Json]:
        """The same for machines; the keys are stable."""
        return {
            "environment": self.environment,
            "in_step": self.in_step,
            "desired": None if self.change is None else _commit(self.change),
            "proven": None if self.proven is None else _proven(self.proven),
            "running": None if self.running is None else [_container(c) for c in self.running],
            "drift": None if self.drift is None else self.drift.as_data(),
            "under_way": None if self.under_way is None else _entry(self.under_way),
            "troubles": list(self.troubles),
            "last_event": self.last_event or None,
            "last_event_at": self.last_event_at or None,
            "records_waiting": self.records_waiting,
        }


def status_of(host: Host, ledger: Ledger) -> Status:
    """Find out; raises StorageFailed where not even the state directory can be read."""
    memory = ledger.memory.load()
    troubles = [memory.trouble] if memory.trouble else []
    target = _target(host, ledger, troubles)
    running = _running(host, ledger.environment, troubles)
    drift = None
    if target is not None and running is not None:
        drift = _drift(host, ledger, target, troubles)
    return Status(
        environment=ledger.environment,
        change=target.change if target else None,
        proven=memory.proven,
        is_proven=target is not None and target.proven,
        running=running,
        drift=drift,
        under_way=ledger.journal.load(),
        troubles=tuple(dict.fromkeys(troubles)),
        last_event=memory.last_event,
        last_event_at=memory.last_event_at,
        records_waiting=len(ledger.outbox.waiting()),
    )


def _target(host: Host, ledger: Ledger, troubles: list[str]) -> Target | None:
    try:
        target = target_at_tip(host, ledger)
    except MoorlineError as error:
        troubles.append(str(error))
        return None
    if target.complaint is not None:
        troubles.append(str(target.complaint))
    return target


def _running(
    host: Host, environment: str, troubles: list[str]
) -> tuple[ObservedContainer, ...] | None:
    try:
        found = host.engine.observe(environment, ()).containers
    except MoorlineError as error:
        troubles.append(str(error))
        return None
    return tuple(sorted(found, key=lambda each: (each.service, each.number, each.name)))


def _drift(host: Host, ledger: Ledger, target: Target, troubles: list[str]) -> Plan | None:
    try:
        found = preview(host, ledger, target)
    except MoorlineError as error:
        troubles.append(str(error))
        return None
    if found.refusal is not None:
        troubles.append(str(found.refusal))
    return found.plan


def _commit(commit: Commit) -> dict[str, Json]:
    return {
        "commit": commit.sha,
        "subject": commit.subject,
        "author": commit.author,
        "at": commit.at,
    }


def _proven(proven: Proven) -> dict[str, Json]:
    return {
        "commit": proven.commit,
        "deployment": proven.deployment or None,
        "pins": dict(proven.pins),
    }


def _container(container: ObservedContainer) -> dict[str, Json]:
    return {
        "service": container.service,
        "number": container.number,
        "name": container.name,
        "pin": container.pin or None,
        "state": container.state,
        "health": container.health or None,
        "commit": container.commit or None,
        "ours": container.ours,
    }


def _entry(entry: Entry) -> dict[str, Json]:
    return {
        "record": entry.id,
        "commit": entry.commit,
        "phase": entry.phase,
        "started": entry.started,
        "reason": entry.reason or None,
    }

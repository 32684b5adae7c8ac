"""How one environment stands: what is desired, running and proven, and what is wrong.

Only looks, and takes no lock: works beside the daemon, and where engine or branch are away says so
instead of failing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from moorline.adapters.staterepo_port import Commit
from moorline.agent.durable.journal import Entry
from moorline.agent.durable.ledger import Ledger
from moorline.agent.durable.memory import Proven
from moorline.agent.holding import hold_at_tip, wait_of
from moorline.agent.host import Host
from moorline.agent.registry.vanished import VanishedFile
from moorline.agent.target import Target
from moorline.agent.views.preview import preview, proven_target, target_at_tip
from moorline.agent.views.progress import CanaryStatus, canaries_of
from moorline.core.actions import Plan
from moorline.core.model import ObservedContainer
from moorline.core.values import Json
from moorline.errors import MoorlineError, StorageFailed

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
    held: str = ""
    """Why the change is not rolled out now: paused, its window, or a failure that is held."""
    held_until: str = ""
    """When its window opens; empty where a commit has to end it."""
    canaries: tuple[CanaryStatus, ...] = ()
    watched_until: str = ""
    """Until when a failure takes what is proven back; empty once that is over."""
    restarts: Mapping[str, int] = field(default_factory=dict)
    """Service → how often it was restarted since the proof because it failed."""
    tags_waiting: int = 0
    """Registry tags that do not follow yet what is proven."""

    @property
    def in_step(self) -> bool:
        """Whether what is desired is proven and runs, and nothing is wrong."""
        looked = self.drift is not None and not self.drift
        busy = self.under_way is not None or bool(self.held)
        return looked and self.is_proven and not busy and not self.troubles

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
            "canaries": [each.as_data() for each in self.canaries],
            "held": self.held or None,
            "held_until": self.held_until or None,
            "watched_until": self.watched_until or None,
            "restarts": dict(self.restarts),
            "troubles": list(self.troubles),
            "last_event": self.last_event or None,
            "last_event_at": self.last_event_at or None,
            "records_waiting": self.records_waiting,
            "tags_waiting": self.tags_waiting,
        }


def status_of(host: Host, ledger: Ledger) -> Status:
    """Find out; raises StorageFailed where not even the state directory can be read."""
    memory, under_way = ledger.memory.load(), ledger.journal.load()
    troubles = [memory.trouble] if memory.trouble else []
    target = _target(host, ledger, troubles)
    wait = None
    if target is not None and not target.proven and under_way is None:
        wait = wait_of(target, host.clock.now())
    running = _running(host, ledger.environment, troubles)
    aim = target if wait is None else _meanwhile(host, ledger, target, troubles)
    hold = hold_at_tip(host, ledger)
    tags_waiting = _tags(host, ledger, troubles)
    hands_off = hold is not None and bool(memory.forward_only)
    drift = None
    if aim is not None and running is not None and not hands_off:
        drift = _drift(host, ledger, aim, troubles)
    return Status(
        environment=ledger.environment,
        change=target.change if target else None,
        proven=memory.proven,
        is_proven=target is not None and target.proven,
        running=running,
        drift=drift,
        under_way=under_way,
        troubles=tuple(dict.fromkeys(troubles)),
        last_event=memory.last_event,
        last_event_at=memory.last_event_at,
        records_waiting=len(ledger.outbox.waiting()),
        held=str(hold) if hold else wait.sentence if wait else "",
        held_until=wait.until.isoformat() if wait and wait.until else "",
        canaries=tuple(canaries_of(under_way, target.desired)) if under_way and target else (),
        watched_until=_watched_until(host, ledger, target),
        restarts=memory.restarts,
        tags_waiting=tags_waiting,
    )


def _meanwhile(
    host: Host, ledger: Ledger, held: Target | None, troubles: list[str]
) -> Target | None:
    """What is looked after while a change waits; nothing, where its file says so."""
    if held is None or not held.desired.environment.settings.repair:
        return None
    try:
        return proven_target(host, ledger)
    except MoorlineError as error:
        troubles.append(str(error))
        return None


def _watched_until(host: Host, ledger: Ledger, target: Target | None) -> str:
    """When the watch of the proven state ends, if that is still to come."""
    proven = ledger.memory.load().proven
    if proven is None or not proven.at:
        return ""
    try:
        served = target if target and target.proven else proven_target(host, ledger)
    except MoorlineError:
        return ""  # what is wrong with it is told elsewhere
    watch = served.desired.environment.settings.watch if served else 0.0
    until = datetime.fromisoformat(proven.at) + timedelta(seconds=watch)
    return until.isoformat(timespec="seconds") if until > host.clock.now() else ""


def _target(host: Host, ledger: Ledger, troubles: list[str]) -> Target | None:
    try:
        target = target_at_tip(host, ledger)
    except MoorlineError as error:
        troubles.append(str(error))
        return None
    if target.complaint is not None:
        troubles.append(str(target.complaint))
    return target


def _tags(host: Host, ledger: Ledger, troubles: list[str]) -> int:
    """How many tag moves wait; what is wrong at the registry is a trouble."""
    state_dir = Path(host.config.state_dir)
    troubles += [str(each) for each in VanishedFile(state_dir, ledger.environment).load().gone]
    try:
        entries = ledger.tags.entries()
    except StorageFailed as error:
        troubles.append(str(error))
        return 0
    troubles += [each.waits for each in entries if each.trouble]
    return len(entries)


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

"""Slots: which container holds each place of an environment, and what that place still needs.

A service has one slot per replica. The *wanted* container of a slot carries the wanted spec and is
sound; every other one of ours in that place is *superseded*.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypedDict

from moorline.core.actions import (
    Action,
    Connect,
    Disconnect,
    RenameContainer,
    RunHook,
    SetRestartPolicy,
    StartContainer,
    UnpauseContainer,
)
from moorline.core.desired import SHORT, Desired, Workload, container_name
from moorline.core.model import ObservedContainer, ObservedEnvironment, Service
from moorline.core.values import JsonObject

__all__ = [
    "STOPPED",
    "Slot",
    "Target",
    "assign_slots",
    "free_name",
    "host_ports",
    "may_restart",
    "targets_of",
]

STOPPED = frozenset({"created", "exited", "dead"})
RESTART_POLICY = "RestartPolicy"


class Target(TypedDict):
    service: str
    number: int
    target: str


class Place(NamedTuple):
    """Where a container belongs, before it is known which one is there."""

    desired: Desired
    workload: Workload
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One place for one container. `target` is the wanted one's id, or the name of a new one."""

    workload: Workload
    number: int
    name: str
    target: str
    why: str
    wanted: ObservedContainer | None
    superseded: tuple[ObservedContainer, ...]
    completed: bool = False
    """A job that ran to success already: not to be run again."""

    @property
    def service(self) -> Service:
        return self.workload.service

    @property
    def starts(self) -> bool:
        """Whether a start is needed to fill this slot."""
        if self.wanted is None:
            return True
        return self.wanted.state in STOPPED and not self.completed

    @property
    def running(self) -> bool:
        return self.wanted is not None and self.wanted.state not in STOPPED

    @property
    def current_name(self) -> str:
        """The name of its container until that gets the settled one."""
        return self.wanted.name if self.wanted is not None else self.target

    def begins_after(self, service: str) -> bool:
        """Whether a start of `service` asks for a new start here: `depends_on` says so, or it
        owns a namespace that is shared (a new start, a new namespace).
        """
        asked = (each.service for each in self.service.depends_on if each.restart)
        return service in {*asked, *self.service.shares.values()}

    def attach(self, networks: Mapping[str, str]) -> list[Action]:
        """Put back the networks that the file gives and take off those that it does not."""
        if self.wanted is None or not self.service.networks:
            return []
        place = self._on()
        given = {networks[each.network]: each.network for each in self.service.networks}
        attached = self.wanted.networks
        missing: list[Action] = [
            Connect(**place, key=key, network=name, why="was detached by hand")
            for name, key in given.items()
            if name not in attached
        ]
        extra: list[Action] = [
            Disconnect(**place, network=name, why="not in the file")
            for name in sorted(attached - given.keys())
        ]
        return missing + extra

    def begin(self) -> list[Action]:
        """Start the container, then its post_start hooks in order."""
        policy = None
        why = f"starts: {self.why}"
        if self.wanted is not None:
            # given back: it may have been taken away when the container was retired
            policy = self._restart_policy() if may_restart(self.wanted) else None
            why = "something that it begins after was started"
            if not self.running:
                why = f"was {self.wanted.state}"
        start = StartContainer(**self._on(), restart_policy=policy, why=why)
        return [start, *self._post_start()]

    def mend(self) -> list[Action]:
        """Undo by-hand changes that need no new container."""
        if self.wanted is None:
            return []
        actions: list[Action] = []
        if self.wanted.state == "paused":
            actions.append(UnpauseContainer(**self._on(), why="was paused by hand"))
        if RESTART_POLICY in self.wanted.altered and not self.starts:
            policy = self._restart_policy()
            why = "was changed by hand"
            actions.append(SetRestartPolicy(**self._on(), restart_policy=policy, why=why))
        return actions

    def rename(self, name: str, *, why: str) -> RenameContainer:
        """Give the slot's container another name."""
        return RenameContainer(**self._on(), name=name, why=why)

    def _restart_policy(self) -> JsonObject:
        declared = self.service.host_config.get(RESTART_POLICY)
        return declared if isinstance(declared, Mapping) else {"Name": "no"}

    def _post_start(self) -> list[Action]:
        return [
            RunHook(**self._on(), hook=hook, why="post_start") for hook in self.service.post_start
        ]

    def _on(self) -> Target:
        return {"service": self.service.name, "number": self.number, "target": self.target}


def assign_slots(
    desired: Desired,
    observed: ObservedEnvironment,
) -> tuple[tuple[Slot, ...], tuple[ObservedContainer, ...]]:
    """Return every slot, in start order, and those of our containers that have no slot."""
    ours = [
        each
        for each in observed.containers
        if each.ours and not each.job and each.state != "removing"
    ]
    names = {each.name for each in observed.containers}
    slots: dict[tuple[str, int], Slot] = {}
    for workload in desired.workloads:
        for number in range(1, workload.service.replicas + 1):
            key = (workload.name, number)
            held = [each for each in ours if (each.service, each.number) == key]
            slots[key] = _assign(Place(desired, workload, number), held, slots, names)
    retired = tuple(
        sorted(
            (each for each in ours if (each.service, each.number) not in slots),
            key=lambda each: (each.service, each.number, each.id),
        ),
    )
    return tuple(slots.values()), retired


def targets_of(slots: Iterable[Slot]) -> dict[str, str]:
    """Service → the container that others share namespaces with: its first."""
    return {slot.workload.name: slot.target for slot in slots if slot.number == 1}


def may_restart(container: ObservedContainer) -> bool:
    """Whether the engine may start it again by itself: made so, or made so by hand."""
    return container.restarts or RESTART_POLICY in container.altered


def host_ports(service: Service) -> frozenset[str]:
    """Host ports that a service publishes, as `8080/tcp`.

    The address is left out: two services that share a port on different addresses are then
    stopped and started in turn for nothing, which is harmless; missing a real clash is not.
    """
    bindings = service.host_config.get("PortBindings")
    if not isinstance(bindings, Mapping):
        return frozenset()
    return frozenset(
        f"{number}/{port.partition('/')[2]}"
        for port, published in bindings.items()
        for binding in (published if isinstance(published, Sequence) else ())
        if isinstance(binding, Mapping)
        for number in _numbers(str(binding.get("HostPort") or "0"))
    )


def _numbers(host_port: str) -> Iterator[int]:
    """The ports of `8080` or `8080-8090`; none where the engine is free to choose."""
    low, _, high = host_port.partition("-")
    return (number for number in range(int(low), int(high or low) + 1) if number)


def _assign(
    place: Place,
    held: Iterable[ObservedContainer],
    slots: Mapping[tuple[str, int], Slot],
    names: set[str],
) -> Slot:
    desired, workload, number = place
    settled = container_name(desired.name, workload.service, number)
    ranked = sorted(held, key=lambda each: (each.state in STOPPED, each.name != settled, each.id))
    faults = {each.id: _fault(each, workload, slots) for each in ranked}
    wanted = next((each for each in ranked if not faults[each.id]), None)
    superseded = tuple(each for each in ranked if each is not wanted)
    fault = faults[superseded[0].id] if superseded else ""
    why = fault or "not on this host"
    job = desired.awaited_to_complete(workload.name)
    return Slot(
        workload=workload,
        number=number,
        name=settled,
        target=wanted.id if wanted else free_name(settled, workload.spec, names),
        why=why,
        wanted=wanted,
        superseded=superseded,
        completed=bool(wanted and job and wanted.state == "exited" and wanted.exit_code == 0),
    )


def _fault(
    container: ObservedContainer,
    workload: Workload,
    slots: Mapping[tuple[str, int], Slot],
) -> str:
    """Why this container cannot be the wanted one; empty where it can."""
    if container.spec != workload.spec:
        pin = workload.service.image.pin
        return "its configuration changed" if container.pin == pin else "its image changed"
    if container.state == "dead":
        return "the engine could not remove it cleanly"
    for key, owner in workload.service.shares.items():
        holder = slots[owner, 1].wanted
        if holder is None or container.shares.get(key) != holder.id:
            return f"it shares a namespace with an older {owner}"
    by_hand = [name for name in container.altered if name != RESTART_POLICY]
    return f"changed by hand: {', '.join(by_hand)}" if by_hand else ""


def free_name(settled: str, spec: str, names: Collection[str]) -> str:
    """The settled name, or one beside it while another container still carries that."""
    candidates = (settled, f"{settled}-{spec[:SHORT]}")
    for name in candidates:
        if name not in names:
            return name
    number = 2
    while f"{candidates[1]}-{number}" in names:
        number += 1
    return f"{candidates[1]}-{number}"

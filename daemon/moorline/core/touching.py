"""The part of a plan that stops what goes and starts what comes, in the order of dependencies."""

from collections.abc import Collection, Iterable, Sequence

from moorline.core.actions import (
    Action,
    RetireContainer,
    RunHook,
    SetRestartPolicy,
    UnpauseContainer,
    WaitFor,
)
from moorline.core.desired import Desired, Workload
from moorline.core.model import ObservedContainer
from moorline.core.slots import STOPPED, Slot, Target, host_ports, may_restart
from moorline.core.steps import Steps

__all__ = ["touch"]


def touch(
    steps: Steps,
    desired: Desired,
    slots: Sequence[Slot],
    retired: Iterable[ObservedContainer],
    networks: dict[str, str],
) -> None:
    _stop(steps, retired, steps.ready, why="not in the file")
    _stop_in_the_way(steps, slots)
    waits: dict[tuple[str, str], int] = {}
    leaving = [*retired, *(old for slot in slots for old in slot.superseded)]
    for workload in desired.workloads:
        own = [slot for slot in slots if slot.workload is workload]
        begin = [slot for slot in own if slot.starts or slot.target in steps.stopped]
        conditions = _conditions(steps, desired, workload, waits) if begin else []
        for slot in own:
            before = [*steps.ready, *conditions]
            if slot in begin:
                before += _stop_dependents(steps, slots, workload.name, before)
                _fill(steps, slot, before, leaving, networks)
            else:
                _keep(steps, slot, before, networks)


def _fill(
    steps: Steps,
    slot: Slot,
    before: Sequence[int],
    leaving: Iterable[ObservedContainer],
    networks: dict[str, str],
) -> None:
    """Stop what is in the slot, and start what belongs there."""
    _stop(steps, slot.superseded, before, why=f"replaced: {slot.why}")
    ports = host_ports(slot.service)
    freed = [
        steps.stopped[old.id]
        for old in leaving
        if old.id in steps.stopped and (old in slot.superseded or _may_hold(old, ports))
    ]
    if slot.target in steps.stopped:
        freed.append(steps.stopped[slot.target])
    actions = [*slot.attach(networks), *slot.begin()]
    steps.begun.setdefault(slot.workload.name, []).extend(steps.chain(actions, [*before, *freed]))


def _keep(
    steps: Steps,
    slot: Slot,
    before: Sequence[int],
    networks: dict[str, str],
) -> None:
    """Leave the running container in place, mended where someone changed it."""
    last = steps.chain([*slot.mend(), *slot.attach(networks)], before)
    _stop(steps, slot.superseded, [*before, *last], why="its place is taken")


def _stop_dependents(
    steps: Steps,
    slots: Iterable[Slot],
    service: str,
    before: Sequence[int],
) -> list[int]:
    """Stop what has to begin anew once `service` is started; returns the steps.

    It is stopped before and started after, in its own turn. Restarted at the end, it would be
    forgotten by a plan that ends in between: nothing shows that a running container is too old.
    """
    dependents = [slot.wanted for slot in slots if slot.running and slot.begins_after(service)]
    there = [each for each in dependents if each is not None]
    _stop(steps, there, before, why=f"begins after {service}, which is started")
    return [steps.stopped[each.id] for each in there]


def _stop_in_the_way(steps: Steps, slots: Sequence[Slot]) -> None:
    """Stop first what holds a port that another service is about to take; waiting for its own
    turn could be waiting for each other.
    """
    taken = [(slot.workload, host_ports(slot.service)) for slot in slots if slot.starts]
    for slot in slots:
        in_the_way = [
            old
            for old in slot.superseded
            if any(who is not slot.workload and _may_hold(old, ports) for who, ports in taken)
        ]
        _stop(steps, in_the_way, steps.ready, why="another service takes its port")


def _may_hold(container: ObservedContainer, ports: Collection[str]) -> bool:
    """Whether it has to be stopped before another can have these ports."""
    if container.state == "restarting":
        return bool(ports)  # the engine lists none between two starts
    return not container.host_ports.isdisjoint(ports)


def _stop(
    steps: Steps,
    leaving: Iterable[ObservedContainer],
    before: Sequence[int],
    *,
    why: str,
) -> None:
    for old in leaving:
        if old.state not in STOPPED and old.id not in steps.stopped:
            steps.stopped[old.id] = steps.chain(_farewell(old, why), before)[0]


def _farewell(old: ObservedContainer, why: str) -> list[Action]:
    """The stop, behind the pre_stop hooks that the container brought along."""
    where: Target = {"service": old.service, "number": old.number, "target": old.id}
    actions: list[Action] = []
    if old.state == "paused":
        actions.append(UnpauseContainer(**where, why="a paused one cannot stop"))
    if old.state != "restarting":
        actions += [RunHook(**where, hook=hook, why="pre_stop") for hook in old.pre_stop]
    stop: list[Action] = [RetireContainer(**where, grace=old.stop_grace_period, why=why)]
    if may_restart(old):
        disarm = "the engine's next start must not revive it"
        policy = SetRestartPolicy(**where, restart_policy={"Name": "no"}, why=disarm)
        # between two runs of a crash loop the engine takes no update: stopped, it does
        stop = [*stop, policy] if old.state == "restarting" else [policy, *stop]
    return [*actions, *stop]


def _conditions(
    steps: Steps,
    desired: Desired,
    workload: Workload,
    waits: dict[tuple[str, str], int],
) -> list[int]:
    """Steps that must be done before a slot of `workload` may start."""
    needed = [n for owner in workload.service.shares.values() for n in steps.begun.get(owner, ())]
    for dependency in workload.service.depends_on:
        if desired.workload(dependency.service) is None:
            continue  # not required, and not in the file: the parser refused the other case
        begun = steps.begun.get(dependency.service, [])
        if dependency.condition == "service_started":
            needed += begun
            continue
        key = (dependency.service, dependency.condition)
        if key not in waits:
            wait = WaitFor(
                service=dependency.service,
                condition=dependency.condition,
                why=f"{workload.name} depends on it",
            )
            waits[key] = steps.add(wait, [*steps.ready, *begun])
        needed.append(waits[key])
    return needed

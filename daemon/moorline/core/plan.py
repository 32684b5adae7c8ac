"""Decide what to do: the desired state and the observed one give a Plan.

Rule 1: nothing here performs I/O, tells the time or rolls dice. Same inputs, same plan, whatever
        order they arrive in.
Rule 2: nothing that serves is touched before everything is prepared: every pull and every create
        comes before `Ready`, every stop, start, rename and removal after it.
Rule 3: a container is removed only when its successor is proven, or when its place was given up.
Rule 4: a container without our label is never in a plan.
Rule 5: a plan may end after any of its steps. Planning again from what is there then leads to the
        same place; whoever adds an action keeps this true (tests/core/test_plan_properties.py).

A file that says nothing new plans nothing, and taking a rollout back is planning the file from
before: its containers are still there, stopped, and need a start.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from moorline.core.actions import (
    Action,
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    Plan,
    Prove,
    Pull,
    Ready,
    RemoveContainer,
    RemoveNetwork,
    RetireContainer,
    RunHook,
    Step,
    UnpauseContainer,
    WaitFor,
)
from moorline.core.desired import SHORT, Desired, Workload, resource_spec
from moorline.core.model import Network, ObservedContainer, ObservedEnvironment, ObservedNetwork
from moorline.core.slots import STOPPED, Slot, assign_slots, free_name, host_ports

__all__ = ["plan"]


def plan(
    desired: Desired,
    observed: ObservedEnvironment,
    *,
    proven: Collection[str] = (),
) -> Plan:
    """Return the steps from `observed` to `desired`; empty where they agree.

    `proven` holds the specs of the last proven deployment: what goes back to one of those needs
    no new proof.
    """
    slots, retired = assign_slots(desired, observed)
    networks = {each.key: _network_name(each, observed) for each in desired.environment.networks}
    steps = _Steps()
    _prepare(steps, desired, observed, slots, networks)
    _touch(steps, desired, slots, retired, networks)
    _prove(steps, slots, proven)
    before = steps.frontier()
    removed = _remove_containers(steps, slots, retired, before)
    _settle_names(steps, slots, observed.containers, removed, before)
    _remove_networks(steps, desired.name, observed.networks, set(networks.values()))
    return Plan(tuple(steps.steps))


@dataclass(slots=True)
class _Steps:
    """Steps so far, in an order that is already a correct one to run them in."""

    steps: list[Step] = field(default_factory=list)
    ready: tuple[int, ...] = ()
    stopped: dict[str, int] = field(default_factory=dict)
    """Container id → the step that stops it."""
    begun: dict[str, list[int]] = field(default_factory=dict)
    """Service → the steps after which its slots run."""

    def add(self, action: Action, after: Iterable[int] = ()) -> int:
        self.steps.append(Step(action, tuple(sorted(set(after)))))
        return len(self.steps) - 1

    def chain(self, actions: Iterable[Action], after: Sequence[int]) -> tuple[int, ...]:
        """Add actions one behind the other; returns the last, or () where there were none."""
        last: tuple[int, ...] = ()
        for action in actions:
            last = (self.add(action, last or after),)
        return last

    def frontier(self) -> tuple[int, ...]:
        """The steps that nothing comes after yet: to be after these is to be after all."""
        inner = {number for step in self.steps for number in step.after}
        return tuple(number for number in range(len(self.steps)) if number not in inner)


# --- prepare: everything that leaves services alone ---------------------------------------------


def _prepare(
    steps: _Steps,
    desired: Desired,
    observed: ObservedEnvironment,
    slots: Sequence[Slot],
    networks: dict[str, str],
) -> None:
    targets = {slot.workload.name: slot.target for slot in slots if slot.number == 1}
    new = [slot for slot in slots if slot.wanted is None]
    pulls = _pull(steps, new, observed.images)
    resources = _create_resources(steps, desired, observed, networks)
    created: dict[str, list[int]] = {}
    for slot in new:
        owners = (n for owner in slot.service.shares.values() for n in created.get(owner, ()))
        after = [*resources, *owners, *pulls.get(slot.service.image.pin, ())]
        number = steps.add(_create(slot, networks, targets), after)
        created.setdefault(slot.workload.name, []).append(number)
    if steps.steps:
        why = "images are here and containers made; nothing that serves was touched so far"
        steps.ready = (steps.add(Ready(why=why), steps.frontier()),)


def _pull(
    steps: _Steps,
    new: Iterable[Slot],
    here: Collection[str],
) -> dict[str, tuple[int, ...]]:
    missing: dict[str, list[Slot]] = {}
    for slot in new:
        if (pin := slot.service.image.pin) not in here:
            missing.setdefault(pin, []).append(slot)
    pulls: dict[str, tuple[int, ...]] = {}
    for pin, users in missing.items():
        action = Pull(
            image=users[0].service.image,
            services=tuple(dict.fromkeys(slot.workload.name for slot in users)),
            platform=str(users[0].service.config.get("Platform", "")),
            why="not on this host",
        )
        pulls[pin] = (steps.add(action),)
    return pulls


def _create_resources(
    steps: _Steps,
    desired: Desired,
    observed: ObservedEnvironment,
    networks: dict[str, str],
) -> list[int]:
    there = {each.name for each in observed.networks}
    numbers = []
    for network in desired.environment.networks:
        name = networks[network.key]
        if not network.external and name not in there:
            why = "not on this host" if name == network.name else "its settings changed"
            numbers.append(steps.add(CreateNetwork(key=network.key, name=name, why=why)))
    there = {each.name for each in observed.volumes}
    for volume in desired.environment.volumes:
        if not volume.external and volume.name not in there:
            action = CreateVolume(key=volume.key, name=volume.name, why="not on this host")
            numbers.append(steps.add(action))
    return numbers


def _create(slot: Slot, networks: dict[str, str], targets: dict[str, str]) -> CreateContainer:
    return CreateContainer(
        service=slot.workload.name,
        number=slot.number,
        target=slot.target,
        image=slot.service.image,
        networks=tuple(networks.items()),
        shares=tuple((key, targets[owner]) for key, owner in slot.service.shares.items()),
        heir_to=slot.superseded[0].id if slot.superseded else None,
        why=slot.why,
    )


def _network_name(network: Network, observed: ObservedEnvironment) -> str:
    """The engine's name for a network of the file.

    One whose settings changed gets a second name beside the first, so that the containers that
    still use the old one can be started again. What another tool made is used as it is.
    """
    spec = resource_spec(network)
    second = f"{network.name}-{spec[:SHORT]}"
    there = {each.name: each.spec for each in observed.networks}
    if network.external:
        return network.name
    if there.get(second) == spec:
        return second  # and stays there when the first name is free again
    return network.name if there.get(network.name, spec) in {"", spec} else second


# --- touch: stop what goes, start what comes ----------------------------------------------------


def _touch(
    steps: _Steps,
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
    steps: _Steps,
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
    steps: _Steps,
    slot: Slot,
    before: Sequence[int],
    networks: dict[str, str],
) -> None:
    """Leave the running container in place, mended where someone changed it."""
    last = steps.chain([*slot.mend(), *slot.attach(networks)], before)
    _stop(steps, slot.superseded, [*before, *last], why="its place is taken")


def _stop_dependents(
    steps: _Steps,
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


def _stop_in_the_way(steps: _Steps, slots: Sequence[Slot]) -> None:
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
    steps: _Steps,
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
    actions: list[Action] = []
    if old.state == "paused":
        why_unpause = "a paused one cannot stop"
        actions.append(
            UnpauseContainer(
                service=old.service, number=old.number, target=old.id, why=why_unpause
            ),
        )
    actions += [
        RunHook(service=old.service, number=old.number, target=old.id, hook=hook, why="pre_stop")
        for hook in old.pre_stop
        if old.state != "restarting"
    ]
    actions.append(
        RetireContainer(
            service=old.service,
            number=old.number,
            target=old.id,
            grace=old.stop_grace_period,
            why=why,
        ),
    )
    return actions


def _conditions(
    steps: _Steps,
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


# --- prove, and only then clean up --------------------------------------------------------------


def _prove(steps: _Steps, slots: Sequence[Slot], proven: Collection[str]) -> None:
    changed = [slot.workload.name for slot in slots if slot.workload.spec not in proven]
    if changed:
        again = [
            each.workload.name for each in slots if each.running and each.target in steps.stopped
        ]
        services = tuple(dict.fromkeys((*changed, *again)))
        why = "what they replace stays until they are proven"
        steps.add(Prove(services=services, why=why), steps.frontier())


def _remove_containers(
    steps: _Steps,
    slots: Iterable[Slot],
    retired: Iterable[ObservedContainer],
    before: Sequence[int],
) -> dict[str, int]:
    """Return the steps by the names that they free."""
    removed = {old.name: _remove(steps, old, before, why="not in the file") for old in retired}
    for slot in slots:
        for old in slot.superseded:
            removed[old.name] = _remove(steps, old, before, why="its place is taken")
    return removed


def _settle_names(
    steps: _Steps,
    slots: Iterable[Slot],
    containers: Collection[ObservedContainer],
    removed: Mapping[str, int],
    before: Sequence[int],
) -> None:
    """Give every container its settled name, once nobody else carries it.

    One that carries what another needs steps aside first: two may have each other's. A name that
    somebody else keeps is left to them.
    """
    unsettled = [slot for slot in slots if slot.current_name != slot.name]
    needed = {slot.name for slot in unsettled}
    taken = {each.name for each in containers}
    kept = {each.name for each in containers if not each.ours or each.state == "removing"}
    freed = dict(removed)
    for slot in unsettled:
        if slot.current_name in needed:
            name = free_name(slot.name, slot.workload.spec, taken)
            rename = slot.rename(name, why="another service needs its name")
            freed[slot.current_name] = steps.add(rename, before)
            kept.add(name)  # which may be the settled one already
    for slot in unsettled:
        if slot.name not in kept:
            after = [freed[name] for name in (slot.name, slot.current_name) if name in freed]
            rename = slot.rename(slot.name, why="takes its settled name")
            steps.add(rename, [*before, *after])


def _remove_networks(
    steps: _Steps,
    environment: str,
    observed: Iterable[ObservedNetwork],
    wanted: Collection[str],
) -> None:
    before = steps.frontier()
    for network in sorted(observed, key=lambda each: each.name):
        ours = network.spec and network.environment == environment
        if ours and network.name not in wanted:
            steps.add(RemoveNetwork(name=network.name, why="nothing uses it any more"), before)


def _remove(steps: _Steps, old: ObservedContainer, after: Sequence[int], *, why: str) -> int:
    action = RemoveContainer(service=old.service, number=old.number, target=old.id, why=why)
    return steps.add(action, after)

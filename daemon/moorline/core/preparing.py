"""The part of a plan that leaves services alone: pulls, networks, volumes, new containers."""

from collections.abc import Collection, Iterable, Sequence

from moorline.core.actions import CreateContainer, CreateNetwork, CreateVolume, Pull, Ready
from moorline.core.desired import SHORT, Desired, resource_spec
from moorline.core.model import Network, ObservedEnvironment
from moorline.core.slots import Slot
from moorline.core.steps import Steps

__all__ = ["name_networks", "prepare"]


def name_networks(desired: Desired, observed: ObservedEnvironment) -> dict[str, str]:
    """Key of each network of the file → the engine's name for it."""
    return {each.key: _network_name(each, observed) for each in desired.environment.networks}


def prepare(
    steps: Steps,
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
    steps: Steps,
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
    steps: Steps,
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

"""The part of a plan that leaves services alone: pulls, networks, volumes, new containers."""

from collections.abc import Iterator, Mapping

from moorline.core.actions import CreateContainer, CreateNetwork, CreateVolume, Pull, Ready
from moorline.core.desired import SHORT, Desired, Workload, resource_spec
from moorline.core.image import ImageRef
from moorline.core.model import Network, ObservedEnvironment
from moorline.core.scene import Scene
from moorline.core.slots import Slot, targets_of
from moorline.core.steps import Steps

__all__ = ["name_networks", "prepare"]


def name_networks(desired: Desired, observed: ObservedEnvironment) -> dict[str, str]:
    """Key of each network of the file → the engine's name for it."""
    return {each.key: _network_name(each, observed) for each in desired.environment.networks}


def prepare(steps: Steps, scene: Scene) -> None:
    targets = targets_of(scene.slots)
    new = [slot for slot in scene.slots if slot.wanted is None]
    pulls = _pull(steps, scene)
    resources = _create_resources(steps, scene)
    created: dict[str, list[int]] = {}
    for slot in new:
        owners = (n for owner in slot.service.shares.values() for n in created.get(owner, ()))
        after = [*resources, *owners, *pulls.get(slot.service.image.pin, ())]
        number = steps.add(_create(slot, scene.networks, targets), after)
        created.setdefault(slot.workload.name, []).append(number)
    if steps.steps:
        why = "images are here and containers made; nothing that serves was touched so far"
        steps.ready = (steps.add(Ready(why=why), steps.frontier()),)


def _pull(steps: Steps, scene: Scene) -> dict[str, tuple[int, ...]]:
    missing: dict[str, list[tuple[Workload, ImageRef]]] = {}
    for workload, image in _needed(scene):
        if image.pin not in scene.observed.images:
            missing.setdefault(image.pin, []).append((workload, image))
    pulls: dict[str, tuple[int, ...]] = {}
    for pin, users in missing.items():
        first, image = users[0]
        action = Pull(
            image=image,
            services=tuple(dict.fromkeys(workload.name for workload, _ in users)),
            platform=str(first.service.config.get("Platform", "")),
            why="not on this host",
        )
        pulls[pin] = (steps.add(action),)
    return pulls


def _needed(scene: Scene) -> Iterator[tuple[Workload, ImageRef]]:
    """Images of what is about to be created, containers and jobs."""
    for slot in scene.slots:
        if slot.wanted is None:
            yield slot.workload, slot.service.image
    for workload in scene.desired.workloads:
        for job in (*scene.jobs(workload, "before"), *scene.jobs(workload, "after")):
            yield workload, job.image


def _create_resources(steps: Steps, scene: Scene) -> list[int]:
    environment = scene.desired.environment
    there = {each.name for each in scene.observed.networks}
    numbers = []
    for network in environment.networks:
        name = scene.networks[network.key]
        if not network.external and name not in there:
            why = "not on this host" if name == network.name else "its settings changed"
            numbers.append(steps.add(CreateNetwork(key=network.key, name=name, why=why)))
    there = {each.name for each in scene.observed.volumes}
    for volume in environment.volumes:
        if not volume.external and volume.name not in there:
            action = CreateVolume(key=volume.key, name=volume.name, why="not on this host")
            numbers.append(steps.add(action))
    return numbers


def _create(
    slot: Slot, networks: Mapping[str, str], targets: Mapping[str, str]
) -> CreateContainer:
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

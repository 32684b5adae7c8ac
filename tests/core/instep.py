"""Whether what is on a host is what a file asks for, judged without the planner."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from moorline.core.desired import Desired, Workload, container_name
from moorline.core.model import ObservedContainer
from moorline.core.routing import route_for
from moorline.core.traffic import Track, share_for

if TYPE_CHECKING:
    from tests.core.world import World

__all__ = ["UP", "in_step", "misrouted"]

UP = frozenset({"running", "paused", "restarting"})
Containers = Mapping[str, ObservedContainer]


def in_step(containers: Containers, desired: Desired, *, settling: bool = False) -> list[str]:
    """What is not as it should be; while `settling`, what was replaced is still there."""
    kept = [
        each
        for each in containers.values()
        if each.ours and not each.job and each.state != "removing"
    ]
    wanted = {each.id for each in _wanted(containers, desired)}
    found = [f"{each.name} is left" for each in kept if each.id not in wanted and not settling]
    for workload in desired.workloads:
        for number in range(1, workload.service.replicas + 1):
            place = (workload.name, number)
            there = [each for each in kept if each.id in wanted and _place(each) == place]
            if not there:
                found.append(f"{place} is empty")
            found += [why for each in there for why in _amiss(desired, each)]
    return found if settling else [*found, *_misnamed(containers, desired)]


def misrouted(world: "World", desired: Desired) -> list[str]:
    """Routes that are not there, do not lead to all of a service and only there, or are left."""
    routes = {each.name: route_for(desired.name, each.service) for each in desired.workloads}
    found = [f"the route of {name} is left" for name in world.routes if routes.get(name) is None]
    for workload in desired.workloads:
        route, seen = routes[workload.name], world.routes.get(workload.name)
        own = {each.id for each in _wanted(world.containers, desired)}
        own &= {each.id for each in world.of(workload.name)}
        if route is None or not own:
            continue
        track: Track = "green" if seen and seen.share else "blue"
        right = seen and (seen.frontend, seen.backends[track], seen.share) == (
            route.frontend,
            route.backend,
            share_for(track),
        )
        if not right:
            found.append(f"{workload.name} has the route {seen}")
        elif {(each.container, each.track) for each in seen.servers} != {(i, track) for i in own}:
            found.append(f"{workload.name} leads to {seen.servers} and not to {own}")
    return found


def _wanted(containers: Containers, desired: Desired) -> Iterator[ObservedContainer]:
    """For each place the container that has the right spec and is up, or did its job."""
    for workload in desired.workloads:
        for number in range(1, workload.service.replicas + 1):
            for each in sorted(containers.values(), key=lambda each: bool(each.altered)):
                done = each.state == "exited" and desired.awaited_to_complete(workload.name)
                right = (_place(each), each.spec) == ((workload.name, number), workload.spec)
                joined = all(_is_owner(containers, *at) for at in _joined(workload, each))
                if right and joined and (each.state in UP or (done and each.exit_code == 0)):
                    yield each
                    break


def _place(container: ObservedContainer) -> tuple[str, int]:
    return container.service, container.number


def _amiss(desired: Desired, container: ObservedContainer) -> Iterator[str]:
    workload = desired.workload(container.service)
    assert workload is not None
    if container.state == "paused" or container.altered:
        yield f"{container.name} is {container.state}, altered: {container.altered}"
    if len(container.networks) != len(workload.service.networks):
        yield f"{container.name} is on {sorted(container.networks)}"


def _joined(workload: Workload, container: ObservedContainer) -> Iterator[tuple[str, str]]:
    """Whose namespace it should live in, and in which container's it does."""
    for key, owner in workload.service.shares.items():
        yield owner, container.shares.get(key, "")


def _is_owner(containers: Containers, owner: str, container: str) -> bool:
    found = containers.get(container)
    return found is not None and _place(found) == (owner, 1) and found.state in UP


def _misnamed(containers: Containers, desired: Desired) -> Iterator[str]:
    for each in _wanted(containers, desired):
        workload = desired.workload(each.service)
        assert workload is not None
        name = container_name(desired.name, workload.service, each.number)
        carrier = next(one for one in containers.values() if one.name == name)
        if carrier is not each and carrier.ours and carrier.state != "removing":
            yield f"{each.name} is not called {name}"

"""What can only be seen with every service in view."""

from collections.abc import Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias

from moorline.core.compose.context import Context
from moorline.core.compose.ports import Published
from moorline.core.compose.reader import suggestion
from moorline.core.compose.service import Draft
from moorline.core.compose.strategies import Around, against, against_company
from moorline.core.model import Dependency, Service
from moorline.core.strategy import Recreate

__all__ = ["settle"]

# (port, protocol) → address → service
_Taken: TypeAlias = dict[tuple[int, str], dict[str, str]]
_EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - compared, never listened at


def settle(drafts: Mapping[str, Draft], context: Context) -> tuple[Service, ...]:
    """Check the services against each other and return those that belong to the environment.

    A service with profiles does not: Compose too starts it only for somebody who asks for it.
    """
    active = {name: draft for name, draft in drafts.items() if not draft.profiled}
    services = tuple(_with_dependencies(draft, drafts) for draft in active.values())
    _check_cycles(active)
    _check_ports(active)
    _check_names(active)
    around = Around.of(services, context.networks, context.volumes)
    for service in services:
        _check_strategy(active[service.name], service, around)
    return services


def _with_dependencies(draft: Draft, drafts: Mapping[str, Draft]) -> Service:
    kept = tuple(need for need in draft.service.depends_on if _is_there(need, draft, drafts))
    return replace(draft.service, depends_on=kept)


def _is_there(need: Dependency, draft: Draft, drafts: Mapping[str, Draft]) -> bool:
    other = drafts.get(need.service)
    shared = need.service in draft.service.shares.values()
    place = next(value for dependency, value in draft.needs if dependency is need)
    if other is None:
        place.fail(f"there is no service '{need.service}'{suggestion(need.service, drafts)}")
        return False
    if other.profiled:
        if need.required or shared:
            place.fail(f"service '{need.service}' has profiles: it is not part of the environment")
        return False
    if shared and not other.service.replicas:
        place.fail(f"service '{need.service}' has no container to share with")
    return True


def _check_cycles(drafts: Mapping[str, Draft]) -> None:
    graph = {
        name: [need.service for need in draft.service.depends_on if need.service in drafts]
        for name, draft in drafts.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        _report_cycle(error.args[1], drafts)


def _report_cycle(cycle: list[str], drafts: Mapping[str, Draft]) -> None:
    """Tell the way round, from the first in the file to what it depends on, and so on."""
    # graphlib names each before what needs it, and the first again at the end
    members = cycle[:0:-1]
    order = list(drafts)
    first = members.index(min(members, key=order.index))
    path = [*members[first:], *members[:first], members[first]]
    place = next(value for need, value in drafts[path[0]].needs if need.service == path[1])
    place.fail(f"depends on itself: {' → '.join(path)}")


def _check_ports(drafts: Mapping[str, Draft]) -> None:
    taken: _Taken = {}
    for name, draft in drafts.items():
        for published in draft.published:
            if not draft.service.listeners:
                _check_replicas(published, draft.service.replicas)
            if not published.any_of:
                _take(published, name, taken)


def _check_replicas(published: Published, replicas: int) -> None:
    if replicas > (len(published.ports) if published.any_of else 1):
        published.value.fail(f"{replicas} containers cannot share a port of the host")


def _take(published: Published, name: str, taken: _Taken) -> None:
    """Claim host ports. All addresses, written "" or 0.0.0.0, include each single one."""
    ip = "" if published.ip in _EVERYWHERE else published.ip
    for port in published.ports:
        others = taken.setdefault((port, published.protocol), {})
        clash = others.get(ip) or others.get("") or (not ip and next(iter(others.values()), None))
        if clash:
            where = f"{port}/{published.protocol}"
            published.value.fail(f"host port {where} is published by service '{clash}' already")
            return
        others[ip] = name


def _check_strategy(draft: Draft, service: Service, around: Around) -> None:
    name = service.strategy.name
    if name != Recreate.name:
        for reason in against(name, service, around):
            draft.own["strategy"].fail(f"cannot be {name}: {reason}")
    for owner, reason in against_company(service, around):
        shared = service.shares.values()
        place = next(value for need, value in draft.needs if need.service in shared)
        place.fail(f"cannot move beside with {owner.strategy.name} '{owner.name}': {reason}")


def _check_names(drafts: Mapping[str, Draft]) -> None:
    taken: dict[str, str] = {}
    for name, draft in drafts.items():
        wanted = draft.service.container_name
        if wanted and wanted in taken:
            draft.value.fail(f"container_name '{wanted}' is that of service '{taken[wanted]}'")
        elif wanted:
            taken[wanted] = name

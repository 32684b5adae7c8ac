"""What can only be seen with every service in view."""

from collections.abc import Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from moorline.core.compose.ports import Published
from moorline.core.compose.reader import suggestion
from moorline.core.compose.service import Draft
from moorline.core.model import Dependency, Service

__all__ = ["settle"]


def settle(drafts: Mapping[str, Draft]) -> tuple[Service, ...]:
    """Check the services against each other and return those that belong to the environment.

    A service with profiles does not: Compose too starts it only for somebody who asks for it.
    """
    active = {name: draft for name, draft in drafts.items() if not draft.profiled}
    services = tuple(_with_dependencies(draft, drafts) for draft in active.values())
    _check_cycles(active)
    _check_ports(active)
    _check_names(active)
    return services


def _with_dependencies(draft: Draft, drafts: Mapping[str, Draft]) -> Service:
    kept = tuple(need for need in draft.service.depends_on if _is_there(need, draft, drafts))
    return replace(draft.service, depends_on=kept)


def _is_there(need: Dependency, draft: Draft, drafts: Mapping[str, Draft]) -> bool:
    other = drafts.get(need.service)
    if other and not other.profiled:
        return True
    place = next(value for dependency, value in draft.needs if dependency is need)
    if other is None:
        place.fail(f"there is no service '{need.service}'{suggestion(need.service, drafts)}")
    elif need.required:
        place.fail(f"service '{need.service}' has profiles and is not part of the environment")
    return False


def _check_cycles(drafts: Mapping[str, Draft]) -> None:
    graph = {
        name: [need.service for need in draft.service.depends_on if need.service in drafts]
        for name, draft in drafts.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        # graphlib lists each before what it is needed by
        cycle = list(reversed(error.args[1]))
        first = min(range(len(cycle) - 1), key=lambda index: list(drafts).index(cycle[index]))
        path = [*cycle[first:-1], *cycle[:first], cycle[first]]
        needs = drafts[path[0]].needs
        place = next(value for need, value in needs if need.service == path[1])
        place.fail(f"depends on itself: {' → '.join(path)}")


def _check_ports(drafts: Mapping[str, Draft]) -> None:
    taken: dict[tuple[int, str], list[tuple[str, str]]] = {}
    for name, draft in drafts.items():
        for published in draft.published:
            _check_replicas(published, draft.service.replicas)
            if published.low == published.high:
                _take(published, name, taken)


def _check_replicas(published: Published, replicas: int) -> None:
    if replicas > published.high - published.low + 1:
        published.value.fail(f"{replicas} containers cannot share the host port {published.low}")


def _take(
    published: Published, name: str, taken: dict[tuple[int, str], list[tuple[str, str]]]
) -> None:
    """Claim one host port. All addresses, written "" or 0.0.0.0, include each single one."""
    ip = published.ip if published.ip not in ("0.0.0.0", "::") else ""  # noqa: S104 - compared
    others = taken.setdefault((published.low, published.protocol), [])
    for other_ip, other in others:
        if ip == other_ip or "" in (ip, other_ip):
            port = f"{published.low}/{published.protocol}"
            published.value.fail(f"host port {port} is published by service '{other}' already")
            return
    others.append((ip, name))


def _check_names(drafts: Mapping[str, Draft]) -> None:
    taken: dict[str, str] = {}
    for name, draft in drafts.items():
        wanted = draft.service.container_name
        if wanted and wanted in taken:
            draft.value.fail(f"container_name '{wanted}' is that of service '{taken[wanted]}'")
        elif wanted:
            taken[wanted] = name

"""One look at the engine, with what was changed by hand marked where there was reason to look."""

from collections.abc import Callable
from dataclasses import replace

from moorline.adapters.ingress_port import Ingress
from moorline.adapters.ports import Engine
from moorline.core.desired import Desired
from moorline.core.drift import altered
from moorline.core.model import Inspection, ObservedContainer, ObservedEnvironment
from moorline.errors import NotFound

__all__ = ["observe"]


def observe(
    engine: Engine,
    ingress: Ingress,
    desired: Desired,
    *,
    suspect: Callable[[str], bool],
    snapshot: ObservedEnvironment | None = None,
) -> ObservedEnvironment:
    """Take a snapshot, or go on from one just taken; a container whose id is `suspect` is compared
    field by field.
    """
    observed = snapshot or engine.observe(desired.name, desired.images)
    inspected = {
        each.id: inspection
        for each in observed.containers
        if each.ours and suspect(each.id) and (inspection := _inspect(engine, each.id))
    }
    if inspected:
        # The engine tells of a pause or a connected network a moment before its list shows it, and
        # no other event would bring us back. An inspect call it answers once it has finished.
        observed = engine.observe(desired.name, desired.images)
    containers = tuple(
        _compared(desired, each, inspected[each.id]) if each.id in inspected else each
        for each in observed.containers
    )
    return replace(observed, containers=containers, routes=ingress.observe(desired.name))


def _inspect(engine: Engine, container: str) -> Inspection | None:
    try:
        return engine.inspect(container)
    except NotFound:
        return None  # it just went away: the next look will not see it


def _compared(
    desired: Desired, container: ObservedContainer, inspection: Inspection
) -> ObservedContainer:
    workload = desired.workload(container.service)
    if workload is None or workload.spec != container.spec:
        return container
    declared = workload.service.host_config
    return replace(container, altered=altered(declared, inspection.host_config))

"""One look at the engine, with what was changed by hand marked where there was reason to look."""

from collections.abc import Callable
from dataclasses import replace

from moorline.adapters.ingress_port import Ingress
from moorline.adapters.ports import Engine
from moorline.core.desired import Desired
from moorline.core.drift import altered
from moorline.core.model import ObservedContainer, ObservedEnvironment
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
    containers = tuple(
        _compared(engine, desired, each) if each.ours and suspect(each.id) else each
        for each in observed.containers
    )
    return replace(observed, containers=containers, routes=ingress.observe(desired.name))


def _compared(engine: Engine, desired: Desired, container: ObservedContainer) -> ObservedContainer:
    workload = desired.workload(container.service)
    if workload is None or workload.spec != container.spec:
        return container
    try:
        inspection = engine.inspect(container.id)
    except NotFound:
        return container  # it just went away: the next look will not see it
    declared = workload.service.host_config
    return replace(container, altered=altered(declared, inspection.host_config))

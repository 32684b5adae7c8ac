"""`x-moorline` in a service."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from moorline.core.compose.bindings import mounted, plain_path, publishes
from moorline.core.compose.context import Context
from moorline.core.compose.ingress import Wishes, policy, take_over, wishes
from moorline.core.compose.jobs import jobs
from moorline.core.compose.own import own_fields
from moorline.core.compose.probes import health
from moorline.core.compose.reader import Value, optional, suggestion
from moorline.core.compose.scalars import strings
from moorline.core.compose.strategy import strategy
from moorline.core.model import HealthPolicy, Service
from moorline.core.strategy import Canary, Job, Recreate, Rolling

__all__ = ["SERVICE_EXTENSION_KEYS", "extended", "extension"]

SERVICE_EXTENSION_KEYS = {
    "strategy": (
        "how a new version takes over: recreate (default) stops the old one first, rolling "
        "replaces replicas in turn, blue-green starts beside it and moves all traffic at once, "
        "canary moves it in steps. moorline validate --explain says which are possible"
    ),
    "rolling": "numbers for the strategy rolling",
    "canary": "steps of the strategy canary, and what ends it",
    "ingress": "how published ports are served, with every strategy but recreate",
    "shared_volumes": (
        "volumes (keys at the top of the file) and host paths that two versions may write to at "
        "the same time"
    ),
    "jobs": "one-shot containers that run before and after a change of the service",
    "health": "how the service proves itself, beside its own healthcheck",
}

# A name that nobody knows is compared with those that there are.
_MAX_SHARED = 100


def extension(value: Value | None) -> dict[str, Value]:
    """The keys that are there."""
    return own_fields(value, SERVICE_EXTENSION_KEYS) if value else {}


def extended(service: Service, found: Mapping[str, Value], context: Context) -> Service:
    """The service with what its extension says; the rest of it has been read already."""
    chosen = strategy(found)
    asked = optional(found, "ingress", wishes, default=Wishes())
    host_config = dict(service.host_config)
    listeners = () if isinstance(chosen, Recreate) else take_over(asked, host_config)
    probes = optional(found, "health", health, default=HealthPolicy())
    result = replace(
        service,
        host_config=host_config,
        health=probes,
        strategy=chosen,
        listeners=listeners,
        shared_volumes=optional(
            found, "shared_volumes", partial(_shared, service=service), default=()
        ),
        jobs=optional(found, "jobs", partial(_jobs, service=service, context=context), default=()),
    )
    if listeners:
        place = found.get("ingress", found["strategy"])
        result = replace(result, ingress=policy(asked, listeners, probes, place))
    _check(result, found)
    return result


def _jobs(value: Value, service: Service, context: Context) -> tuple[Job, ...]:
    env = service.config.get("Env", ())
    return jobs(
        value,
        image=service.image,
        env=[str(each) for each in env] if isinstance(env, Sequence) else [],
        context=context,
    )


def _shared(value: Value, service: Service) -> tuple[str, ...]:
    items = value.items()
    if len(items) > _MAX_SHARED:
        value.fail(f"more than {_MAX_SHARED} volumes")
        return ()
    sources = (each.source for each in mounted(service.host_config))
    known = dict.fromkeys((*service.volumes, *sources))
    names = [plain_path(name) for name in strings(value)]
    for name, item in zip(names, items, strict=False):
        if name and name not in known:
            hint = suggestion(name, known)
            item.fail(f"the service mounts no volume or host path '{name}'{hint}")
    return tuple(names)


def _check(service: Service, found: Mapping[str, Value]) -> None:
    if "ingress" in found:
        _check_ingress(service, found["ingress"])
    match service.strategy:
        case Rolling(max_unavailable=few) if few > max(service.replicas, 1):
            place = found["rolling"].entries()["max_unavailable"]
            place.fail(f"is more than there are replicas, {service.replicas}")
        case Canary() as canary if canary.abort_on.p95 and _is_tcp(service):
            place = found["canary"].entries()["abort_on"].entries()["p95"]
            place.fail("needs ingress: {mode: http}: a connection has no answer to time")
        case _:
            pass


def _check_ingress(service: Service, place: Value) -> None:
    if isinstance(service.strategy, Recreate):
        place.fail_key("has no meaning with the strategy recreate")
    elif not service.listeners and not publishes(service.host_config):
        place.fail_key("has no meaning where no port is published")


def _is_tcp(service: Service) -> bool:
    # without listeners the strategy itself is refused, and the mode was never settled
    return bool(service.listeners) and service.ingress.mode == "tcp"

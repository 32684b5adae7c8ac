"""`deploy`: what of it means something on a single host, in the engine's fields."""

from collections.abc import Callable
from dataclasses import dataclass, field

from moorline.core.compose.reader import Value, fields, optional
from moorline.core.compose.scalars import (
    choice,
    cpus,
    duration,
    mapping_or_list,
    number,
    size,
    whole,
)
from moorline.core.values import Json

__all__ = [
    "DEPLOY_KEYS",
    "LIMIT_KEYS",
    "REFUSED_DEPLOY_KEYS",
    "REFUSED_RESERVATION_KEYS",
    "RESERVATION_KEYS",
    "RESOURCE_KEYS",
    "RESTART_POLICY_KEYS",
    "UPDATE_CONFIG_KEYS",
    "Deploy",
    "deploy",
]

DEPLOY_KEYS = {
    "replicas": "number of containers",
    "resources": "limits and reservations",
    "labels": "labels of a Swarm service; containers do not carry them, as under Compose",
    "restart_policy": "when the engine starts a container again",
    "update_config": "how Swarm replaces containers; checked, without effect: see x-moorline",
}
REFUSED_DEPLOY_KEYS = {
    "mode": "only Swarm has modes; use replicas",
    "placement": "only Swarm has nodes to choose from",
    "endpoint_mode": "only Swarm has virtual addresses",
    "rollback_config": "moorline takes a failed change back as one unit, at once",
}
RESOURCE_KEYS = {"limits": "what a container may use at most", "reservations": "what it needs"}
LIMIT_KEYS = {
    "cpus": "processors",
    "memory": "memory",
    "pids": "number of processes",
}
RESERVATION_KEYS = {
    "cpus": "processors; a single host has no scheduler to use it, as under Compose",
    "memory": "memory that is kept when it gets scarce",
}
REFUSED_RESERVATION_KEYS = {
    "devices": "GPUs and other device drivers are not supported yet; use devices of the service",
    "generic_resources": "only Swarm counts resources",
}
RESTART_POLICY_KEYS = {
    "condition": "none, on-failure or any (the default)",
    "max_attempts": "attempts before giving up, with on-failure",
    "delay": "checked, without effect: the engine doubles its own delay, as under Compose",
    "window": "checked, without effect: the engine has its own, as under Compose",
}
UPDATE_CONFIG_KEYS = {
    "parallelism": "containers at a time",
    "delay": "time between groups of containers",
    "failure_action": "continue, pause or rollback",
    "monitor": "time to watch a new container",
    "max_failure_ratio": "failures to tolerate, 0 to 1",
    "order": "stop-first or start-first",
}
_CONDITIONS = {
    "none": "no",
    "no": "no",
    "on-failure": "on-failure",
    "any": "always",
    "always": "always",
    "unless-stopped": "unless-stopped",
}
_UPDATE_READERS: dict[str, Callable[[Value], object]] = {
    "parallelism": whole(0),
    "delay": duration,
    "failure_action": choice("continue", "pause", "rollback"),
    "monitor": duration,
    "max_failure_ratio": number,
    "order": choice("stop-first", "start-first"),
}


@dataclass(frozen=True, slots=True)
class Deploy:
    """What `deploy` asks for. `host_config` holds each field with the place it came from."""

    replicas: Value | None = None
    host_config: dict[str, tuple[Json, Value]] = field(default_factory=dict)


def deploy(value: Value) -> Deploy:
    """Read `deploy`."""
    if value.is_null:
        return Deploy()
    found = fields(value, DEPLOY_KEYS, REFUSED_DEPLOY_KEYS)
    host_config: dict[str, tuple[Json, Value]] = {}
    if "resources" in found:
        host_config |= _resources(found["resources"])
    if "restart_policy" in found:
        host_config["RestartPolicy"] = _restart_policy(found["restart_policy"])
    if "labels" in found:
        mapping_or_list(found["labels"])
    if "update_config" in found:
        for name, entry in fields(found["update_config"], UPDATE_CONFIG_KEYS).items():
            _UPDATE_READERS[name](entry)
    return Deploy(found.get("replicas"), host_config)


def _resources(value: Value) -> dict[str, tuple[Json, Value]]:
    found = fields(value, RESOURCE_KEYS)
    result: dict[str, tuple[Json, Value]] = {}
    if "limits" in found:
        limits = fields(found["limits"], LIMIT_KEYS)
        result |= _read(limits, "cpus", "NanoCpus", cpus)
        result |= _read(limits, "memory", "Memory", size)
        result |= _read(limits, "pids", "PidsLimit", whole(-1))
    if "reservations" in found:
        kept = fields(found["reservations"], RESERVATION_KEYS, REFUSED_RESERVATION_KEYS)
        result |= _read(kept, "memory", "MemoryReservation", size)
        if "cpus" in kept:
            cpus(kept["cpus"])
    return result


def _read(
    found: dict[str, Value], name: str, engine: str, read: Callable[[Value], int]
) -> dict[str, tuple[Json, Value]]:
    if name not in found:
        return {}
    return {engine: (read(found[name]), found[name])}


def _restart_policy(value: Value) -> tuple[Json, Value]:
    found = fields(value, RESTART_POLICY_KEYS)
    condition = "any"
    if "condition" in found:
        condition = choice(*_CONDITIONS)(found["condition"]) or condition
    attempts = optional(found, "max_attempts", whole(0), default=0)
    if attempts and condition != "on-failure":
        found["max_attempts"].fail("needs condition: on-failure")
    for name in ("delay", "window"):
        if name in found:
            duration(found[name])
    name = _CONDITIONS.get(condition, condition)
    return {"Name": name, "MaximumRetryCount": attempts}, value

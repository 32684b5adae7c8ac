"""The engine's JSON, read into our values. Pure; a missing key is an empty value."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal

from moorline.core import labels
from moorline.core.model import (
    Inspection,
    ObservedContainer,
    ObservedNetwork,
    ObservedVolume,
)

__all__ = ["containers", "inspection", "networks", "project_filter", "volumes"]

Health = Literal["", "starting", "healthy", "unhealthy"]
_HEALTH: Mapping[str, Health] = {
    "healthy": "healthy",
    "unhealthy": "unhealthy",
    "starting": "starting",
    "health: starting": "starting",
}
# as in: Exited (137) 2 minutes ago
_EXIT_CODE = re.compile(r"(?:Exited|Restarting) \((\d+)\)")
# as in: Up 4 seconds (healthy). The list call has no other place for it.
_HEALTH_TEXT = re.compile(r"^Up .*\(([a-z: ]+)\)$")
_COUNTING = re.compile(r"[0-9]{1,9}", re.ASCII)

_Entry = Mapping[str, Any]


def project_filter(project: str) -> str:
    """Return the label filter that selects a project's containers."""
    return f"{labels.PROJECT}={project}"


def containers(
    entries: Iterable[_Entry], networks: Iterable[_Entry]
) -> tuple[ObservedContainer, ...]:
    """Read a list answer, sorted by name. One-off containers are part of it where they are ours.

    `networks` is the network list answer: an endpoint of a network that was removed and made anew
    under the same name counts as detached, since no start would get past it.
    """
    there = {entry["Id"] for entry in networks}
    found = [_container(entry, there) for entry in entries if _belongs(entry)]
    return tuple(sorted(found, key=lambda container: container.name))


def networks(entries: Iterable[_Entry]) -> tuple[ObservedNetwork, ...]:
    """Read a network list answer, sorted by name."""
    found = (
        ObservedNetwork(
            name=entry["Name"],
            spec=_spec(entry),
            environment=_labels(entry).get(labels.ENVIRONMENT, ""),
        )
        for entry in entries
    )
    return tuple(sorted(found, key=lambda network: network.name))


def volumes(entries: Iterable[_Entry]) -> tuple[ObservedVolume, ...]:
    """Read a volume list answer, sorted by name."""
    found = (ObservedVolume(name=entry["Name"], spec=_spec(entry)) for entry in entries)
    return tuple(sorted(found, key=lambda volume: volume.name))


def inspection(answer: _Entry) -> Inspection:
    """Read an inspect answer."""
    state = answer["State"]
    health = state.get("Health") or {}
    return Inspection(
        id=answer["Id"],
        name=answer["Name"].removeprefix("/"),
        state=state["Status"],
        exit_code=state.get("ExitCode", 0),
        error=state.get("Error", ""),
        oom_killed=state.get("OOMKilled", False),
        restart_count=answer.get("RestartCount", 0),
        started_at=state.get("StartedAt", ""),
        health=_HEALTH.get(health.get("Status", ""), ""),
        health_output=_last_output(health),
        healthcheck=_healthcheck(answer["Config"]),
        host_config=answer.get("HostConfig") or {},
        addresses=_addresses(answer),
        volumes=_named_volumes(answer),
        labels=_labels(answer["Config"]),
    )


def _belongs(entry: _Entry) -> bool:
    return bool(_spec(entry)) or _labels(entry).get(labels.ONEOFF) != "True"


def _container(entry: _Entry, networks: Collection[str]) -> ObservedContainer:
    own = _labels(entry)
    status = entry.get("Status", "")
    number = own.get(labels.NUMBER, "")
    exit_code = _EXIT_CODE.match(status)
    health = _HEALTH_TEXT.match(status)
    retirement = labels.read_retirement(own)
    return ObservedContainer(
        id=entry["Id"],
        name=_name(entry),
        service=own.get(labels.OUR_SERVICE) or own.get(labels.SERVICE, ""),
        number=int(number) if _COUNTING.fullmatch(number) else 0,
        state=entry["State"],
        spec=_spec(entry),
        pin=own.get(labels.IMAGE, ""),
        commit=own.get(labels.COMMIT, ""),
        exit_code=int(exit_code[1]) if exit_code else 0,
        health=_HEALTH.get(health[1], "") if health else "",
        networks=frozenset(
            name
            for name, endpoint in _attached(entry).items()
            # one that was never started has no id there yet
            if endpoint.get("NetworkID", "") in {"", *networks}
        ),
        addresses=_addresses(entry),
        job=own.get(labels.JOB, "") if _spec(entry) else "",
        host_ports=_host_ports(entry),
        shares=labels.read_shares(own),
        restarts=retirement.restarts,
        stop_grace_period=retirement.grace,
        pre_stop=retirement.pre_stop,
    )


def _host_ports(entry: _Entry) -> frozenset[str]:
    # only a running container has any here, and only that one keeps others from taking them
    published = (port for port in entry.get("Ports") or () if port.get("PublicPort"))
    return frozenset(f"{port['PublicPort']}/{port['Type']}" for port in published)


def _name(entry: _Entry) -> str:
    # a second slash marks an alias that a legacy link made; one being removed has no name
    own = [name[1:] for name in entry.get("Names") or () if "/" not in name[1:]]
    return own[0] if own else str(entry["Id"])[:12]


def _labels(entry: _Entry) -> Mapping[str, str]:
    return entry.get("Labels") or {}


def _spec(entry: _Entry) -> str:
    return _labels(entry).get(labels.SPEC, "")


def _attached(entry: _Entry) -> Mapping[str, _Entry]:
    return (entry.get("NetworkSettings") or {}).get("Networks") or {}


def _addresses(answer: _Entry) -> Mapping[str, str]:
    endpoints = _attached(answer).items()
    found = {name: at.get("IPAddress") or at.get("GlobalIPv6Address") for name, at in endpoints}
    return {name: address for name, address in found.items() if address}


def _named_volumes(answer: _Entry) -> Mapping[str, str]:
    mounts = answer.get("Mounts") or ()
    return {at["Destination"]: at["Name"] for at in mounts if at["Type"] == "volume"}


def _healthcheck(config: _Entry) -> Mapping[str, Any]:
    check = config.get("Healthcheck") or {}
    # switched off, or timings that an image left behind without a test to go with them
    return {} if (check.get("Test") or ["NONE"]) == ["NONE"] else check


def _last_output(health: _Entry) -> str:
    log = health.get("Log") or ()
    return str(log[-1].get("Output", "")) if log else ""

"""From a parsed service to the engine's create requests, labels and names included.

What Compose adds on its own is added here too: its aliases and its labels, so that whoever works
with `docker compose` by hand finds what they expect.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from moorline.core.model import Attachment, Environment, Network, Service, Volume
from moorline.core.values import Json, JsonObject

__all__ = ["create_body", "endpoints", "network_body", "volume_body", "with_network_names"]

_PREFIX = "com.docker.compose."
# Compose notes the version that made a thing, and reads it nowhere.
_COMPOSE_VERSION = "2.26.1"


def create_body(
    environment: Environment,
    service: Service,
    *,
    labels: Mapping[str, str],
    shares: Mapping[str, str],
    mounts: Sequence[JsonObject],
    named: bool = True,
) -> JsonObject:
    """Return the body of POST /containers/create.

    `labels` come on top of the service's own, `shares` maps HostConfig keys to
    `container:<id>`, and `mounts` are added to the service's, in place of one at the same target
    (an anonymous volume that moves on). Only the first network is in it: engines before API 1.44
    take one, and the others are connected afterwards. `named` is as in `endpoints`.
    """
    # the number rides in the labels already, and the endpoint's alias needs it
    number = int(labels.get(f"{_PREFIX}container-number", "1"))
    first = endpoints(environment, service, number=number, named=named)[:1]
    host_config: dict[str, Json] = {**service.host_config, **shares}
    if first:
        host_config["NetworkMode"] = first[0][0]
    if mounts:
        targets = {mount["Target"] for mount in mounts}
        own = _sequence(host_config.get("Mounts"))
        kept = (each for each in own if _mapping(each).get("Target") not in targets)
        host_config["Mounts"] = [*kept, *mounts]
    body: dict[str, Json] = {
        "AttachStdout": True,
        "AttachStderr": True,
        **service.config,
        "Image": str(service.image),
        "Labels": {**_mapping(service.config.get("Labels")), **labels},
        "HostConfig": host_config,
        "NetworkingConfig": {"EndpointsConfig": dict(first)},
    }
    if (mac_address := _mac_address(service)) is not None:
        body["MacAddress"] = mac_address
    return body


def endpoints(
    environment: Environment, service: Service, *, number: int, named: bool = True
) -> tuple[tuple[str, JsonObject], ...]:
    """Return (engine's network name, EndpointSettings), the one to create the container in first.

    Ordered by priority, then by key. Others find the container by the service's name, unless it
    is not `named`: a job must not be taken for its service.
    """
    names = {network.key: network.name for network in environment.networks}
    ordered = sorted(service.networks, key=lambda each: (-each.priority, each.network))
    found = ((names[each.network], each) for each in ordered)
    return tuple(
        (name, _endpoint(each, _aliases(environment, service, each, number) if named else ()))
        for name, each in found
    )


def with_network_names(environment: Environment, names: Mapping[str, str]) -> Environment:
    """The environment with the engine names that the plan chose for its networks, by key."""

    def renamed(network: Network) -> Network:
        return replace(network, name=names.get(network.key, network.name))

    return replace(environment, networks=tuple(renamed(each) for each in environment.networks))


def network_body(
    environment: Environment, network: Network, *, labels: Mapping[str, str]
) -> JsonObject:
    """Return the body of POST /networks/create, without the name."""
    own = _resource_labels(environment, "network", network.key)
    merged = {**_mapping(network.body.get("Labels")), **own, **labels}
    return {**network.body, "CheckDuplicate": True, "Labels": merged}


def volume_body(
    environment: Environment, volume: Volume, *, labels: Mapping[str, str]
) -> JsonObject:
    """Return the body of POST /volumes/create, without the name."""
    own = _resource_labels(environment, "volume", volume.key)
    merged = {**_mapping(volume.body.get("Labels")), **own, **labels}
    return {**volume.body, "Labels": merged}


def _resource_labels(environment: Environment, kind: str, key: str) -> dict[str, str]:
    return {
        f"{_PREFIX}project": environment.name,
        f"{_PREFIX}{kind}": key,
        f"{_PREFIX}version": _COMPOSE_VERSION,
    }


def _aliases(
    environment: Environment, service: Service, attachment: Attachment, number: int
) -> Sequence[str]:
    container = service.container_name or f"{environment.name}-{service.name}-{number}"
    return list(dict.fromkeys((container, service.name, *attachment.aliases)))


def _endpoint(attachment: Attachment, aliases: Sequence[str]) -> JsonObject:
    endpoint: dict[str, Json] = {"Aliases": list(aliases)}
    if ipam := _ipam(attachment):
        endpoint["IPAMConfig"] = ipam
    if attachment.mac_address:
        endpoint["MacAddress"] = attachment.mac_address
    if attachment.driver_opts:
        endpoint["DriverOpts"] = attachment.driver_opts
    return endpoint


def _ipam(attachment: Attachment) -> dict[str, Json]:
    ipam: dict[str, Json] = {}
    if attachment.ipv4_address:
        ipam["IPv4Address"] = attachment.ipv4_address
    if attachment.ipv6_address:
        ipam["IPv6Address"] = attachment.ipv6_address
    if attachment.link_local_ips:
        ipam["LinkLocalIPs"] = list(attachment.link_local_ips)
    return ipam


def _mac_address(service: Service) -> Json:
    """Engines before API 1.44 know one MAC address, in the container's first network."""
    ordered = sorted(service.networks, key=lambda each: (-each.priority, each.network))
    first = ordered[0].mac_address if ordered else None
    return first or service.config.get("MacAddress")


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: Json) -> Sequence[Json]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()

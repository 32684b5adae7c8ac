"""From a service to its route, and from a container to the address that requests are sent to."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from moorline.core.model import Service
from moorline.core.strategy import Canary
from moorline.core.traffic import Check, Route

__all__ = ["ingress_address", "route_for"]

_OWN_HTTP = re.compile(r"http://:([0-9]+)(.*)", re.ASCII)
_OWN_TCP = re.compile(r":([0-9]+)", re.ASCII)
# What a URL may hold without being encoded, but for quotes and what a configuration would expand.
_PLAIN = "/?:@!&()*+,;=~%-._"


def route_for(environment: str, service: Service) -> Route | None:
    """What the file asks of the ingress; None for a service that it publishes no port of."""
    if not service.listeners:
        return None
    strategy = service.strategy
    return Route(
        environment=environment,
        service=service.name,
        listeners=service.listeners,
        mode=service.ingress.mode,
        check=_check(service),
        slow_after=strategy.abort_on.p95 if isinstance(strategy, Canary) else None,
    )


def ingress_address(
    service: Service, addresses: Mapping[str, str], networks: Mapping[str, str]
) -> str:
    """The address of a container in the network that it was created in; "" while it has none.

    `addresses` maps an engine's network name to an address, `networks` a key to such a name.
    """
    ordered = sorted(service.networks, key=lambda each: (-each.priority, each.network))
    named = (addresses.get(networks.get(each.network, "")) for each in ordered)
    found = next((address for address in named if address), "")
    if found or service.networks:
        return found
    return next(iter(addresses.values()), "")


def _check(service: Service) -> Check:
    """The gate's own probe, where it is one of the container itself: else a connection."""
    health = service.health
    if found := _OWN_HTTP.fullmatch(health.http or ""):
        target = found[2].partition("#")[0]
        path = quote(target if target.startswith("/") else f"/{target}", safe=_PLAIN)
        return Check(path=path, port=_other_port(service, int(found[1])))
    if found := _OWN_TCP.fullmatch(health.tcp or ""):
        return Check(port=_other_port(service, int(found[1])))
    return Check()


def _other_port(service: Service, port: int) -> int | None:
    """None where that is where the traffic of every listener goes anyway."""
    return None if {each.container_port for each in service.listeners} == {port} else port

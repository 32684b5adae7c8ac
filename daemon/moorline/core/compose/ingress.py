"""`ingress`: how the ports of a service are published while versions change behind them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

from moorline.core.compose.bindings import bindings, listener
from moorline.core.compose.own import own_fields
from moorline.core.compose.reader import Value, optional
from moorline.core.compose.scalars import choice, filled, seconds
from moorline.core.model import HealthPolicy
from moorline.core.traffic import IngressPolicy, Listener
from moorline.core.values import Json

__all__ = ["INGRESS_KEYS", "Wishes", "policy", "take_over", "wishes"]

INGRESS_KEYS = {
    "mode": (
        "http: requests are told apart, counted and judged one by one; tcp: bytes pass as they "
        "are. By default http where health.http asks the one port that is published, else tcp"
    ),
    "tls": (
        'published port, in quotes → name of a certificate of the host, such as {"443": site}; '
        "TLS on any other port passes through"
    ),
    "drain_timeout": (
        "time that requests under way have before the old version is stopped all the same; 30s "
        "by default"
    ),
}
_CERTIFICATE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_OWN_PORT = re.compile(r"http://:([0-9]+)(?:[/?].*)?", re.ASCII)
_HTTPS = 443


@dataclass(frozen=True, slots=True)
class Wishes:
    """The mapping as it was written."""

    mode: str | None = None
    tls: Mapping[str, Value] = field(default_factory=dict)
    drain_timeout: float = IngressPolicy().drain_timeout


def wishes(value: Value) -> Wishes:
    """Read the mapping."""
    found = own_fields(value, INGRESS_KEYS)
    return Wishes(
        mode=optional(found, "mode", choice("http", "tcp"), default=None),
        tls=found["tls"].entries() if "tls" in found else {},
        drain_timeout=optional(found, "drain_timeout", seconds, default=Wishes().drain_timeout),
    )


def take_over(asked: Wishes, host_config: dict[str, Json]) -> tuple[Listener, ...]:
    """Have the ingress publish the ports instead of the engine, if it can all of them."""
    certificates = {port: _certificate(value) for port, value in asked.tls.items()}
    listeners = [listener(each, certificates) for each in bindings(host_config)]
    able = tuple(each for each in listeners if each is not None)
    if len(able) < len(listeners):
        # why not is told where strategies are weighed
        return ()
    host_config.pop("PortBindings", None)
    known = {str(each.host_port) for each in able}
    for port, value in asked.tls.items():
        if port not in known:
            value.fail_key(f"no port {port[:40]} of the host is published")
    return able


def policy(
    asked: Wishes, listeners: Sequence[Listener], health: HealthPolicy, place: Value
) -> IngressPolicy:
    """Settle the mode; a problem where HTTP would be looked for within TLS."""
    mode = asked.mode or ("http" if _speaks_http(listeners, health) else "tcp")
    closed = [each for each in listeners if each.host_port == _HTTPS and not each.certificate]
    if mode == "http" and closed:
        place.fail(
            f"port {_HTTPS} would be read as HTTP without TLS: "
            f'name a certificate in ingress.tls, such as {{"{_HTTPS}": site}}, '
            "or write ingress: {mode: tcp}"
        )
    return IngressPolicy(
        mode=cast("Literal['http', 'tcp']", mode), drain_timeout=asked.drain_timeout
    )


def _speaks_http(listeners: Sequence[Listener], health: HealthPolicy) -> bool:
    """Whether the one port behind all listeners is that which the HTTP probe asks."""
    probed = _OWN_PORT.fullmatch(health.http or "")
    return probed is not None and {each.container_port for each in listeners} == {int(probed[1])}


def _certificate(value: Value) -> str:
    name = filled(value)
    if name and not _CERTIFICATE.fullmatch(name):
        value.fail("must be the name of a certificate: letters, digits, '.', '_' and '-'")
    return name

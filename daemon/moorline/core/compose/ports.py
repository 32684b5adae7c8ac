"""`ports` and `expose`, short and long, with ranges."""

import re
from dataclasses import dataclass
from ipaddress import ip_address

from moorline.core.compose.context import Context
from moorline.core.compose.reader import Value, fields, optional
from moorline.core.compose.scalars import choice, filled, filled_text, string, text, whole
from moorline.core.values import Json

__all__ = ["PORT_KEYS", "Ports", "Published", "expose", "ports"]

PORT_KEYS = {
    "target": "port in the container",
    "published": "port or range on the host; the engine chooses one where it is left out",
    "host_ip": "address on the host to listen at",
    "protocol": "tcp (default), udp or sctp",
    "mode": "host or ingress; the same on a single host, as under Compose",
    "name": "a name for people",
    "app_protocol": "what is spoken, for people",
}
_PROTOCOLS = ("tcp", "udp", "sctp")
_RANGE = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", re.ASCII)
_HIGHEST = 65_535


@dataclass(frozen=True, slots=True)
class Published:
    """Host ports that one entry takes at an address, "" for all addresses."""

    value: Value
    ip: str
    ports: range
    protocol: str
    any_of: bool
    """Whether each container takes one of them, whichever is free, and not all of them."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The engine's fields, and what is taken on the host."""

    exposed: dict[str, Json]
    bindings: dict[str, list[Json]]
    published: list[Published]


@dataclass(frozen=True, slots=True)
class _Entry:
    value: Value
    ip: str
    host: range | None
    container: range
    protocol: str


def ports(value: Value, context: Context) -> Ports:
    """Read `ports`."""
    result = Ports({}, {}, [])
    for item in value.items():
        entry = _long(item) if item.is_mapping else _short(item)
        if entry and _allowed(entry.container, item, context):
            _publish(entry, result)
    return result


def expose(value: Value, context: Context) -> dict[str, Json]:
    """Read `expose`: `port[-port][/protocol]`."""
    found: dict[str, Json] = {}
    for item in value.items():
        written = filled_text(item)
        if not written:
            continue
        spec, protocol = _protocol(item, written)
        container = _range(item, spec)
        if container and _allowed(container, item, context):
            found |= {f"{port}/{protocol}": {} for port in container}
    return found


def _allowed(container: range, item: Value, context: Context) -> bool:
    if context.ports.take(len(container)):
        return True
    item.fail("more ports than a host has")
    return False


def _publish(entry: _Entry, result: Ports) -> None:
    host = entry.host
    single = len(entry.container) == 1
    if host and len(host) != len(entry.container) and not single:
        entry.value.fail("the two ranges differ in length")
        return
    for index, port in enumerate(entry.container):
        key = f"{port}/{entry.protocol}"
        result.exposed[key] = {}
        binding = {"HostIp": entry.ip, "HostPort": _host_port(host, index, single=single)}
        result.bindings.setdefault(key, []).append(binding)
    if host:
        any_of = single and len(host) > 1
        taken = Published(entry.value, entry.ip, host, entry.protocol, any_of)
        result.published.append(taken)


def _host_port(host: range | None, index: int, *, single: bool) -> str:
    if not host:
        return ""
    if single and len(host) > 1:
        # one of these: the engine takes the first that is free
        return f"{host[0]}-{host[-1]}"
    return str(host[index])


def _short(item: Value) -> _Entry | None:
    """`[[ip:][host]:]container[/protocol]`."""
    written = filled_text(item)
    if not written:
        return None
    spec, protocol = _protocol(item, written)
    address, _, container_text = spec.rpartition(":")
    ip, _, host_text = address.rpartition(":")
    container = _range(item, container_text)
    host = _range(item, host_text) if host_text else None
    if not container or (host_text and not host):
        return None
    if ":" in ip and not ip.startswith("["):
        item.fail(f"an IPv6 address stands in brackets here: [{ip[:40]}]")
        return None
    return _Entry(item, _ip(item, ip), host, container, protocol)


def _long(item: Value) -> _Entry | None:
    found = fields(item, PORT_KEYS, required=("target",))
    if "target" not in found:
        return None
    protocol = optional(found, "protocol", choice(*_PROTOCOLS), default="tcp")
    target = whole(1, _HIGHEST)(found["target"])
    ip = _ip(found["host_ip"], filled(found["host_ip"])) if "host_ip" in found else ""
    host = None
    if "published" in found and text(found["published"]):
        host = _range(found["published"], text(found["published"]))
    if "mode" in found:
        choice("host", "ingress")(found["mode"])
    for name in ("name", "app_protocol"):
        if name in found:
            string(found[name])
    return _Entry(item, ip, host, range(target, target + 1), protocol)


def _protocol(value: Value, written: str) -> tuple[str, str]:
    spec, slash, protocol = written.partition("/")
    protocol = protocol.lower()
    if slash and protocol not in _PROTOCOLS:
        value.fail(f"the protocol must be one of {', '.join(_PROTOCOLS)}")
    return spec, protocol if slash else "tcp"


def _range(value: Value, written: str) -> range | None:
    found = _RANGE.fullmatch(written)
    low = int(found[1]) if found else 0
    high = int(found[2] or found[1]) if found else 0
    if found and 0 < low <= high <= _HIGHEST:
        return range(low, high + 1)
    value.fail(f"'{written[:40]}' is not a port or a range of ports, 1 to {_HIGHEST}")
    return None


def _ip(value: Value, written: str) -> str:
    if not written:
        return ""
    address = written.removeprefix("[").removesuffix("]")
    try:
        ip_address(address)
    except ValueError:
        value.fail(f"'{address[:40]}' is not an IP address")
    return address

"""What may stand in HAProxy's configuration and commands. Whatever comes from a file passes here.

HAProxy ends a word at a space, a line at a line feed and a command at a semicolon, and it expands
variables. So names are checked against the letters that they can have, and free text is quoted.
"""

import ipaddress
import re
from collections.abc import Iterable

from moorline.core.traffic import Listener, Route, Track
from moorline.errors import EngineRefused

__all__ = [
    "backend_name",
    "certificate_name",
    "checked_address",
    "escaped",
    "frontend_name",
    "quoted",
    "refuse_unsafe",
    "route_key",
]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_CONTAINER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)
_PATH = re.compile(r"/[!-~]*", re.ASCII)
_PLAIN = re.compile(r"([^A-Za-z0-9_./:@-])", re.ASCII)
_PORTS = range(1, 65536)


def route_key(environment: str, service: str) -> str:
    """The route's name in maps. A colon cannot be in a name, so two routes never share a key."""
    return f"{environment}:{service}"


def frontend_name(environment: str, service: str, listener: Listener) -> str:
    """`production:web:8080`, with the address where it listens on one alone."""
    where = f":{listener.host_ip}" if listener.host_ip else ""
    return f"{environment}:{service}:{listener.host_port}{where}"


def backend_name(environment: str, service: str, listener: Listener, track: Track) -> str:
    """`production:web:8080:blue`."""
    return f"{frontend_name(environment, service, listener)}:{track}"


def quoted(text: str) -> str:
    """One word of a configuration file, whatever is in it but control characters."""
    return "'" + text.replace("'", "'\\''") + "'"


def escaped(text: str) -> str:
    """One word of a runtime command."""
    return _PLAIN.sub(r"\\\1", text)


def checked_address(text: str) -> str:
    """An IP address in HAProxy's words, ready for `:port`; raises EngineRefused."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        raise EngineRefused(f"the ingress needs an IP address, not {text!r}") from None
    if "%" in text:
        raise EngineRefused(f"the ingress cannot use an address with a zone: {text!r}")
    return f"ipv6@{found}" if found.version == 6 else str(found)  # noqa: PLR2004


def certificate_name(name: str) -> str:
    """A certificate's name, which becomes a file's; raises EngineRefused."""
    if not _NAME.fullmatch(name):
        raise EngineRefused(f"not a certificate's name: {name!r}", mend="use a-z 0-9 . _ -")
    return name


def refuse_unsafe(route: Route) -> None:
    """Raise EngineRefused for a route with a part that HAProxy must never see."""
    for name in (route.environment, route.service):
        _insist(_NAME.fullmatch(name) is not None, f"not a name: {name!r}")
    where = f"{route.environment}/{route.service}"
    _insist(bool(route.listeners), f"{where}: nothing to listen on")
    _insist(route.mode in {"http", "tcp"}, f"{where}: not a mode: {route.mode!r}")
    path, port = route.check.path, route.check.port
    fits = not path or _PATH.fullmatch(path) is not None
    _insist(fits, f"{where}: HAProxy cannot check the path {path!r}")
    _insist(port is None or port in _PORTS, f"{where}: not a port: {port}")
    for listener in route.listeners:
        _insist(
            {listener.host_port, listener.container_port} <= set(_PORTS),
            f"{where}: not a port: {listener.host_port} or {listener.container_port}",
        )
        if listener.host_ip:
            checked_address(listener.host_ip)
        if listener.certificate:
            certificate_name(listener.certificate)
    _refuse_twins(where, route.listeners)


def refuse_unsafe_container(container: str) -> None:
    """Raise EngineRefused for what cannot be a container's id."""
    _insist(_CONTAINER.fullmatch(container) is not None, f"not a container's id: {container!r}")


def _refuse_twins(where: str, listeners: Iterable[Listener]) -> None:
    seen: set[tuple[str, int]] = set()
    for listener in listeners:
        place = (listener.host_ip, listener.host_port)
        _insist(place not in seen, f"{where}: port {listener.host_port} is there twice")
        seen.add(place)


def _insist(fits: bool, message: str) -> None:  # noqa: FBT001 (the question itself)
    if not fits:
        raise EngineRefused(message, mend="mend it in the file")

"""What a service asks of the host, read back from the engine's words: ports, mounts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from moorline.core.traffic import Listener
from moorline.core.values import Json, JsonObject

__all__ = ["Binding", "Mount", "bindings", "listener", "mounted", "plain_path", "publishes"]


@dataclass(frozen=True, slots=True)
class Binding:
    """One entry of PortBindings. `host_port` is "" where the engine chooses, or `90-95`."""

    port: int
    protocol: str
    host_ip: str
    host_port: str


@dataclass(frozen=True, slots=True)
class Mount:
    """Something that is kept when a container goes. `source` is "" where nobody named it."""

    source: str
    target: str
    writable: bool


def bindings(host_config: JsonObject) -> Iterator[Binding]:
    """The published ports, in the file's order."""
    for key, several in _mapping(host_config.get("PortBindings")).items():
        port, _, protocol = key.partition("/")
        for each in map(_mapping, _sequence(several)):
            yield Binding(int(port), protocol, str(each["HostIp"]), str(each["HostPort"]))


def listener(binding: Binding, certificates: Mapping[str, str]) -> Listener | None:
    """The same port, published by the ingress; None for one that it cannot have."""
    if binding.protocol != "tcp" or not binding.host_port.isdecimal():
        return None
    return Listener(
        host_port=int(binding.host_port),
        container_port=binding.port,
        host_ip=binding.host_ip,
        certificate=certificates.get(binding.host_port, ""),
    )


def publishes(host_config: JsonObject) -> bool:
    """Whether the engine itself publishes a port."""
    return any(True for _ in bindings(host_config))


def mounted(host_config: JsonObject) -> Iterator[Mount]:
    """The volumes and host paths; a volume by the name that the engine has for it."""
    for bind in _sequence(host_config.get("Binds")):
        source, target, options = str(bind).rsplit(":", 2)
        yield Mount(plain_path(source), target, writable="ro" not in options.split(","))
    for mount in map(_mapping, _sequence(host_config.get("Mounts"))):
        if mount["Type"] != "tmpfs":
            source = plain_path(str(mount.get("Source", "")))
            yield Mount(source, str(mount["Target"]), writable=not mount.get("ReadOnly"))


def plain_path(source: str) -> str:
    """The same host path without a slash at its end; a name as it is."""
    return source.rstrip("/") or source[:1]


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: Json) -> Sequence[Json]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()

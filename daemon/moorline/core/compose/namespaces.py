"""`network_mode`, `ipc` and `pid`: whose namespace a container lives in."""

from dataclasses import dataclass, field

from moorline.core.compose.reader import Value, suggestion
from moorline.core.compose.scalars import filled
from moorline.core.values import Json

__all__ = ["MODE_KEYS", "Namespaces", "namespaces"]

# Compose key → (HostConfig field, the words it knows beside `service:` and `container:`)
MODE_KEYS = {
    "network_mode": ("NetworkMode", ("bridge", "host", "none")),
    "ipc": ("IpcMode", ("host", "none", "private", "shareable")),
    "pid": ("PidMode", ("host",)),
}


@dataclass(frozen=True, slots=True)
class Namespaces:
    """Modes for HostConfig, and services whose namespace is shared (by HostConfig field)."""

    host_config: dict[str, Json] = field(default_factory=dict)
    shares: dict[str, Value] = field(default_factory=dict)
    """HostConfig field → where the service is named."""


def namespaces(found: dict[str, Value]) -> Namespaces:
    """Read the three keys of one service."""
    result = Namespaces()
    for key, (engine, words) in MODE_KEYS.items():
        if key in found and not (key == "pid" and found[key].is_null):
            _read(found[key], engine, words, result)
    return result


def _read(value: Value, engine: str, words: tuple[str, ...], result: Namespaces) -> None:
    mode = filled(value)
    kind, colon, name = mode.partition(":")
    if colon and kind == "service" and name:
        result.shares[engine] = value
    elif mode in words or (colon and kind == "container" and name):
        result.host_config[engine] = mode
    elif mode:
        options = (*words, "service:NAME", "container:NAME")
        value.fail(f"must be one of {', '.join(options)}{suggestion(mode, options)}")


def shared_service(value: Value) -> str:
    """The NAME of `service:NAME`."""
    return filled(value).removeprefix("service:")

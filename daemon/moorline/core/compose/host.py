"""Readers of service keys with a form of their own that become one field of `HostConfig`."""

import re

from moorline.core.compose.reader import Value, fields, optional, suggestion
from moorline.core.compose.scalars import (
    filled,
    mapping_or_list,
    size,
    string,
    string_or_list,
    text_mapping,
    whole,
)
from moorline.core.compose.yamltree import ScalarNode
from moorline.core.values import Json, JsonObject

__all__ = [
    "DEVICE_KEYS",
    "LOGGING_KEYS",
    "ULIMIT_KEYS",
    "devices",
    "extra_hosts",
    "logging",
    "memory_and_swap",
    "restart",
    "sysctls",
    "tmpfs",
    "ulimits",
]

LOGGING_KEYS = {"driver": "the engine's logging driver", "options": "the driver's options"}
DEVICE_KEYS = {
    "source": "path on the host",
    "target": "path in the container",
    "permissions": "any of r, w and m",
}
ULIMIT_KEYS = {"soft": "the limit that applies", "hard": "the highest it may be raised to"}
_RESTART = ("no", "always", "on-failure", "unless-stopped")
_PERMISSIONS = re.compile(r"[rwm]{1,3}")


def restart(value: Value) -> JsonObject:
    """`no`, `always`, `unless-stopped`, `on-failure` or `on-failure:N` as a RestartPolicy."""
    name, colon, count = filled(value).partition(":")
    if name not in _RESTART:
        if name:
            value.fail(f"must be one of {', '.join(_RESTART)}{suggestion(name, _RESTART)}")
    elif colon and not (name == "on-failure" and count.isdecimal() and len(count) < 10):  # noqa: PLR2004 - an int32
        value.fail("only on-failure takes a number of attempts, such as on-failure:3")
        count = ""
    return {"Name": name, "MaximumRetryCount": int(count or 0)}


def logging(value: Value) -> JsonObject:
    """The logging driver and its options, which are text to the engine."""
    found = fields(value, LOGGING_KEYS)
    return {
        "Type": optional(found, "driver", string, default=""),
        "Config": text_mapping(found["options"]) if "options" in found else {},
    }


def sysctls(value: Value) -> JsonObject:
    """Kernel parameters; each needs a value."""
    found = mapping_or_list(value)
    for name, setting in found.items():
        if setting is None:
            value.fail(f"'{name}' has no value")
    return {name: setting or "" for name, setting in found.items()}


def extra_hosts(value: Value) -> list[str]:
    """`{host: address}` or `["host:address"]`, as the engine's `host:address`."""
    if value.is_mapping:
        pairs = [
            (host, address)
            for host, entry in value.entries().items()
            for address in string_or_list(entry)
        ]
    else:
        pairs = [_host(item) for item in value.items()]
    return sorted(
        f"{host}:{address.removeprefix('[').removesuffix(']')}" for host, address in pairs
    )


def _host(item: Value) -> tuple[str, str]:
    written = filled(item)
    # an IPv6 address is full of colons, so the first separator counts
    found = re.match(r"([^:=]+)[:=](.+)", written)
    if found:
        return found[1], found[2]
    if written:
        item.fail("must be host:address")
    return "", ""


def devices(value: Value) -> list[Json]:
    """Device mappings, `source[:target[:permissions]]` or the long form."""
    return [_device(item) for item in value.items()]


def _device(item: Value) -> JsonObject:
    if item.is_mapping:
        found = fields(item, DEVICE_KEYS, required=("source",))
        source = optional(found, "source", filled, default="/")
        target = optional(found, "target", filled, default="")
        permissions = optional(found, "permissions", filled, default="")
    else:
        source, _, rest = filled(item).partition(":")
        target, _, permissions = rest.partition(":")
    if source and not source.startswith("/"):
        item.fail("must begin with the absolute path of a device")
    if permissions and not _PERMISSIONS.fullmatch(permissions):
        item.fail("permissions are any of r, w and m")
    return {
        "PathOnHost": source,
        "PathInContainer": target or source,
        "CgroupPermissions": permissions or "rwm",
    }


def ulimits(value: Value) -> list[Json]:
    """Limits by name: one number for both, or soft and hard."""
    return [_ulimit(name, entry) for name, entry in sorted(value.entries().items())]


def _ulimit(name: str, entry: Value) -> JsonObject:
    if not entry.is_mapping:
        limit = whole(-1)(entry)
        return {"Name": name, "Soft": limit, "Hard": limit}
    found = fields(entry, ULIMIT_KEYS, required=("soft", "hard"))
    soft = optional(found, "soft", whole(-1), default=-1)
    hard = optional(found, "hard", whole(-1), default=-1)
    if -1 != hard < soft:
        entry.fail("soft is above hard")
    return {"Name": name, "Soft": soft, "Hard": hard}


def memory_and_swap(value: Value) -> int:
    """A size, or -1 for no limit."""
    is_unlimited = isinstance(value.node, ScalarNode) and value.node.value == -1
    return -1 if is_unlimited else size(value)


def tmpfs(value: Value) -> JsonObject:
    """`path[:options]`, one or several, as path → options."""
    found: dict[str, Json] = {}
    for item in [value] if value.is_scalar else value.items():
        path, _, options = filled(item).partition(":")
        if path and not path.startswith("/"):
            item.fail("must be an absolute path")
        if path in found:
            item.fail(f"'{path}' is in the list already")
        found[path] = options
    return found

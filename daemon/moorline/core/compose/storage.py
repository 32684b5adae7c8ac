"""Volumes: those at the top of the file, and what a service mounts."""

from dataclasses import dataclass, field

from moorline.core.compose.context import Context
from moorline.core.compose.networking import is_external, labels
from moorline.core.compose.reader import Value, fields, optional, suggestion
from moorline.core.compose.scalars import (
    absolute_path,
    boolean,
    choice,
    file_mode,
    filled,
    size,
    string,
    text_mapping,
)
from moorline.core.model import Volume
from moorline.core.values import Json, JsonObject

__all__ = [
    "BIND_KEYS",
    "MOUNT_KEYS",
    "REFUSED_BIND_KEYS",
    "REFUSED_MOUNT_KEYS",
    "REFUSED_VOLUME_OPTION_KEYS",
    "TMPFS_KEYS",
    "VOLUME_KEYS",
    "VOLUME_OPTION_KEYS",
    "Storage",
    "mounts",
    "volume",
]

VOLUME_KEYS = {
    "name": "the engine's name for it; by default the environment, _ and the key",
    "driver": "the volume driver; local by default",
    "driver_opts": "options of the driver",
    "external": "true where it exists already and is not ours to make",
    "labels": "labels of the volume",
}
MOUNT_KEYS = {
    "type": "bind, volume or tmpfs",
    "source": "absolute host path, or a key of the top-level volumes",
    "target": "path in the container",
    "read_only": "true lets the container only read",
    "bind": "options of a bind mount",
    "volume": "options of a volume",
    "tmpfs": "options of a tmpfs",
}
REFUSED_MOUNT_KEYS = {
    "consistency": "only Docker Desktop has a cache to tune",
    "image": "image mounts need Engine 28, and we serve older ones",
}
BIND_KEYS = {
    "create_host_path": "false refuses to start where the host path is missing (default true)",
    "propagation": "rprivate, private, rshared, shared, rslave or slave",
    "selinux": "z or Z relabels the host's files",
}
REFUSED_BIND_KEYS = {"recursive": "it needs Engine 25, and we serve older ones"}
VOLUME_OPTION_KEYS = {"nocopy": "true leaves out the files that the image has there"}
REFUSED_VOLUME_OPTION_KEYS = {
    "subpath": "it needs Engine 26, and we serve older ones",
    "labels": "label the volume at the top of the file",
}
TMPFS_KEYS = {"size": "the most it may hold", "mode": "permission bits"}

_PROPAGATIONS = ("rprivate", "private", "rshared", "shared", "rslave", "slave")
_SELINUX = ("z", "Z")
_TYPES = ("bind", "volume", "tmpfs")
_OPTIONS_OF = {"bind": "bind", "volume": "volume", "tmpfs": "tmpfs"}
_REFUSED_TYPES = {
    "npipe": "named pipes exist on Windows only",
    "cluster": "only Swarm has cluster volumes",
    "image": "image mounts need Engine 28, and we serve older ones",
}


def volume(key: str, value: Value, environment: str) -> Volume:
    """Read one entry of the top-level `volumes`."""
    found = {} if value.is_null else fields(value, VOLUME_KEYS)
    name = optional(found, "name", filled, default="")
    if is_external(found):
        return Volume(key=key, name=name or key, external=True)
    body: dict[str, Json] = {}
    if "driver" in found:
        body["Driver"] = string(found["driver"])
    if "driver_opts" in found:
        body["DriverOpts"] = text_mapping(found["driver_opts"])
    if "labels" in found:
        body["Labels"] = labels(found["labels"])
    return Volume(key=key, name=name or f"{environment}_{key}", body=body)


@dataclass(frozen=True, slots=True)
class Storage:
    """What a service mounts, in the engine's two ways of saying it."""

    binds: list[Json] = field(default_factory=list)
    mounts: list[Json] = field(default_factory=list)
    volumes: set[str] = field(default_factory=set)
    targets: dict[str, Value] = field(default_factory=dict)


@dataclass(slots=True)
class _Mount:
    """One entry, whichever way it was written."""

    kind: str
    source: str
    target: str
    read_only: bool = False
    create_host_path: bool = True
    propagation: str = ""
    selinux: str = ""
    options: JsonObject | None = None


def mounts(value: Value, context: Context) -> Storage:
    """Read a service's `volumes`."""
    result = Storage()
    for item in value.items():
        mount = _long(item) if item.is_mapping else _short(item)
        if mount and _is_free(mount.target, item, result):
            _add(mount, item, context, result)
    return result


def _is_free(target: str, item: Value, result: Storage) -> bool:
    if target in result.targets:
        item.fail(f"something is mounted at {target} already")
        return False
    result.targets[target] = item
    return True


def _add(mount: _Mount, item: Value, context: Context, result: Storage) -> None:
    if mount.kind == "bind":
        _check_host_path(mount.source, item)
        if mount.create_host_path:
            # Mounts cannot create a missing host path on every engine we serve; Binds do
            result.binds.append(_bind_string(mount))
            return
        if mount.selinux:
            item.fail("selinux needs create_host_path: true")
    if mount.kind == "volume" and mount.source:
        result.volumes.add(mount.source)
        mount.source = _engine_name(mount.source, item, context)
    result.mounts.append(_mount_object(mount))


def _check_host_path(path: str, item: Value) -> None:
    if path and not path.startswith("/"):
        item.fail(
            f"'{path}' is not an absolute path; the host has no work tree to resolve it in: "
            "write the host's path, or deliver the file as a config"
        )


def _engine_name(key: str, item: Value, context: Context) -> str:
    if key in context.volumes:
        return context.volumes[key].name
    hint = suggestion(key, context.volumes)
    item.fail(f"volume '{key}' is not declared at the top of the file{hint}")
    return key


def _bind_string(mount: _Mount) -> str:
    access = "ro" if mount.read_only else "rw"
    options = [access, *(option for option in (mount.selinux, mount.propagation) if option)]
    return f"{mount.source}:{mount.target}:{','.join(options)}"


def _mount_object(mount: _Mount) -> JsonObject:
    result: dict[str, Json] = {"Type": mount.kind, "Target": mount.target}
    if mount.source:
        result["Source"] = mount.source
    if mount.read_only:
        result["ReadOnly"] = True
    if mount.kind == "bind":
        result["BindOptions"] = {"Propagation": mount.propagation} if mount.propagation else {}
    if mount.options is not None:
        result["VolumeOptions" if mount.kind == "volume" else "TmpfsOptions"] = mount.options
    return result


# --- the short form -----------------------------------------------------------------------------


def _short(item: Value) -> _Mount | None:
    """`target`, `source:target` or `source:target:options`."""
    parts = filled(item).split(":")
    if not parts[0] and len(parts) == 1:
        return None
    if len(parts) > 3 or not all(parts):  # noqa: PLR2004 - source, target, options
        item.fail("must be SOURCE:TARGET[:OPTIONS]")
        return None
    source, target = (parts[0], parts[1]) if len(parts) > 1 else ("", parts[0])
    if not target.startswith("/"):
        item.fail(f"'{target}' is not an absolute path in the container")
    is_path = source[:1] in (".", "/", "~")
    mount = _Mount("bind" if is_path else "volume", source, target.rstrip("/") or "/")
    for option in parts[2].split(",") if len(parts) > 2 else ():  # noqa: PLR2004 - see above
        _apply(option, mount, item)
    if mount.kind == "volume" and mount.options is None:
        mount.options = {}
    return mount


def _apply(option: str, mount: _Mount, item: Value) -> None:
    is_bind = mount.kind == "bind"
    if option in ("ro", "rw"):
        mount.read_only = option == "ro"
    elif option == "nocopy" and not is_bind:
        mount.options = {"NoCopy": True}
    elif option in _PROPAGATIONS and is_bind:
        mount.propagation = option
    elif option in _SELINUX and is_bind:
        mount.selinux = option
    else:
        item.fail(f"'{option}' is not an option of a {mount.kind} mount")


# --- the long form ------------------------------------------------------------------------------


def _long(item: Value) -> _Mount | None:
    found = fields(item, MOUNT_KEYS, REFUSED_MOUNT_KEYS, required=("type", "target"))
    if "type" not in found or "target" not in found:
        return None
    kind = filled(found["type"])
    if kind in _REFUSED_TYPES:
        found["type"].fail(f"not supported: {_REFUSED_TYPES[kind]}")
        return None
    if choice(*_TYPES)(found["type"]) not in _TYPES:
        return None
    mount = _Mount(kind, "", absolute_path(found["target"]))
    if "source" in found:
        mount.source = filled(found["source"])
    if "read_only" in found:
        mount.read_only = boolean(found["read_only"])
    _check_source(mount, item, found)
    for name in _OPTIONS_OF:
        if name in found:
            _options(name, found[name], mount)
    return mount


def _check_source(mount: _Mount, item: Value, found: dict[str, Value]) -> None:
    if mount.kind == "bind" and "source" not in found:
        item.fail("'source' is missing")
    if mount.kind == "tmpfs" and "source" in found:
        found["source"].fail("a tmpfs has no source")


def _options(name: str, value: Value, mount: _Mount) -> None:
    if name != mount.kind:
        value.fail(f"has no meaning in a {mount.kind} mount")
    elif name == "bind":
        _bind_options(value, mount)
    elif name == "volume":
        found = fields(value, VOLUME_OPTION_KEYS, REFUSED_VOLUME_OPTION_KEYS)
        mount.options = {"NoCopy": True} if "nocopy" in found and boolean(found["nocopy"]) else {}
    else:
        found = fields(value, TMPFS_KEYS)
        options: dict[str, Json] = {}
        if "size" in found:
            options["SizeBytes"] = size(found["size"])
        if "mode" in found:
            options["Mode"] = file_mode(found["mode"])
        mount.options = options


def _bind_options(value: Value, mount: _Mount) -> None:
    found = fields(value, BIND_KEYS, REFUSED_BIND_KEYS)
    if "create_host_path" in found:
        mount.create_host_path = boolean(found["create_host_path"])
    if "propagation" in found:
        mount.propagation = choice(*_PROPAGATIONS)(found["propagation"])
    if "selinux" in found:
        mount.selinux = choice(*_SELINUX)(found["selinux"])

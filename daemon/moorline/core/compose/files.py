"""Secrets and configs: where their bytes come from, and which service sees them where."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from moorline.core.compose.context import Context
from moorline.core.compose.networking import is_external
from moorline.core.compose.reader import Value, fields, optional, suggestion
from moorline.core.compose.scalars import file_mode, filled, string, whole
from moorline.core.model import FileMount, FileSource

__all__ = [
    "CONFIG_KEYS",
    "GRANT_KEYS",
    "REFUSED_CONFIG_KEYS",
    "REFUSED_SECRET_KEYS",
    "SECRET_KEYS",
    "grants",
    "source",
]

Kind: TypeAlias = Literal["secret", "config"]

SECRET_KEYS = {
    "file": "a file: in the repository, or an absolute path on the host",
    "environment": "a variable of the host",
    "external": "true takes it from the host's secrets directory",
    "name": "its name there, where that is not the key",
}
CONFIG_KEYS = {**SECRET_KEYS, "content": "the text itself"}
_SWARM = {
    "labels": "only Swarm keeps secrets and configs as objects",
    "template_driver": "only Swarm has templates; use ${VARIABLES}",
}
REFUSED_CONFIG_KEYS = _SWARM
REFUSED_SECRET_KEYS = {
    **_SWARM,
    "content": "a secret's text does not belong into git; use environment, file or external",
    "driver": "only Swarm has secret drivers",
    "driver_opts": "only Swarm has secret drivers",
}
GRANT_KEYS = {
    "source": "key of the top-level secrets or configs",
    "target": "path in the container; /run/secrets/KEY or /KEY by default",
    "uid": "owner's number",
    "gid": "group's number",
    "mode": "permission bits; 0444 by default",
}
_FOLDERS: dict[Kind, str] = {"secret": "/run/secrets/", "config": "/"}
_ORIGINS = ("file", "environment", "content")


def source(kind: Kind, key: str, value: Value, context: Context) -> FileSource:
    """Read one entry of the top-level `secrets` or `configs`."""
    if kind == "secret":
        found = fields(value, SECRET_KEYS, REFUSED_SECRET_KEYS)
    else:
        found = fields(value, CONFIG_KEYS, REFUSED_CONFIG_KEYS)
    if is_external(found):
        name = optional(found, "name", filled, default=key)
        return FileSource(kind=kind, key=key, origin="external", value=name)
    if "name" in found:
        found["name"].fail("has a meaning only beside external: true")
    origins = [name for name in _ORIGINS if name in found]
    if len(origins) != 1 and value.is_mapping:
        value.fail(f"must have exactly one of {', '.join(_options(kind))}")
    if len(origins) != 1:
        return FileSource(kind=kind, key=key, origin="content", value="")
    return _from(kind, key, origins[0], found[origins[0]], context)


def _options(kind: Kind) -> list[str]:
    known = SECRET_KEYS if kind == "secret" else CONFIG_KEYS
    return [name for name in (*_ORIGINS, "external") if name in known]


def _from(kind: Kind, key: str, origin: str, value: Value, context: Context) -> FileSource:
    if origin == "content":
        return FileSource(kind=kind, key=key, origin="content", value=string(value))
    if origin == "environment":
        name = filled(value)
        text = context.variables.get(name)
        if name and text is None:
            value.fail(f"variable {name} is not set on the host")
        return FileSource(kind=kind, key=key, origin="content", value=text or "")
    path = context.resolve(value) or ""
    if context.is_host(path):
        return FileSource(kind=kind, key=key, origin="host", value=path)
    if path and path not in context.files:
        value.fail(f"no file {path} in the repository")
    return FileSource(kind=kind, key=key, origin="repository", value=path)


def grants(
    kind: Kind, value: Value, declared: Mapping[str, FileSource], taken: dict[str, Value]
) -> list[FileMount]:
    """Read a service's `secrets` or `configs`; `taken` holds the targets in use."""
    mounts = []
    for item in value.items():
        mount = _long(kind, item) if item.is_mapping else _short(kind, item)
        if mount.source and mount.source not in declared:
            hint = suggestion(mount.source, declared)
            item.fail(f"{kind} '{mount.source}' is not declared at the top of the file{hint}")
        if mount.target in taken:
            item.fail(f"something is mounted at {mount.target} already")
        taken[mount.target] = item
        mounts.append(mount)
    return mounts


def _short(kind: Kind, item: Value) -> FileMount:
    key = filled(item)
    return FileMount(kind=kind, source=key, target=_FOLDERS[kind] + key)


def _long(kind: Kind, item: Value) -> FileMount:
    found = fields(item, GRANT_KEYS, required=("source",))
    key = optional(found, "source", filled, default="")
    target = optional(found, "target", filled, default=key)
    return FileMount(
        kind=kind,
        source=key,
        target=target if target.startswith("/") else _FOLDERS[kind] + target,
        uid=optional(found, "uid", _owner, default=0),
        gid=optional(found, "gid", _owner, default=0),
        mode=optional(found, "mode", file_mode, default=0o444),
    )


def _owner(value: Value) -> int:
    """A number in quotes, as the Compose Specification has it."""
    return whole(0)(value) if string(value) else 0

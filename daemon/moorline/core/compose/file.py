"""The file as a whole."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from moorline.core.compose.checks import settle
from moorline.core.compose.context import Context
from moorline.core.compose.extension import settings
from moorline.core.compose.files import source
from moorline.core.compose.interpolation import Variables
from moorline.core.compose.keys import REFUSED_TOP_KEYS, TOP_KEYS
from moorline.core.compose.networking import default_network, network
from moorline.core.compose.own import NAME
from moorline.core.compose.reader import Value, fields
from moorline.core.compose.scalars import filled
from moorline.core.compose.service import service
from moorline.core.compose.storage import volume
from moorline.core.model import Environment, FileSource, Service

__all__ = ["environment"]

T = TypeVar("T")

# Compose's own rule for project names; the engine's names begin with them.
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*", re.ASCII)
_MAX_SERVICES = 500
_KEY = re.compile(r"[a-zA-Z0-9._-]+", re.ASCII)


def environment(
    root: Value, path: str, variables: Variables, files: Mapping[str, bytes]
) -> Environment:
    """Read a file that stands at `path` in the repository."""
    if root.is_null:
        return Environment(name=_name(root, {}, path))
    found = fields(root, TOP_KEYS, REFUSED_TOP_KEYS)
    name = _name(root, found, path)
    context = _context(found, name, path, variables, files)
    drafts = _read(_few(found.get("services")), lambda key, entry: service(key, entry, context))
    services = settle(drafts, context)
    return Environment(
        name=name,
        services=services,
        networks=_used(context.networks, (a.network for s in services for a in s.networks)),
        volumes=_used(context.volumes, (key for s in services for key in s.volumes)),
        files=_used_files(context, services),
        settings=settings(found.get(NAME)),
        sensitive=variables.sensitive,
    )


def _name(root: Value, found: dict[str, Value], path: str) -> str:
    stem = path.rpartition("/")[2].rpartition(".")[0]
    place = found.get("name", root)
    if "name" in found and (written := filled(place)) and written != stem:
        place.fail(f"'{written}' is not the file's name; it must be '{stem}'")
    if not _NAME.fullmatch(stem):
        place.fail(f"'{stem}' cannot name an environment: use a-z, 0-9, '-' and '_'")
    return stem


def _context(
    found: dict[str, Value],
    name: str,
    path: str,
    variables: Variables,
    files: Mapping[str, bytes],
) -> Context:
    bare = Context(name, tuple(path.split("/")[:-1]), variables, files)
    networks = {"default": default_network(name)} | _read(
        found.get("networks"), lambda key, entry: network(key, entry, name)
    )
    return replace(
        bare,
        networks=networks,
        volumes=_read(found.get("volumes"), lambda key, entry: volume(key, entry, name)),
        secrets=_read(found.get("secrets"), lambda key, entry: source("secret", key, entry, bare)),
        configs=_read(found.get("configs"), lambda key, entry: source("config", key, entry, bare)),
    )


def _read(section: Value | None, read: Callable[[str, Value], T]) -> dict[str, T]:
    return {key: read(key, entry) for key, entry in _section(section).items()}


def _section(value: Value | None) -> dict[str, Value]:
    """The entries of a top-level mapping; `volumes:` with nothing below is none."""
    if value is None or value.is_null:
        return {}
    found = value.entries()
    for key, entry in found.items():
        if not _KEY.fullmatch(key):
            entry.fail_key("a name is made of letters, digits, '.', '_' and '-'")
    return found


def _few(services: Value | None) -> Value | None:
    """Bound what one file can make a host do (and how deep a chain of dependencies can be)."""
    if services and services.is_mapping and len(services.entries()) > _MAX_SERVICES:
        services.fail(f"more than {_MAX_SERVICES} services")
        return None
    return services


def _used(declared: Mapping[str, T], keys: Iterable[str]) -> tuple[T, ...]:
    wanted = set(keys)
    return tuple(thing for key, thing in declared.items() if key in wanted)


def _used_files(context: Context, services: tuple[Service, ...]) -> tuple[FileSource, ...]:
    granted = {(file.kind, file.source) for service in services for file in service.files}
    declared = (*context.secrets.values(), *context.configs.values())
    return tuple(file for file in declared if (file.kind, file.key) in granted)

"""`jobs`: one-shot containers around the change of a service."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from moorline.core.compose.commands import command
from moorline.core.compose.context import Context
from moorline.core.compose.envvars import as_list, variables
from moorline.core.compose.own import own_fields
from moorline.core.compose.reader import Value, optional
from moorline.core.compose.scalars import boolean, filled, positive, string
from moorline.core.image import ImageRef
from moorline.core.strategy import Job
from moorline.core.values import Json

__all__ = ["JOBS_KEYS", "JOB_KEYS", "jobs", "pinned"]

JOBS_KEYS = {
    "before": "run before the new version starts, such as a migration or a backup",
    "after": "run when the new version has taken over, such as a smoke test",
}
JOB_KEYS = {
    "name": "a-z, 0-9, '-' and '_'; no two jobs of a service have the same",
    "command": "what runs; it is done when that ends, and has failed unless with exit code 0",
    "image": "name[:tag]@sha256:…; the service's own by default",
    "entrypoint": "what the command is given to; by default the service's, or the other image's",
    "environment": "variables, over those of the service",
    "user": "user[:group] of the process",
    "working_dir": "working directory of the process",
    "timeout": "time after which it has failed; 5m by default",
    "forward_only": (
        "true: going back to the old image does not undo what it does. A failure after it holds "
        "and waits for a person; false by default"
    ),
}
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)
_FIELDS: dict[str, tuple[str, Callable[[Value], Json]]] = {
    "command": ("Cmd", command),
    "entrypoint": ("Entrypoint", command),
    "user": ("User", string),
    "working_dir": ("WorkingDir", string),
}
_MAX_JOBS = 20


@dataclass(frozen=True, slots=True)
class _Host:
    """What a job has from its service."""

    image: ImageRef
    env: list[str]
    context: Context
    names: set[str]


def jobs(value: Value, *, image: ImageRef, env: list[str], context: Context) -> tuple[Job, ...]:
    """Read the mapping; `image` and `env` are the service's."""
    found = own_fields(value, JOBS_KEYS)
    host = _Host(image, env, context, set())
    return (
        *(_job(item, "before", host) for item in _few(found.get("before"))),
        *(_job(item, "after", host) for item in _few(found.get("after"))),
    )


def _few(value: Value | None) -> list[Value]:
    """Each job carries all variables of its service: their number is bounded."""
    items = value.items() if value is not None else []
    if value is not None and len(items) > _MAX_JOBS:
        value.fail(f"more than {_MAX_JOBS} jobs")
        return []
    return items


def pinned(value: Value, mend: Callable[[str], str], *, default: ImageRef) -> ImageRef:
    """An image with a digest; `mend` says how to get one for what was written."""
    written = filled(value)
    if not written:
        return default
    try:
        image = ImageRef.parse(written)
    except ValueError as error:
        value.fail(str(error))
        return default
    if image.digest is None:
        value.fail(f"no digest; {mend(written)}")
    return image


def _job(value: Value, when: Literal["before", "after"], host: _Host) -> Job:
    found = own_fields(value, JOB_KEYS, required=("name", "command"))
    config = _config(found)
    if "command" in found and not config.get("Cmd"):
        found["command"].fail("must not be empty")
    if env := _env(found.get("environment"), host):
        config["Env"] = env
    image = partial(pinned, mend=_mend, default=host.image)
    job = Job(
        name=optional(found, "name", partial(_name, taken=host.names), default=""),
        when=when,
        image=optional(found, "image", image, default=host.image),
        config=config,
        forward_only=optional(found, "forward_only", boolean, default=False),
    )
    return replace(job, timeout=optional(found, "timeout", positive, default=job.timeout))


def _config(found: Mapping[str, Value]) -> dict[str, Json]:
    read = {field: read(found[key]) for key, (field, read) in _FIELDS.items() if key in found}
    return {field: value for field, value in read.items() if value is not None}


def _mend(written: str) -> str:
    return f"write {written}@sha256:…"


def _name(value: Value, taken: set[str]) -> str:
    name = filled(value)
    if name and not _NAME.fullmatch(name):
        value.fail("must begin with a-z or 0-9 and go on with them, '-' or '_', 63 at most")
    elif name in taken:
        value.fail(f"the service has a job '{name}' already")
    taken.add(name)
    return name


def _env(value: Value | None, host: _Host) -> list[Json]:
    if value is None:
        return [*host.env]
    merged: dict[str, str | None] = {}
    for each in host.env:
        name, equals, text = each.partition("=")
        merged[name] = text if equals else None
    merged |= variables(value, host.context)
    return [*as_list(merged)]

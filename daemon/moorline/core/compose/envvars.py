"""`environment` and `env_file`: what a container's process finds in its environment."""

from moorline.core.compose import dotenv
from moorline.core.compose.context import Context
from moorline.core.compose.reader import Value, fields, optional
from moorline.core.compose.scalars import boolean, choice, mapping_or_list

__all__ = ["ENV_FILE_KEYS", "environment", "variables"]

ENV_FILE_KEYS = {
    "path": "the file: in the repository, or an absolute path on the host",
    "required": "false lets the file be absent",
    "format": "raw takes each line as it stands, without quotes and variables",
}


def environment(found: dict[str, Value], context: Context) -> list[str]:
    """Return the engine's `Env` of a service: files in their order, `environment` over them."""
    merged: dict[str, str | None] = {}
    if "env_file" in found:
        for file in _files(found["env_file"]):
            merged |= _read(file, merged, context)
    if "environment" in found:
        merged |= variables(found["environment"], context)
    return as_list(merged)


def as_list(variables: dict[str, str | None]) -> list[str]:
    """Sorted `KEY=value`; a bare KEY takes the image's own variable away, as under Compose."""
    return sorted(key if value is None else f"{key}={value}" for key, value in variables.items())


def variables(value: Value, context: Context) -> dict[str, str | None]:
    """Read `environment`; a key without a value takes the host's."""
    found = mapping_or_list(value)
    for key, text in found.items():
        if not key or "=" in key:
            value.fail(f"'{key}' is not the name of a variable")
        if text is None:
            found[key] = context.variables.get(key)
    return found


def _files(value: Value) -> list[Value]:
    return value.items() if value.is_sequence else [value]


def _read(value: Value, before: dict[str, str | None], context: Context) -> dict[str, str | None]:
    """Read one file; variables in it stand for what earlier files say, before the host."""

    def look_up(name: str) -> str | None:
        earlier = before.get(name)
        return context.variables.get(name) if earlier is None else earlier

    place, required, raw = _options(value)
    path = context.resolve(place)
    data = _content(path, place, context, required=required) if path else None
    if path is None or data is None:
        return {}
    try:
        found = dotenv.parse_raw(data) if raw else dotenv.parse(data, look_up)
    except dotenv.DotenvError as error:
        place.fail(f"{path}: {error}")
        return {}
    if context.is_host(path):
        for text in found.values():
            context.variables.remember(text)
    return dict(found)


def _content(path: str, place: Value, context: Context, *, required: bool) -> bytes | None:
    data = context.files.get(path)
    if data is None:
        if required:
            place.fail(f"no file {path} {context.place_of(path)}")
        return None
    if not context.env_bytes.take(len(data)):
        place.fail("too much to read: more than 256 KiB of env files")
        return None
    return data


def _options(value: Value) -> tuple[Value, bool, bool]:
    if not value.is_mapping:
        return value, True, False
    found = fields(value, ENV_FILE_KEYS, required=("path",))
    required = optional(found, "required", boolean, default=True)
    raw = "format" in found and choice("raw")(found["format"]) == "raw"
    return found.get("path", value), required, raw

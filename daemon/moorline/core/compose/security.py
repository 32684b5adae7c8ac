"""`security_opt`: one list of options that become several fields of `HostConfig`."""

import json

from moorline.core.compose.context import Context
from moorline.core.compose.reader import Value
from moorline.core.compose.scalars import filled
from moorline.core.values import Json

__all__ = ["security_options"]


def security_options(value: Value, context: Context) -> dict[str, Json]:
    """Read `security_opt`; a seccomp profile is read here, since the engine has no files."""
    options: list[Json] = []
    fields: dict[str, Json] = {}
    for item in value.items():
        option = filled(item)
        if option == "systempaths=unconfined":
            fields |= {"MaskedPaths": [], "ReadonlyPaths": []}
            continue
        name, separator, setting = _split(option)
        if option and name != "no-new-privileges" and not separator:
            item.fail("must be name=value or name:value")
        if name == "seccomp" and setting not in ("unconfined", "builtin"):
            option = f"seccomp={_profile(item, setting, context)}"
        options.append(option)
    return fields | ({"SecurityOpt": options} if options else {})


def _split(option: str) -> tuple[str, str, str]:
    separator = "=" if "=" in option else ":"
    return option.partition(separator)


def _profile(item: Value, written: str, context: Context) -> str:
    path = context.resolve_text(item, written)
    if path is None:
        return ""
    data = context.files.get(path)
    if data is None:
        item.fail(f"no file {path} {context.place_of(path)}")
        return ""
    try:
        return json.dumps(json.loads(data), separators=(",", ":"))
    except (ValueError, RecursionError):
        item.fail(f"{path} is not JSON")
        return ""

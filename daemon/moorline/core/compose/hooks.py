"""`post_start` and `pre_stop`: commands that run inside the container at its beginning and end."""

from moorline.core.compose.commands import command
from moorline.core.compose.context import Context
from moorline.core.compose.envvars import as_list, variables
from moorline.core.compose.reader import Value, fields, optional
from moorline.core.compose.scalars import boolean, string
from moorline.core.model import Hook

__all__ = ["HOOK_KEYS", "hooks"]

HOOK_KEYS = {
    "command": "what runs",
    "user": "user[:group]; by default the container's",
    "privileged": "true gives it every capability",
    "working_dir": "working directory; by default the container's",
    "environment": "more variables",
}


def hooks(value: Value, context: Context) -> tuple[Hook, ...]:
    """Read one of the two lists; hooks run in its order."""
    return tuple(_hook(item, context) for item in value.items())


def _hook(item: Value, context: Context) -> Hook:
    found = fields(item, HOOK_KEYS, required=("command",))
    words = optional(found, "command", command, default=None)
    if not words and "command" in found:
        found["command"].fail("must not be empty")
    environment = variables(found["environment"], context) if "environment" in found else {}
    return Hook(
        command=tuple(words or ()),
        user=optional(found, "user", string, default=""),
        privileged=optional(found, "privileged", boolean, default=False),
        working_dir=optional(found, "working_dir", string, default=""),
        environment=tuple(as_list(environment)),
    )

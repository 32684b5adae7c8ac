"""`depends_on`: what comes first."""

from typing import cast

from moorline.core.compose.reader import Value, fields, optional
from moorline.core.compose.scalars import boolean, choice, string
from moorline.core.model import Condition, Dependency

__all__ = ["DEPENDENCY_KEYS", "dependencies"]

DEPENDENCY_KEYS = {
    "condition": "service_started, service_healthy or service_completed_successfully",
    "required": "false lets the other be left out by its profiles",
    "restart": "true restarts this one when the other was replaced",
}
_CONDITIONS = ("service_started", "service_healthy", "service_completed_successfully")


def dependencies(value: Value) -> list[tuple[Dependency, Value]]:
    """Read `depends_on`; each dependency comes with its place."""
    if value.is_mapping:
        return [(_long(name, entry), entry) for name, entry in value.entries().items()]
    found: dict[str, tuple[Dependency, Value]] = {}
    for item in value.items():
        name = string(item)
        if name in found:
            item.fail(f"'{name}' is in the list already")
        found[name] = (Dependency(service=name), item)
    return list(found.values())


def _long(name: str, value: Value) -> Dependency:
    found = fields(value, DEPENDENCY_KEYS, required=("condition",))
    condition = "service_started"
    if "condition" in found:
        condition = choice(*_CONDITIONS)(found["condition"])
    return Dependency(
        service=name,
        condition=cast("Condition", condition),
        required=optional(found, "required", boolean, default=True),
        restart=optional(found, "restart", boolean, default=False),
    )

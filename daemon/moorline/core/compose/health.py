"""`healthcheck`: the check that the engine runs inside the container."""

from moorline.core.compose.reader import Value, fields
from moorline.core.compose.scalars import boolean, duration, string, whole
from moorline.core.values import Json, JsonObject

__all__ = ["HEALTHCHECK_KEYS", "healthcheck"]

HEALTHCHECK_KEYS = {
    "test": "what to run: a list with CMD, CMD-SHELL or NONE first, or a string for the shell",
    "interval": "time between checks",
    "timeout": "time after which a check has failed",
    "retries": "failures in a row that make the container unhealthy",
    "start_period": "time in which failures do not count",
    "start_interval": "time between checks during start_period (Engine 25 and newer)",
    "disable": "true switches the image's own check off",
}
_FIELDS: dict[str, str] = {
    "interval": "Interval",
    "timeout": "Timeout",
    "start_period": "StartPeriod",
    "start_interval": "StartInterval",
}
_KINDS = ("CMD", "CMD-SHELL", "NONE")
_MILLISECOND = 10**6


def healthcheck(value: Value) -> JsonObject | None:
    """Return the engine's `Healthcheck`; None where nothing is said."""
    found = fields(value, HEALTHCHECK_KEYS)
    check: dict[str, Json] = {
        field: _period(found[name]) for name, field in _FIELDS.items() if name in found
    }
    if "retries" in found:
        check["Retries"] = whole(0)(found["retries"])
    if "test" in found:
        check["Test"] = _test(found["test"])
    if "disable" in found and boolean(found["disable"]):
        check["Test"] = ["NONE"]
    return check or None


def _period(value: Value) -> int:
    found = duration(value)
    if 0 < found < _MILLISECOND:
        value.fail("must be 1ms or more")
    return found


def _test(value: Value) -> list[str]:
    if not value.is_sequence:
        return ["CMD-SHELL", string(value)]
    words = [string(item) for item in value.items()]
    if words and words[0] not in _KINDS:
        value.fail(f"must begin with {', '.join(_KINDS)}")
    return words

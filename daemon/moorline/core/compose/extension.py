"""`x-moorline` at the top of the file."""

from typing import Literal, cast

from moorline.core.compose.own import own_fields
from moorline.core.compose.reader import Value, optional
from moorline.core.compose.scalars import boolean, choice, seconds, whole
from moorline.core.compose.windows import windows
from moorline.core.model import Settings

__all__ = ["SETTINGS_KEYS", "settings"]

SETTINGS_KEYS = {
    "on_failure": "revert (default) commits the rollback; hold only acts on the host",
    "approvals": "how many people must approve a change; 0",
    "allow_empty": "true lets a plan remove every service; false by default",
    "paused": "true holds back everything new; false by default",
    "windows": "when something new may be rolled out; at any time by default",
    "repair": "whether drift is undone while something new is held back; true by default",
    "watch": (
        "time after a rollout within which a service that fails takes it back; 10m by default, "
        "0s to switch it off"
    ),
}
_DEFAULTS = Settings()


def settings(value: Value | None) -> Settings:
    """Read `x-moorline` at the top."""
    if value is None:
        return _DEFAULTS
    found = own_fields(value, SETTINGS_KEYS)
    if "approvals" in found:
        _approvals(found["approvals"])
    on_failure = optional(found, "on_failure", choice("revert", "hold"), default="revert")
    return Settings(
        on_failure=cast("Literal['revert', 'hold']", on_failure),
        allow_empty=optional(found, "allow_empty", boolean, default=_DEFAULTS.allow_empty),
        paused=optional(found, "paused", boolean, default=_DEFAULTS.paused),
        windows=optional(found, "windows", windows, default=_DEFAULTS.windows),
        repair=optional(found, "repair", boolean, default=_DEFAULTS.repair),
        watch=optional(found, "watch", seconds, default=_DEFAULTS.watch),
    )


def _approvals(value: Value) -> None:
    # accepting a number that nobody counts would look like protection and be none
    if whole(0, 100)(value) > 0:
        value.fail("this version cannot count approvals: leave it at 0")

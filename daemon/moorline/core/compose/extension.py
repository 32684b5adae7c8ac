"""`x-moorline`: what is ours, at the top of the file and in a service."""

import re
from dataclasses import replace
from typing import Literal, cast

from moorline.core.compose.reader import Value, fields, optional
from moorline.core.compose.scalars import boolean, choice, filled, seconds, whole
from moorline.core.model import HealthPolicy, Settings

__all__ = ["HEALTH_KEYS", "SERVICE_EXTENSION_KEYS", "SETTINGS_KEYS", "service_health", "settings"]

NAME = "x-moorline"
_OWNER = f"an {NAME}"
SETTINGS_KEYS = {
    "on_failure": "revert (default) commits the rollback; hold only acts on the host",
    "approvals": "how many people must approve a change; 0",
    "allow_empty": "true lets a plan remove every service",
}
SERVICE_EXTENSION_KEYS = {
    "strategy": "how a new version takes over; recreate",
    "health": "how the service proves itself, beside its own healthcheck",
}
HEALTH_KEYS = {
    "http": "http URL that must answer 2xx or 3xx; an empty host is the container",
    "tcp": "host:port that must accept a connection; an empty host is the container",
    "deadline": "time after which a service that is not healthy has failed",
    "stability": "time without a restart until it counts as proven",
}
_HOST = r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])"
_PORT = r":[0-9]{1,5}"
_HTTP = re.compile(rf"http://(?:{_HOST}(?:{_PORT})?|{_PORT})(?:[/?]\S*)?", re.ASCII)
_TCP = re.compile(rf"{_HOST}?{_PORT}", re.ASCII)
_LATER = ("blue-green", "canary")


def settings(value: Value | None) -> Settings:
    """Read `x-moorline` at the top."""
    result = Settings()
    if value is None:
        return result
    found = fields(value, SETTINGS_KEYS, owner=_OWNER)
    if "on_failure" in found:
        word = choice("revert", "hold")(found["on_failure"])
        result = replace(result, on_failure=cast("Literal['revert', 'hold']", word))
    if "approvals" in found:
        _approvals(found["approvals"])
    if "allow_empty" in found:
        result = replace(result, allow_empty=boolean(found["allow_empty"]))
    return result


def _approvals(value: Value) -> None:
    # accepting a number that nobody counts would look like protection and be none
    if whole(0, 100)(value) > 0:
        value.fail("this version cannot count approvals: leave it at 0")


def service_health(value: Value | None) -> HealthPolicy:
    """Read `x-moorline` in a service."""
    found = fields(value, SERVICE_EXTENSION_KEYS, owner=_OWNER) if value else {}
    if "strategy" in found:
        _strategy(found["strategy"])
    if "health" not in found:
        return HealthPolicy()
    health = fields(found["health"], HEALTH_KEYS, owner=_OWNER)
    return HealthPolicy(
        http=_address(health["http"], _HTTP, "http://:3000/health") if "http" in health else None,
        tcp=_address(health["tcp"], _TCP, ":5432") if "tcp" in health else None,
        deadline=optional(health, "deadline", seconds, default=None),
        stability=optional(health, "stability", seconds, default=None),
    )


def _strategy(value: Value) -> None:
    if filled(value) in _LATER:
        value.fail("this version replaces containers one way only: write recreate")
    else:
        choice("recreate")(value)


def _address(value: Value, pattern: "re.Pattern[str]", example: str) -> str:
    written = filled(value)
    if written and not pattern.fullmatch(written):
        value.fail(f"must be an address such as {example}")
    return written

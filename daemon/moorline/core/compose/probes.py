"""`x-moorline.health`: how a service proves itself, beside its own healthcheck."""

import re

from moorline.core.compose.own import own_fields
from moorline.core.compose.reader import Value, optional
from moorline.core.compose.scalars import filled, seconds
from moorline.core.model import HealthPolicy

__all__ = ["HEALTH_KEYS", "health"]

HEALTH_KEYS = {
    "http": "http URL that must answer 2xx or 3xx; an empty host is the container",
    "tcp": "host:port that must accept a connection; an empty host is the container",
    "deadline": (
        "time after which a service that is not healthy has failed; by default 2m, or as long as "
        "its healthcheck may take"
    ),
    "stability": "time without a restart until it counts as proven; 10s by default",
}
_HOST = r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])"
_PORT = r":[0-9]{1,5}"
_HTTP = re.compile(rf"http://(?:{_HOST}(?:{_PORT})?|{_PORT})(?:[/?]\S*)?", re.ASCII)
_TCP = re.compile(rf"{_HOST}?{_PORT}", re.ASCII)


def health(value: Value) -> HealthPolicy:
    """Read the mapping."""
    found = own_fields(value, HEALTH_KEYS)
    return HealthPolicy(
        http=_address(found["http"], _HTTP, "http://:3000/health") if "http" in found else None,
        tcp=_address(found["tcp"], _TCP, ":5432") if "tcp" in found else None,
        deadline=optional(found, "deadline", seconds, default=None),
        stability=optional(found, "stability", seconds, default=None),
    )


def _address(value: Value, pattern: "re.Pattern[str]", example: str) -> str:
    written = filled(value)
    if written and not pattern.fullmatch(written):
        value.fail(f"must be an address such as {example}")
    return written

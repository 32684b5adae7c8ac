"""Durations as Compose writes them: `500ms`, `10s`, `1m30s`, `1h`."""

import re
from decimal import Decimal

__all__ = ["nanoseconds", "parse_duration"]

_UNITS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_PART = r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)"
_WHOLE = re.compile(rf"(?:{_PART})+", re.ASCII)
_LARGEST = 2**63 - 1


def nanoseconds(text: str) -> int:
    """The engine's unit of time; raises ValueError."""
    if text == "0":
        return 0
    if _WHOLE.fullmatch(text):
        parts = re.findall(_PART, text)
        total = int(sum(Decimal(amount) * _UNITS[unit] for amount, unit in parts))
        if total <= _LARGEST:
            return total
    raise ValueError("must be a duration such as 10s, 1m30s or 500ms")


def parse_duration(text: str) -> float:
    """Seconds; raises ValueError."""
    return nanoseconds(text) / 10**9

"""Maintenance windows: when something new may be rolled out."""

from dataclasses import dataclass
from datetime import time

__all__ = ["Window"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A span of the day on some days of the week, in one timezone.

    `days` counts Monday as 0. A span whose end is not after its start ends on the next day.
    """

    days: frozenset[int]
    start: time
    end: time
    timezone: str = "UTC"
    """An IANA name."""

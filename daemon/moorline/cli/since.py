"""A moment on the command line: `30d` ago, `12h` ago, or a date."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

import click

__all__ = ["SINCE", "Since"]

_AGO = re.compile(r"([0-9]{1,6})([hdw])", re.ASCII)
_SECONDS = {"h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}


@dataclass(frozen=True, slots=True)
class Since:
    """Either so many seconds ago, or a moment in seconds since the epoch."""

    ago: float | None = None
    at: float = 0.0

    def moment(self, now: float) -> float:
        """Seconds since the epoch."""
        return self.at if self.ago is None else now - self.ago


class _Since(click.ParamType[Since]):
    name = "since"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Since:
        text = str(value)
        if match := _AGO.fullmatch(text):
            return Since(ago=int(match[1]) * _SECONDS[match[2]])
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"'{text}' must be 12h, 30d, 4w or a date such as 2026-11-01", param, ctx)
        return Since(at=(found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())


SINCE = _Since()

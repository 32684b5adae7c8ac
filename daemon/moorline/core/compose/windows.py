"""`windows`: when something new may be rolled out."""

import re
from datetime import time
from difflib import get_close_matches
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from moorline.core.compose.own import own_fields
from moorline.core.compose.reader import Value, optional
from moorline.core.compose.scalars import choice, filled
from moorline.core.windows import Window

__all__ = ["WINDOW_KEYS", "windows"]

WINDOW_KEYS = {
    "days": "daily (default), a day or span such as sat or mon-fri, or a list of them",
    "from": "time of day when it begins, such as 22:00",
    "to": "time of day when it ends, 24:00 at most; on the next day where it is not after from",
    "timezone": "IANA name of the timezone, such as Europe/Berlin; UTC by default",
}
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAILY = frozenset(range(len(_DAYS)))
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_ZONE = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*", re.ASCII)
# Comparing a name with those of all timezones takes milliseconds.
_MAX_WINDOWS = 20
_MAX_NAME = 40
_OF_ONE_HOST = frozenset(("localtime", "posixrules"))


def windows(value: Value) -> tuple[Window, ...]:
    """Read the list."""
    items = value.items()
    if len(items) > _MAX_WINDOWS:
        value.fail(f"more than {_MAX_WINDOWS} windows")
        return ()
    return tuple(_window(item) for item in items)


def _window(value: Value) -> Window:
    found = own_fields(value, WINDOW_KEYS, required=("from", "to"))
    return Window(
        days=optional(found, "days", _days, default=_DAILY),
        start=optional(found, "from", _time, default=time.min),
        end=optional(found, "to", _end, default=time.min),
        timezone=optional(found, "timezone", _timezone, default="UTC"),
    )


def _days(value: Value) -> frozenset[int]:
    if not value.is_sequence:
        return _DAILY if _is_daily(value) else _span(value)
    items = value.items()
    if not items:
        value.fail("must not be empty: name the days, or write daily")
    return frozenset(day for item in items for day in _span(item))


def _is_daily(value: Value) -> bool:
    return value.is_scalar and filled(value) == "daily"


def _span(value: Value) -> frozenset[int]:
    """One day, or all from one to another, over the end of the week where they lie so."""
    written = filled(value)
    first, dash, last = written.partition("-")
    if not written or (dash and {first, last} <= set(_DAYS)):
        start, end = (_DAYS.index(day) if day in _DAYS else 0 for day in (first, last))
        return frozenset((start + ahead) % 7 for ahead in range((end - start) % 7 + 1))
    day = choice(*_DAYS)(value)
    return frozenset((_DAYS.index(day),) if day in _DAYS else ())


def _time(value: Value) -> time:
    written = filled(value)
    found = _TIME.fullmatch(written)
    if found:
        return time(int(found[1]), int(found[2]))
    if written:
        value.fail("must be a time of day such as 04:30")
    return time.min


def _end(value: Value) -> time:
    # the end of a day is the beginning of the next
    return time.min if value.is_scalar and filled(value) == "24:00" else _time(value)


def _timezone(value: Value) -> str:
    name = filled(value)
    if name and not _is_timezone(name):
        alike = (zone for zone in _timezones() if zone[0] == name[0].upper())
        near = get_close_matches(name[:_MAX_NAME], alike, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        value.fail(f"'{name[:_MAX_NAME]}' is not the IANA name of a timezone{hint}")
        return "UTC"
    return name or "UTC"


def _is_timezone(name: str) -> bool:
    if not _ZONE.fullmatch(name) or name in _OF_ONE_HOST:
        return False
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        # a name nobody knows, or one of a folder or of another file among the data
        return False
    return True


@cache
def _timezones() -> tuple[str, ...]:
    return tuple(sorted(available_timezones() - _OF_ONE_HOST))

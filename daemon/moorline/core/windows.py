"""Maintenance windows: when something new may be rolled out.

A window is what a clock on the wall there says. Where clocks are put forward, an hour that does
not happen is over at once: a span that begins in it begins when it is over. Where they are put
back, an hour happens twice: the first time counts, for the beginning and the end of a span.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

__all__ = ["Window", "is_open", "opens_at"]

# A span can fall into an hour that does not happen, and the next one is a week later.
_AHEAD = 15
_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)


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

    def __str__(self) -> str:
        """As a person would write it: `mon-fri 22:00-04:00 Europe/Berlin`."""
        return f"{_days(sorted(self.days))} {self.start:%H:%M}-{self.end:%H:%M} {self.timezone}"


def is_open(windows: Iterable[Window], now: datetime) -> bool:
    """Whether something new may be rolled out now; always, where there are no windows."""
    spans = [_spans(window, now) for window in windows]
    return not spans or any(start <= now < end for each in spans for start, end in each)


def opens_at(windows: Iterable[Window], now: datetime) -> datetime | None:
    """The first moment from `now` on that is open, in UTC; None where none is in sight."""
    several = tuple(windows)
    if not several:
        return now
    spans = (span for window in several for span in _spans(window, now))
    return min((max(start, now) for start, end in spans if end > now), default=None)


def _days(days: Sequence[int]) -> str:
    names = [_NAMES[day] for day in days]
    if len(days) == len(_NAMES):
        return "daily"
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:  # noqa: PLR2004  (two are a list)
        return f"{names[0]}-{names[-1]}"
    return ", ".join(names)


def _spans(window: Window, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The spans that may hold `now` or come after it, in UTC; none is empty."""
    zone = ZoneInfo(window.timezone)
    today = now.astimezone(zone).date()
    days = (today + timedelta(days=ahead) for ahead in range(-1, _AHEAD))
    for day in days:
        if day.weekday() not in window.days:
            continue
        last = day if window.end > window.start else day + _DAY
        start, end = _moment(day, window.start, zone), _moment(last, window.end, zone)
        if start < end:
            yield start, end


def _moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    """When a clock there first shows this time, or a later one where it never does."""
    shown = datetime.combine(day, at, zone)
    moment = shown.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == shown.replace(tzinfo=None):
        return moment
    # the offset before the change was applied, so that the change lies before
    before, after = shown.replace(fold=1).astimezone(UTC), moment
    offset = moment.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after.replace(microsecond=0)

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorline.core.windows import Window, is_open, opens_at

DAILY = frozenset(range(7))
SUNDAY = frozenset((6,))


def window(span: str, timezone: str = "UTC", days: frozenset[int] = DAILY) -> Window:
    start, end = (time.fromisoformat(each) for each in span.split("-"))
    return Window(days=days, start=start, end=end, timezone=timezone)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("each", "expected"),
    [
        (window("22:00-04:00", "Europe/Berlin"), "daily 22:00-04:00 Europe/Berlin"),
        (window("01:30-02:00", days=frozenset(range(5))), "mon-fri 01:30-02:00 UTC"),
        (window("00:00-00:00", days=frozenset((5, 6))), "sat, sun 00:00-00:00 UTC"),
        (window("01:00-02:00", days=frozenset((0, 1, 4))), "mon, tue, fri 01:00-02:00 UTC"),
        (window("01:00-02:00", days=SUNDAY), "sun 01:00-02:00 UTC"),
    ],
)
def test_a_window_is_told_as_a_person_would_write_it(each: Window, expected: str) -> None:
    assert str(each) == expected


def test_without_windows_it_is_always_open() -> None:
    now = utc("2026-11-23 12:00")
    assert is_open((), now)
    assert opens_at((), now) == now


def test_a_window_without_days_never_opens() -> None:
    never = window("01:00-02:00", days=frozenset())
    now = utc("2026-11-23 01:30")
    assert not is_open((never,), now)
    assert opens_at((never,), now) is None


# 2026-11-23 is a Monday.
@pytest.mark.parametrize(
    ("several", "now", "expected"),
    [
        ([window("22:00-23:00")], "2026-11-23 21:59:59", "2026-11-23 22:00"),
        ([window("22:00-23:00")], "2026-11-23 22:00", None),
        ([window("22:00-23:00")], "2026-11-23 22:59:59", None),
        ([window("22:00-23:00")], "2026-11-23 23:00", "2026-11-24 22:00"),
        # past midnight: the day is that of the beginning
        ([window("22:00-04:00", days=frozenset((0,)))], "2026-11-24 03:59", None),
        ([window("22:00-04:00", days=frozenset((0,)))], "2026-11-23 03:59", "2026-11-23 22:00"),
        ([window("22:00-04:00", days=frozenset((0,)))], "2026-11-24 04:00", "2026-11-30 22:00"),
        # a whole day
        ([window("00:00-00:00", days=SUNDAY)], "2026-11-29 23:59:59", None),
        ([window("00:00-00:00", days=SUNDAY)], "2026-11-30 00:00", "2026-12-06 00:00"),
        # the next of several
        ([window("22:00-23:00"), window("12:00-13:00")], "2026-11-23 10:00", "2026-11-23 12:00"),
        ([window("22:00-23:00"), window("12:00-13:00")], "2026-11-23 12:30", None),
        # elsewhere
        ([window("22:00-23:00", "Europe/Berlin")], "2026-11-23 20:00", "2026-11-23 21:00"),
        ([window("22:00-23:00", "America/New_York")], "2026-11-24 03:00", None),
        (
            [window("22:00-23:00", "America/New_York", frozenset((0,)))],
            "2026-11-24 04:00",
            "2026-12-01 03:00",
        ),
        ([window("01:00-02:00", "Pacific/Kiritimati", SUNDAY)], "2026-11-28 11:30", None),
    ],
)
def test_windows_open_and_close_by_the_clock_there(
    several: list[Window], now: str, expected: str | None
) -> None:
    """`expected` is when they open; None where they are open."""
    at = utc(now)
    assert is_open(several, at) == (expected is None)
    assert opens_at(several, at) == (at if expected is None else utc(expected))


# Berlin: 2026-03-29 02:00 CET -> 03:00 CEST (01:00 UTC); 2026-10-25 03:00 CEST -> 02:00 CET.
# New York: 2026-03-08 02:00 EST -> 03:00 EDT (07:00 UTC); 2026-11-01 02:00 EDT -> 01:00 EST.
@pytest.mark.parametrize(
    ("each", "start", "end"),
    [
        # an hour that does not happen
        (window("02:30-04:00", "Europe/Berlin"), "2026-03-29 01:00", "2026-03-29 02:00"),
        (window("01:00-02:30", "Europe/Berlin"), "2026-03-29 00:00", "2026-03-29 01:00"),
        (window("22:00-04:00", "Europe/Berlin"), "2026-03-28 21:00", "2026-03-29 02:00"),
        (window("02:15-05:00", "America/New_York"), "2026-03-08 07:00", "2026-03-08 09:00"),
        # an hour that happens twice: the first time counts
        (window("02:30-04:00", "Europe/Berlin"), "2026-10-25 00:30", "2026-10-25 03:00"),
        (window("01:00-02:30", "Europe/Berlin"), "2026-10-24 23:00", "2026-10-25 00:30"),
        (window("02:15-02:45", "Europe/Berlin"), "2026-10-25 00:15", "2026-10-25 00:45"),
        (window("22:00-04:00", "Europe/Berlin"), "2026-10-24 20:00", "2026-10-25 03:00"),
        (window("01:30-03:00", "America/New_York"), "2026-11-01 05:30", "2026-11-01 08:00"),
    ],
)
def test_a_change_of_the_clocks_keeps_a_window_in_one_piece(
    each: Window, start: str, end: str
) -> None:
    first, last = utc(start), utc(end) - timedelta(seconds=1)
    assert not is_open((each,), first - timedelta(seconds=1))
    assert opens_at((each,), first - timedelta(seconds=1)) == first
    assert is_open((each,), first)
    assert is_open((each,), last)
    assert not is_open((each,), utc(end))


def test_a_window_in_an_hour_that_does_not_happen_waits_for_its_next_day() -> None:
    each = window("02:10-02:40", "Europe/Berlin", SUNDAY)
    assert opens_at((each,), utc("2026-03-28 00:00")) == utc("2026-04-05 00:10")


times = st.times().map(lambda at: at.replace(second=0, microsecond=0))
windows = st.builds(
    Window,
    days=st.frozensets(st.integers(0, 6), min_size=1),
    start=times,
    end=times,
    timezone=st.sampled_from(
        ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"]
    ),
)
moments = st.integers(0, 730 * 86_400).map(
    lambda seconds: utc("2026-01-01 00:00") + timedelta(seconds=seconds)
)


@given(
    several=st.lists(windows, min_size=1, max_size=3),
    now=moments,
    permille=st.integers(0, 999),
)
def test_what_opens_is_open_then_and_not_before(
    several: list[Window], now: datetime, permille: int
) -> None:
    opening = opens_at(several, now)
    assert opening is not None
    assert opening >= now
    assert is_open(several, opening)
    assert opening == now or not is_open(several, now + (opening - now) * permille // 1000)

from datetime import time

import pytest

from moorline.core.windows import Window
from tests.core.compose.loading import environment, problems

DAILY = frozenset(range(7))


def windows(text: str) -> tuple[Window, ...]:
    return environment(f"x-moorline: {{windows: {text}}}\n").settings.windows


def window_problems(text: str) -> list[str]:
    found = problems(f"x-moorline: {{windows: {text}}}\n")
    return [each.removeprefix("x-moorline.") for each in found]


def test_a_window_has_days_a_span_and_a_timezone() -> None:
    text = "[{days: [mon, tue], from: '22:00', to: '04:00', timezone: Europe/Berlin}]"
    assert windows(text) == (
        Window(days=frozenset((0, 1)), start=time(22), end=time(4), timezone="Europe/Berlin"),
    )


def test_a_window_is_daily_and_in_utc_unless_it_says_otherwise() -> None:
    assert windows("[{from: 01:30, to: 02:00}]") == (
        Window(days=DAILY, start=time(1, 30), end=time(2), timezone="UTC"),
    )


def test_a_day_ends_at_24() -> None:
    (found,) = windows("[{from: 00:00, to: 24:00}]")
    assert (found.start, found.end) == (time(0), time(0))


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ("daily", DAILY),
        ("sat", {5}),
        ("mon-fri", {0, 1, 2, 3, 4}),
        ("fri-mon", {4, 5, 6, 0}),
        ("mon-mon", {0}),
        ("mon-sun", DAILY),
        ("[sat, sun]", {5, 6}),
        ("[mon-wed, sat]", {0, 1, 2, 5}),
    ],
)
def test_days_are_names_spans_and_lists(days: str, expected: set[int]) -> None:
    (found,) = windows(f"[{{days: {days}, from: 01:00, to: 02:00}}]")
    assert found.days == expected


A_DAY = "must be one of mon, tue, wed, thu, fri, sat, sun"
A_TIME = "must be a time of day such as 04:30"
A_ZONE = "is not the IANA name of a timezone"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("days: monday, from: 01:00, to: 02:00", [f"days: {A_DAY}; did you mean 'mon'?"]),
        ("days: mon-, from: 01:00, to: 02:00", [f"days: {A_DAY}; did you mean 'mon'?"]),
        ("days: [daily], from: 01:00, to: 02:00", [f"days[0]: {A_DAY}"]),
        (
            "days: [], from: 01:00, to: 02:00",
            ["days: must not be empty: name the days, or write daily"],
        ),
        ("days: '', from: 01:00, to: 02:00", ["days: must not be empty"]),
        ("days: [''], from: 01:00, to: 02:00", ["days[0]: must not be empty"]),
        ("days: {mon: 1}, from: 01:00, to: 02:00", ["days: must be a string"]),
        ("from: 1:00, to: '24:01'", [f"from: {A_TIME}", f"to: {A_TIME}"]),
        ("from: 24:00, to: 02:00", [f"from: {A_TIME}"]),
        ("from: '', to: [1]", ["from: must not be empty", "to: must be a string"]),
        (
            "from: 01:00, to: 02:00, timezone: Europe/Berlni",
            [f"timezone: 'Europe/Berlni' {A_ZONE}; did you mean 'Europe/Berlin'?"],
        ),
        ("from: 01:00, to: 02:00, timezone: ''", ["timezone: must not be empty"]),
        (
            "from: 01:00, to: 02:00, timezone: ../../etc/passwd",
            [f"timezone: '../../etc/passwd' {A_ZONE}"],
        ),
        ("from: 01:00, to: 02:00, timezone: localtime", [f"timezone: 'localtime' {A_ZONE}"]),
        (
            "from: 01:00, to: 02:00, zone: UTC",
            ["zone: not an x-moorline key; did you mean 'timezone'?"],
        ),
    ],
)
def test_a_window_that_cannot_be_is_told(keys: str, expected: list[str]) -> None:
    assert window_problems(f"[{{{keys}}}]") == [f"windows[0].{each}" for each in expected]


def test_a_folder_of_the_timezones_is_none_of_them() -> None:
    (found,) = window_problems("[{from: 01:00, to: 02:00, timezone: America/Argentina}]")
    assert A_ZONE in found


def test_a_window_needs_both_ends() -> None:
    assert window_problems("[{}]") == [
        "windows[0]: 'from' is missing",
        "windows[0]: 'to' is missing",
    ]
    assert window_problems("night") == ["windows: must be a list"]


def test_there_are_only_so_many_windows() -> None:
    one = "{from: 01:00, to: 02:00, timezone: Nowhere}"
    assert window_problems(f"[{', '.join([one] * 21)}]") == ["windows: more than 20 windows"]

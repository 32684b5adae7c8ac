"""Durations as Compose writes them."""

import pytest

from moorline.core.durations import nanoseconds, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("500ms", 0.5),
        ("10s", 10),
        ("1m30s", 90),
        ("1h", 3600),
        ("1h1m1s1ms", 3661.001),
        ("1.5h", 5400),
        (".5s", 0.5),
        ("250us", 0.00025),
        ("250µs", 0.00025),
        ("1s1s", 2),
    ],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


def test_the_unit_of_the_engine_loses_nothing() -> None:
    assert nanoseconds("1h0.000000001s") == 3_600_000_000_001
    assert nanoseconds("9223372036854775807ns") == 2**63 - 1


@pytest.mark.parametrize(
    "text",
    [
        *("", "10", "1", "s", "10 s", " 10s", "10s\n", "-1s", "+1s", "1d", "1S", "1.s", "1e3s"),
        *("1_000s", "\u0661s", "9223372036854775808ns", "9" * 400 + "h"),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a duration such as 10s, 1m30s or 500ms"):
        parse_duration(text)

import math

import pytest

from moorline.core.compose.resolve import Plain, as_text, resolve

VALUES: list[tuple[str, Plain]] = [
    ("", None),
    ("~", None),
    ("null", None),
    ("Null", None),
    ("true", True),
    ("True", True),
    ("FALSE", False),
    ("yes", "yes"),
    ("on", "on"),
    ("0", 0),
    ("-0", 0),
    ("42", 42),
    ("+12", 12),
    ("-7", -7),
    ("0777", 511),
    ("0o17", 15),
    ("0x1F", 31),
    ("0b11", 3),
    ("1_000", 1000),
    ("0899", 899.0),
    ("1.5", 1.5),
    (".5", 0.5),
    ("1.", 1.0),
    ("1e3", 1000.0),
    (".inf", float("inf")),
    ("-.Inf", float("-inf")),
    ("18446744073709551615", 2**64 - 1),
    ("18446744073709551616", 18446744073709551616.0),
    ("12:30:45", "12:30:45"),
    ("2001-01-01", "2001-01-01"),
    ("1.2.3", "1.2.3"),
    ("-", "-"),
    ("...", "..."),
    ("text", "text"),
    ("9" * 65, "9" * 65),
]


@pytest.mark.parametrize(("text", "value"), VALUES, ids=[text for text, _ in VALUES])
def test_a_plain_scalar_means_what_it_means_to_compose(text: str, value: Plain) -> None:
    resolved = resolve(text)
    assert resolved == value
    assert type(resolved) is type(value)


def test_not_a_number_is_a_number() -> None:
    value = resolve(".nan")
    assert isinstance(value, float)
    assert math.isnan(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        (True, "true"),
        (False, "false"),
        (511, "511"),
        (-3, "-3"),
        (1.5, "1.5"),
        (1.10, "1.1"),
        (0.0, "0"),
        (1000.0, "1000"),
        (100000.5, "100000.5"),
        (999999.0, "999999"),
        (1e6, "1e+06"),
        (1234567.5, "1.2345675e+06"),
        (0.0001, "0.0001"),
        (1e-5, "1e-05"),
        (-2.5e-7, "-2.5e-07"),
        (1e123, "1e+123"),
    ],
)
def test_a_number_reads_as_compose_prints_it(value: str | float, text: str) -> None:
    assert as_text(value) == text

"""What a plain YAML scalar means, and how a number reads once it is text again.

Compose is written in Go and reads YAML as its library does: the 1.2 core schema (`yes` and `on`
are text), plus the older octal `0777`, binary `0b11` and digits grouped with `_`. We follow it,
because the same file must start the same containers by hand.
"""

import re
from decimal import Decimal
from typing import TypeAlias

__all__ = ["Plain", "as_text", "resolve"]

Plain: TypeAlias = str | int | float | bool | None

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_INTEGER = re.compile(
    r"(?P<sign>[-+]?)(?:0[bB](?P<two>[01]+)|0[oO]?(?P<eight>[0-7]+)|0[xX](?P<sixteen>[0-9a-fA-F]+)"
    r"|(?P<ten>0|[1-9][0-9]*))",
    re.ASCII,
)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_SPECIAL = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", re.ASCII)
_RADIX = {"two": 2, "eight": 8, "sixteen": 16, "ten": 10}
# No number that anyone means is longer; Python's own conversion grows with the square of it.
_MAX_NUMBER = 64
_LOWEST, _HIGHEST = -(2**63), 2**64 - 1
# Go prints a float without an exponent while that lies in this range.
_FIXED_EXPONENTS = range(-4, 6)


def resolve(text: str) -> Plain:
    """Return the value of an unquoted scalar."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text[0] not in "0123456789+-." or len(text) > _MAX_NUMBER:
        return text
    return _number(text)


def _number(text: str) -> Plain:
    plain = text.replace("_", "")
    if found := _INTEGER.fullmatch(plain):
        integer = _integer(found)
        if _LOWEST <= integer <= _HIGHEST:
            return integer
    if _SPECIAL.fullmatch(plain):
        return float(plain.replace(".", ""))
    if _FLOAT.fullmatch(plain):
        return float(plain)
    return text


def _integer(found: "re.Match[str]") -> int:
    name = found.lastgroup or "ten"
    value = int(found[name], _RADIX[name])
    return -value if found["sign"] == "-" else value


def as_text(value: str | float) -> str:
    """Return a value the way Compose prints it into an environment variable or a label."""
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return _float_text(value)
        case _:
            return str(value)


def _float_text(value: float) -> str:
    """Go's shortest form: 1.5, 1e+06, 1e-05; never a trailing `.0`."""
    number = Decimal(repr(value)).normalize()
    power = number.adjusted()
    if not number or power in _FIXED_EXPONENTS:
        return f"{number:f}"
    mantissa = number.scaleb(-power)
    return f"{mantissa:f}e{power:+03d}"

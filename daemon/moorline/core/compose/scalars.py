"""Typed readers: one value of the file in, one Python value out, problems on the way.

Each takes a `Value` and returns a default after reporting what is wrong. Types are those of the
Compose Specification: a number where it wants a string is refused, as Compose refuses it, because
the same file must work with `docker compose` by hand.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from math import isfinite
from typing import TypeVar

from moorline.core.compose.reader import Value, suggestion
from moorline.core.compose.resolve import as_text
from moorline.core.compose.yamltree import ScalarNode
from moorline.core.durations import nanoseconds

__all__ = [
    "absolute_path",
    "boolean",
    "choice",
    "cpus",
    "duration",
    "file_mode",
    "filled",
    "filled_text",
    "integer",
    "mapping_or_list",
    "number",
    "numbers_or_strings",
    "positive",
    "seconds",
    "size",
    "string",
    "string_or_list",
    "strings",
    "text",
    "text_mapping",
    "whole",
]

T = TypeVar("T")

_INT64 = 2**63 - 1
_INTEGER = re.compile(r"[-+]?[0-9]{1,19}", re.ASCII)
_DECIMAL = re.compile(r"[-+]?(?:[0-9]{1,19}(?:\.[0-9]{0,19})?|\.[0-9]{1,19})", re.ASCII)
_OCTAL = re.compile(r"0?[0-7]{1,4}", re.ASCII)
_ALL_BITS = 0o7777
_DECIMAL_MODE = re.compile(r"[1-7][0-7]{2,3}", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?", re.ASCII)
_SIZE = re.compile(r"([0-9]{1,19}(?:\.[0-9]{1,19})?) ?([kmgtp]?)i?b?", re.ASCII | re.IGNORECASE)
_SIZE_UNITS = {unit: 1024**power for power, unit in enumerate(("", "k", "m", "g", "t", "p"))}
# Longer ones only cost time to refuse.
_MAX_DURATION = 100
# Compose casts text in the place of a boolean by this list, quoted or not.
_BOOLEAN_WORDS = {
    "true": True,
    "yes": True,
    "y": True,
    "on": True,
    "false": False,
    "no": False,
    "n": False,
    "off": False,
}


# --- text ---------------------------------------------------------------------------------------


def string(value: Value) -> str:
    """A string; numbers and booleans must be quoted to be one."""
    node = value.node
    if isinstance(node, ScalarNode) and isinstance(node.value, str):
        return node.value
    value.fail(_not_a("string", value))
    return ""


def filled(value: Value) -> str:
    """A string that is not empty."""
    return _not_empty(value, string)


def filled_text(value: Value) -> str:
    """A string or number that is not empty."""
    return _not_empty(value, text)


def _not_empty(value: Value, read: Callable[[Value], str]) -> str:
    if isinstance(value.node, ScalarNode) and value.node.value == "":
        value.fail("must not be empty")
        return ""
    return read(value)


def text(value: Value) -> str:
    """A string, number or boolean, printed as Compose prints it."""
    node = value.node
    if not isinstance(node, ScalarNode) or node.value is None:
        value.fail(_not_a("string", value))
        return ""
    if isinstance(node.value, float) and not isfinite(node.value):
        value.fail("not a number that can be printed; put it in quotes")
        return ""
    if not node.quoted and _DATE.fullmatch(node.text):
        # Compose would print it with a time and a time zone
        value.fail("reads as a date; put it in quotes")
        return ""
    return as_text(node.value)


def _not_a(kind: str, value: Value) -> str:
    if value.is_null:
        return f"has no value; it must be a {kind}, or leave the key out"
    if value.is_scalar and kind == "string":
        return "must be a string; put it in quotes"
    return f"must be a {kind}"


def choice(*options: str) -> Callable[[Value], str]:
    """Return a reader of one of these words."""

    def read(value: Value) -> str:
        word = filled(value)
        if word and word not in options:
            value.fail(f"must be one of {', '.join(options)}{suggestion(word, options)}")
        return word

    return read


def absolute_path(value: Value) -> str:
    """A path inside a container, without a slash at its end."""
    path = filled(value)
    if path and not path.startswith("/"):
        value.fail("must be an absolute path")
    return path.rstrip("/") or "/"


# --- numbers ------------------------------------------------------------------------------------


def boolean(value: Value) -> bool:
    """True or false, or one of the words that Compose takes for them."""
    node = value.node
    if isinstance(node, ScalarNode):
        if isinstance(node.value, bool):
            return node.value
        if isinstance(node.value, str) and node.value.lower() in _BOOLEAN_WORDS:
            return _BOOLEAN_WORDS[node.value.lower()]
    value.fail("must be true or false")
    return False


def integer(value: Value) -> int:
    """A whole number, or text that is one (`${REPLICAS}` always is text)."""
    found = _integer(value)
    if found is None:
        value.fail("must be a whole number")
        return 0
    return found


def _integer(value: Value) -> int | None:
    found = value.node.value if isinstance(value.node, ScalarNode) else None
    if isinstance(found, str) and _INTEGER.fullmatch(found):
        found = int(found)
    if not isinstance(found, int) or isinstance(found, bool):
        return None
    return found if abs(found) <= _INT64 else None


def whole(low: int, high: int = _INT64) -> Callable[[Value], int]:
    """Return a reader of a whole number within bounds."""

    def read(value: Value) -> int:
        found = _integer(value)
        if found is None or not low <= found <= high:
            bounds = f"{low} or more" if high == _INT64 else f"{low} to {high}"
            value.fail(f"must be a whole number, {bounds}")
            return low
        return found

    return read


def number(value: Value) -> Decimal:
    """A number with or without a fraction, kept exactly as written."""
    node = value.node
    if isinstance(node, ScalarNode) and not isinstance(node.value, bool):
        if isinstance(node.value, int) and abs(node.value) <= _INT64:
            return Decimal(node.value)
        if _DECIMAL.fullmatch(node.text):
            return Decimal(node.text)
    value.fail("must be a number")
    return Decimal(0)


def cpus(value: Value) -> int:
    """A number of processors, in the engine's unit of a billionth."""
    found = number(value)
    nano = int(found * 10**9)
    if not 0 <= nano <= _INT64:
        value.fail("must be 0 or more processors")
        return 0
    return nano


def size(value: Value) -> int:
    """Bytes: a whole number, or text such as `512m` and `1.5gb` (powers of 1024)."""
    node = value.node
    if isinstance(node, ScalarNode):
        if isinstance(node.value, int) and not isinstance(node.value, bool):
            return whole(0)(value)
        if isinstance(node.value, str) and (found := _SIZE.fullmatch(node.value)):
            amount = int(Decimal(found[1]) * _SIZE_UNITS[found[2].lower()])
            if amount <= _INT64:
                return amount
    value.fail("must be a size such as 512m or 2gb")
    return 0


def duration(value: Value) -> int:
    """Nanoseconds, from text such as `10s`, `1m30s` or `500ms`."""
    return _duration(value) or 0


def _duration(value: Value) -> int | None:
    written = filled(value)
    if not written:
        return None
    try:
        return nanoseconds(written if len(written) <= _MAX_DURATION else "too long")
    except ValueError as error:
        value.fail(str(error))
        return None


def seconds(value: Value) -> float:
    """A duration in seconds."""
    return duration(value) / 10**9


def positive(value: Value) -> float:
    """A duration in seconds that is not nothing."""
    found = _duration(value)
    if found == 0:
        value.fail("must be more than 0")
    return (found or 0) / 10**9


def file_mode(value: Value) -> int:
    """Permission bits, octal: 0440, 0o440 or "0440"."""
    node = value.node
    if isinstance(node, ScalarNode):
        if isinstance(node.value, str) and _OCTAL.fullmatch(node.value):
            return int(node.value, 8)
        if not node.quoted and _DECIMAL_MODE.fullmatch(node.text):
            value.fail(f"{node.text} is decimal here; write 0{node.text}")
            return 0
        if isinstance(node.value, int) and 0 <= node.value <= _ALL_BITS:
            return int(node.value)
    value.fail("must be permission bits such as 0440")
    return 0


# --- lists and mappings -------------------------------------------------------------------------


def strings(value: Value) -> list[str]:
    """A list of strings without repetition."""
    return _unique(value, string)


def numbers_or_strings(value: Value) -> list[str]:
    """A list of strings and numbers, all as text."""
    return _unique(value, text)


def _unique(value: Value, read: Callable[[Value], str]) -> list[str]:
    found: dict[str, None] = {}
    for item in value.items():
        element = read(item)
        if element in found:
            item.fail(f"'{element}' is in the list already")
        found[element] = None
    return list(found)


def string_or_list(value: Value) -> list[str]:
    """A list of strings, or one string for a list of one."""
    return [string(value)] if value.is_scalar else strings(value)


def text_mapping(value: Value) -> dict[str, str]:
    """A mapping to text; an empty value is empty text."""
    return {name: "" if entry.is_null else text(entry) for name, entry in value.entries().items()}


def mapping_or_list(value: Value) -> dict[str, str | None]:
    """`{KEY: value}` or `["KEY=value"]`; None where a key stands alone."""
    if value.is_sequence:
        return _pairs(value)
    if not value.is_mapping:
        value.fail("must be a mapping, or a list of KEY=value")
        return {}
    return {
        name: None if entry.is_null else text(entry) for name, entry in value.entries().items()
    }


def _pairs(value: Value) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for item in value.items():
        name, equals, rest = string(item).partition("=")
        if name in found:
            item.fail(f"'{name}' is in the list already")
        found[name] = rest if equals else None
    return found

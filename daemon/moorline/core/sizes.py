"""Amounts of bytes: `512MiB` and `2gb` in settings, `0.4 GiB` in sentences; powers of 1024."""

import re
from decimal import Decimal

__all__ = ["parse_size", "size_text"]

_LETTERS = ("", "k", "m", "g", "t")
_WHOLE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(?:([kmgt])i?)?b?", re.ASCII | re.IGNORECASE)
_NAMES = ("B", "KiB", "MiB", "GiB", "TiB")


def parse_size(text: str) -> int:
    """Bytes; raises ValueError."""
    found = _WHOLE.fullmatch(text)
    if found is None:
        raise ValueError("must be a size such as 1GiB or 512MiB")
    return int(Decimal(found[1]) * 1024 ** _LETTERS.index((found[2] or "").lower()))


def size_text(size: int, *, like: int, up: bool = False) -> str:
    """In the unit that suits `like`, so that the numbers of one sentence can be compared.

    Rounded down to hundredths, or `up`: what is almost enough never reads as enough.
    """
    power = max(each for each in range(len(_NAMES)) if 1024**each <= max(like, 1))
    hundredths = -(-size * 100 // 1024**power) if up else size * 100 // 1024**power
    return f"{hundredths / 100:.12g} {_NAMES[power]}"

"""Spans of time as a policy writes them: `90d`, `2w`, `12h`, `1d12h`."""

import re

__all__ = ["parse_span"]

_UNITS = {"w": 7 * 86400, "d": 86400, "h": 3600, "m": 60, "s": 1}
# Six digits of weeks are longer than anything that a calendar can hold.
_PART = r"([0-9]{1,6})([wdhms])"
_WHOLE = re.compile(rf"(?:{_PART}){{1,5}}", re.ASCII)
_LONGEST = 100 * 366 * 86400


def parse_span(text: str) -> float:
    """Seconds; raises ValueError."""
    if not _WHOLE.fullmatch(text):
        raise ValueError("must be a duration such as 90d, 2w, 12h or 1d12h")
    total = sum(int(amount) * _UNITS[unit] for amount, unit in re.findall(_PART, text))
    if total > _LONGEST:
        raise ValueError("is longer than a hundred years")
    return float(total)

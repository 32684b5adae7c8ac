"""What a server answered, and for how long it wants to be left alone."""

import math
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

import httpx

__all__ = ["Answer", "asked_patience", "one_line"]

_NO_WORD = 60.0  # what GitHub asks for where an answer does not say
_DAY = 86400.0
_LINE_LENGTH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One response, read to its end; `asked` was the address before any redirect, `url` after."""

    status: int
    headers: httpx.Headers
    body: bytes = field(repr=False)
    asked: httpx.URL
    url: httpx.URL


def asked_patience(answer: Answer) -> float | None:
    """How many seconds a server wants to be left alone, at most a day; None where it does not.

    `Retry-After` in either form, else the moment at which GitHub's limit is lifted, else a minute.
    """
    if not _is_limit(answer):
        return None
    said = answer.headers.get("retry-after", "")
    seconds = _seconds(said, answer) if said else None
    if seconds is None and answer.headers.get("x-ratelimit-remaining") == "0":
        seconds = _until(answer.headers.get("x-ratelimit-reset", ""), answer)
    return min(max(_NO_WORD if seconds is None else seconds, 1.0), _DAY)


def one_line(text: str, *, length: int = _LINE_LENGTH) -> str:
    """Make a stranger's words fit into a line of ours: no control characters, not too long."""
    printable = "".join(each if each.isprintable() else " " for each in text[: length * 4])
    words = " ".join(printable.split())
    return words if len(words) <= length else f"{words[: length - 1]}…"


def _is_limit(answer: Answer) -> bool:
    if answer.status == httpx.codes.TOO_MANY_REQUESTS:
        return True
    if answer.status == httpx.codes.SERVICE_UNAVAILABLE:
        return "retry-after" in answer.headers
    if answer.status != httpx.codes.FORBIDDEN:
        return False
    # GitHub's secondary limit may come without any header
    return (
        "retry-after" in answer.headers
        or answer.headers.get("x-ratelimit-remaining") == "0"
        or b"rate limit" in answer.body.lower()
    )


def _seconds(said: str, answer: Answer) -> float | None:
    try:
        return _finite(float(said))
    except ValueError:
        return _until_date(said, answer)


def _until_date(said: str, answer: Answer) -> float | None:
    moment = _moment(said)
    return None if moment is None else moment - _now(answer)


def _until(said: str, answer: Answer) -> float | None:
    try:
        return _finite(float(said) - _now(answer))
    except ValueError:
        return None


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError(number)
    return number


def _now(answer: Answer) -> float:
    """The server's clock where it shows it: the one that its moments are of."""
    moment = _moment(answer.headers.get("date", ""))
    return time.time() if moment is None else moment


def _moment(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None

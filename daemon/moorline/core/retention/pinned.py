"""What asks for an image: digests in the bytes of files and records, and when they stood there.

In doubt a digest counts as asked for. That a registry keeps one image too many costs a few
cents; that it lacks one costs the way back.
"""

import re
from collections.abc import Sequence

__all__ = ["digests", "file_blob", "is_proven", "latest_moments", "was_taken_back"]

_DIGEST = re.compile(rb"sha256:[0-9a-f]{64}")
# A double-quoted scalar may write any character by its number, and go on in the next line.
_ESCAPE = re.compile(
    rb"\\(?:\\|\r?\n[ \t]*|x([0-9a-fA-F]{2})|u00([0-9a-fA-F]{2})|U000000([0-9a-fA-F]{2}))"
)
# Records are read line by line, not as YAML: it is the same for a damaged one, and a hundred times
# faster. Whatever a record quotes is indented, so that a line at the margin is its own.
_PROVEN = re.compile(rb"^outcome: proven\b", re.MULTILINE)
_NOT_PROVEN = re.compile(rb"^outcome: (?:taken back|failed|superseded)\b", re.MULTILINE)
_FILE_BLOB = re.compile(rb"^file_blob: ['\"]?([0-9a-f]{40})\b", re.MULTILINE)


def digests(data: bytes) -> frozenset[str]:
    """Every digest that these bytes name: also in a comment, of a job, or in a broken file."""
    found = _DIGEST.findall(data)
    if b"\\" in data:
        found += _DIGEST.findall(_ESCAPE.sub(_character, data))
    return frozenset(each.decode() for each in found)


def is_proven(record: bytes) -> bool:
    """Whether a deployment's record says that it was proven."""
    return _PROVEN.search(record) is not None


def was_taken_back(record: bytes) -> bool:
    """Whether a deployment's record says that it came to nothing."""
    return _NOT_PROVEN.search(record) is not None


def file_blob(record: bytes) -> str:
    """The blob of the environment file that a record is about; "" where it names none."""
    found = _FILE_BLOB.search(record)
    return found[1].decode() if found else ""


def latest_moments(dates: Sequence[float], *, now: float) -> list[float]:
    """When changes were made at the latest; `dates` are what they claim, the newest change first.

    One that claims to be older than a change before it was made by a wrong clock: it counts from
    the next newer change, or from now. A date in the future is evidence against none but itself.
    """
    latest, moments = now, []
    for date, floor in zip(dates, _floors(dates, now), strict=True):
        latest = date if date >= floor else min(latest, now)
        moments.append(latest)
    return moments


def _floors(dates: Sequence[float], now: float) -> list[float]:
    """The newest date of all changes before each."""
    floor, floors = 0.0, []
    for date in reversed(dates):
        floors.append(floor)
        floor = max(floor, date) if date <= now else floor
    return floors[::-1]


def _character(escape: re.Match[bytes]) -> bytes:
    return bytes.fromhex(escape[escape.lastindex].decode()) if escape.lastindex else b""

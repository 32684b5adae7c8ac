"""Where a rollback goes: what `--to` names, and the file that it makes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from moorline.core.image import Digest
from moorline.core.records import Summary
from moorline.errors import NotFound

__all__ = [
    "ToCommit",
    "ToDigest",
    "ToPrevious",
    "ToShortDigest",
    "ToTag",
    "parse_target",
    "previous_proven",
]

_HEX = re.compile(r"[0-9a-f]{7,40}", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)
# as many digits as are shown to people, and as one finds a digest by without doubt
_SHORT = re.compile(r"sha256:[0-9a-f]{12,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ToPrevious:
    """The last proven state before the present one."""


@dataclass(frozen=True, slots=True)
class ToCommit:
    """What looks like a commit of the state repo; where it is none, the text may be a tag."""

    text: str


@dataclass(frozen=True, slots=True)
class ToTag:
    """A tag of the service's image."""

    tag: str


@dataclass(frozen=True, slots=True)
class ToDigest:
    """An exact image."""

    digest: Digest


@dataclass(frozen=True, slots=True)
class ToShortDigest:
    """The beginning of a digest, as `moorline versions` shows it."""

    text: str


Target: TypeAlias = ToPrevious | ToCommit | ToTag | ToDigest | ToShortDigest


def parse_target(text: str) -> Target:
    """Read `previous`, a commit, a digest or a tag; raises ValueError for anything else."""
    if text == "previous":
        return ToPrevious()
    if _SHORT.fullmatch(text):
        return ToShortDigest(text)
    if text.startswith("sha256:"):
        return ToDigest(Digest(text))
    if _HEX.fullmatch(text):
        return ToCommit(text)
    if _TAG.fullmatch(text):
        return ToTag(text)
    raise ValueError(f"not 'previous', a commit, a tag or a digest: {text!r}")


def previous_proven(environment: str, records: Sequence[Summary], *, blob: str) -> Summary:
    """The proven deployment that the present file (`blob`) came after. Raises NotFound.

    Returning to a file undoes what came after it, so that going back twice is going back two
    states, not to and fro.
    """
    trail = _trail(records)
    known = _position(trail, blob)
    earlier = trail if known is None else trail[:known]
    if not earlier:
        raise NotFound(
            f"{environment}: no earlier proven deployment is on record",
            mend=f"name a target: see 'moorline history {environment}'",
        )
    return earlier[-1]


def _trail(records: Sequence[Summary]) -> list[Summary]:
    """The proven deployments that lead to the present, each file once, oldest first."""
    proven = (each for each in records if each.kind == "deployment" and each.outcome == "proven")
    trail: list[Summary] = []
    for record in sorted(proven, key=lambda each: each.id):
        if (known := _position(trail, record.blob)) is not None:
            del trail[known:]
        trail.append(record)
    return trail


def _position(trail: Sequence[Summary], blob: str) -> int | None:
    return next((index for index, each in enumerate(trail) if each.blob == blob), None)

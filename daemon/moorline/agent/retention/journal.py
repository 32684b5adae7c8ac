"""The journal: how far the carrying out of a decision came, so that a killed run can go on.

    begin      the decision that is carried out
    guard      what must still resolve in a package afterwards
    deleting   a version is about to be deleted: its manifest is saved by now
    ended      what became of that version
    untagging  a tag is about to be taken off, or to be taken over by a dummy and deleted with it
    untagged   what became of that tag
    done       a package is through, and what it freed

One line of JSON each, on disk before what it announces is done. A line cut off by a crash was
never acted upon, and is dropped. In the end the record's bytes are put beside the journal, and
from there into git: whatever is repeated after a crash is the same record.
"""

import os
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

import msgspec

from moorline.adapters.storage import (
    read_if_there,
    remove_durably,
    storage_errors,
    sync_folder,
    write_durably,
)
from moorline.core.retention.outcomes import Result
from moorline.errors import StorageFailed

__all__ = ["Journal", "Line", "Outgoing", "Turn"]

T = TypeVar("T")
Turn: TypeAlias = Literal["begin", "guard", "deleting", "ended", "untagging", "untagged", "done"]


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One turn; which of the fields mean anything depends on which."""

    turn: Turn
    package: str = ""
    digest: str = ""
    tag: str = ""
    result: Result | None = None
    reason: str = ""
    dummy: str = ""
    """Digest of the dummy manifest, where one takes the tag over."""
    decision: str = ""
    at: float = 0.0
    names: tuple[str, ...] = ()
    id: str = ""
    tags: tuple[str, ...] = ()
    least: int = 0
    most: int = 0


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A finished record on its way into git, byte for byte."""

    files: dict[str, str]
    message: str
    missing: tuple[str, ...] = ()


class Journal:
    """At most one decision at a time."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "journal.jsonl"
        self._outgoing = folder / "outgoing.json"
        self.lines: list[Line] = []
        """Everything so far, oldest first."""

    def load(self) -> None:
        """Read what a killed run left, and cut off a line that it did not finish."""
        data = read_if_there(self._path) or b""
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            with storage_errors(self._path):
                os.truncate(self._path, len(whole))
        self.lines = [_decoded(self._path, each, Line) for each in whole.splitlines()]

    def write(self, line: Line) -> None:
        """Note a turn, durably."""
        with storage_errors(self._path):
            is_new = not self._path.exists()
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                file.write(msgspec.json.encode(line) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            if is_new:
                sync_folder(self._path.parent)
        self.lines.append(line)

    def hand_over(self, outgoing: Outgoing) -> None:
        """All is done in the registry; the record is what is left."""
        write_durably(self._outgoing, msgspec.json.encode(outgoing))

    def outgoing(self) -> Outgoing | None:
        """The record that has to reach git."""
        data = read_if_there(self._outgoing)
        return None if data is None else _decoded(self._outgoing, data, Outgoing)

    def clear(self) -> None:
        """The record is in git. The journal first: without it, the record is merely put again."""
        self.lines = []
        remove_durably(self._path)
        remove_durably(self._outgoing)


def _decoded(path: Path, data: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as error:
        raise StorageFailed(
            f"{path} is damaged: {error}",
            mend="look at it, and delete it: the run is then made anew from its decision",
        ) from None

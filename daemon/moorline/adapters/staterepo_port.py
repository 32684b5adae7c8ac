"""The state repo as the agent needs it: read at any commit, written by appending.

A port like those of `ports.py`, with the same rules.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

__all__ = [
    "Blob",
    "Commit",
    "FileChange",
    "HistoryEntry",
    "Relation",
    "StateRepo",
]

Relation = Literal["same", "ahead", "behind", "diverged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A regular file at a commit."""

    oid: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit. `trailers` come from the message's last block only; `at` is ISO 8601, UTC."""

    sha: str
    author: str
    at: str
    subject: str
    trailers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One record file of a history branch."""

    branch: str
    path: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """What one commit did to one file. `at` is the committer's time, seconds since the epoch;
    `old` and `new` are blob oids, "" where there was or is no file.
    """

    commit: str
    at: float
    path: str
    old: str
    new: str


class StateRepo(Protocol):
    """The state repo as one host sees it: a mirror that is read at commits, and pushes."""

    def fetch(self) -> str:
        """Fetch branch and history; returns the branch's tip. The only call that needs a network
        besides the three that write.
        """
        ...

    def tip(self) -> str | None:
        """The branch's tip as of the last fetch; None before the first."""
        ...

    def relation(self, accepted: str, tip: str) -> Relation:
        """How `tip` stands to `accepted`: ahead is a fast-forward, behind an old state."""
        ...

    def read(self, commit: str, path: str) -> Blob | None:
        """One file; None where there is none. Raises Stalled for a symlink, submodule or
        executable, and for more than 1 MiB.
        """
        ...

    def paths(self, commit: str, folder: str) -> tuple[str, ...]:
        """Paths of the files directly in `folder`, sorted."""
        ...

    def last_change(self, commit: str, path: str) -> Commit | None:
        """The newest commit at or before `commit` that changed `path`."""
        ...

    def log(self, commit: str, path: str, *, limit: int) -> Sequence[Commit]:
        """Commits that changed `path`, newest first."""
        ...

    def commit(self, sha: str) -> Commit:
        """One commit; raises NotFound."""
        ...

    def expand(self, text: str) -> str | None:
        """The full sha of a commit reachable from the branch; None where there is none."""
        ...

    def replace(self, path: str, data: bytes, *, expected: str, message: str) -> str:
        """Commit one file onto the remote's branch and push, returning the sha.

        A compare-and-swap on the blob: if the file there is no longer `expected` (a blob oid),
        raises Conflict and pushes nothing. Other people's commits to other files are rebased on.
        Raises AccessDenied where the branch is protected.
        """
        ...

    def propose(self, branch: str, path: str, data: bytes, *, message: str) -> str:
        """Push the same commit to a branch of its own instead; returns the sha."""
        ...

    def append(self, branch: str, files: Mapping[str, bytes], *, message: str) -> str | None:
        """Add record files to a history branch and push; None where all were there already."""
        ...

    def history(self, prefix: str, *, limit: int) -> Sequence[HistoryEntry]:
        """Record files of all branches below `history/<prefix>`, newest id first."""
        ...

    def history_tips(self) -> Mapping[str, str]:
        """Every history branch and its tip, as of the last fetch."""
        ...

    def changes(self, commit: str, folder: str) -> Sequence[FileChange]:
        """Every change of a file below `folder` in the whole history of `commit`, merges against
        each parent, newest first. Raises Stalled where the history is shallow: what cannot be
        seen must not count as empty.
        """
        ...

    def files(self, commit: str, folder: str) -> Sequence[tuple[str, str]]:
        """Path and blob oid of everything below `folder`, however deep and of whatever mode;
        submodules have no blob and are left out.
        """
        ...

    def blobs(self, oids: Collection[str], *, skip_large: bool = False) -> Mapping[str, bytes]:
        """The contents of these blobs; raises Stalled where one is missing, or is larger than
        1 MiB (`skip_large` leaves those out instead).
        """
        ...

    def close(self) -> None:
        """End helper processes."""
        ...

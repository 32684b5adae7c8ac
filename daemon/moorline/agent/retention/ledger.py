"""Decisions on record in git, and the little that this host remembers of its own runs."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from moorline.adapters.staterepo_port import HistoryEntry, StateRepo
from moorline.adapters.storage import read_if_there, write_durably
from moorline.core.retention.outcomes import AppliedRecord, read_applied
from moorline.core.retention.records import (
    APPLIED,
    DECISION,
    DecisionRecord,
    Summary,
    read_decision,
    read_summary,
)
from moorline.errors import NotFound, Stalled

__all__ = [
    "BRANCH",
    "Memory",
    "MemoryFile",
    "OnRecord",
    "decisions",
    "load_applied",
    "load_decision",
    "newest_decision",
    "pending_decision",
    "trouble",
]

BRANCH = "history/retention"
CLOCKS = 60.0
"""Seconds by which a clock may be set back without voiding a decision."""
_PREFIX = "retention"
_PAGES = (16, 128, 1024, 8192)
_NAME = re.compile(r"(?P<id>[^/]+?)(?P<applied>-applied)?(?:-(?P<part>[0-9]{1,4}))?\.yaml")


@dataclass(frozen=True, slots=True)
class OnRecord:
    """A decision, and what came of it, without the versions."""

    decided: Summary
    applied: Summary | None


def newest_decision(repo: StateRepo) -> Summary | None:
    """The decision that was recorded last, on any host, as of the last fetch."""
    return next((each.decided for each in _decisions(repo)), None)


def decisions(repo: StateRepo, limit: int) -> tuple[OnRecord, ...]:
    """The newest decisions of all hosts, newest first."""
    found: list[OnRecord] = []
    for each in _decisions(repo):
        if len(found) == limit:
            break
        found.append(each)
    return tuple(found)


def pending_decision(repo: StateRepo, host: str, *, now: float = math.inf) -> Summary | None:
    """The newest decision of this host, if there is anything to do, and was not done yet. An older
    one that never was is void: what it speaks of was decided anew. So is one from the future,
    made while a clock was wrong.
    """
    newest = next((each for each in _decisions(repo) if each.decided.host == host), None)
    if newest is None or newest.applied is not None or not newest.decided.is_to_be_done:
        return None
    return newest.decided if newest.decided.at <= now + CLOCKS else None


def load_decision(repo: StateRepo, record: str) -> DecisionRecord:
    """A whole decision by its id; raises NotFound, and Stalled for one that cannot be read."""
    files = _files(repo, record, applied=False)
    try:
        return read_decision(files)
    except ValueError as error:
        raise _unreadable(record, error) from None


def load_applied(repo: StateRepo, record: str) -> AppliedRecord:
    """What came of the decision with this id; raises as `load_decision` does."""
    files = _files(repo, record, applied=True)
    try:
        return read_applied(files)
    except ValueError as error:
        raise _unreadable(record, error) from None


def _unreadable(record: str, error: ValueError) -> Stalled:
    return Stalled(
        f"record {record} on {BRANCH} cannot be read: {error}", mend="look at who changed it"
    )


def _decisions(repo: StateRepo) -> Iterator[OnRecord]:
    """Newest first. What came of one lies next to it: ids sort by time."""
    decided: Summary | None = None
    for entry in _entries(repo):
        summary = read_summary(entry.data)
        if summary is None:
            continue
        if summary.kind == DECISION:
            if decided is not None:
                yield OnRecord(decided, None)
            decided = summary
        elif decided is not None and summary.kind == APPLIED and summary.id == decided.id:
            yield OnRecord(decided, summary)
            decided = None
    if decided is not None:
        yield OnRecord(decided, None)


def _files(repo: StateRepo, record: str, *, applied: bool) -> list[bytes]:
    parts: dict[int, bytes] = {}
    for entry in _entries(repo):
        name = entry.path.rpartition("/")[2]
        match = _NAME.fullmatch(name)
        if match and match["id"] == record and bool(match["applied"]) == applied:
            parts[int(match["part"] or 1)] = entry.data
        elif name < record:
            break
    if sorted(parts) != list(range(1, len(parts) + 1)) or not parts:
        raise NotFound(f"there is no record {record} on {BRANCH}, or not all of it")
    return [parts[number] for number in sorted(parts)]


def _entries(repo: StateRepo) -> Iterator[HistoryEntry]:
    """Files of the branch, newest first; few are asked for at first, since few are wanted."""
    seen = 0
    for limit in _PAGES:
        entries = repo.history(_PREFIX, limit=limit)
        yield from entries[seen:]
        if len(entries) < limit:
            return
        seen = len(entries)


# --- what this host remembers -------------------------------------------------------------------


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing here decides what may be deleted: that is on record in git."""

    looked: float = 0.0
    """When the schedule was followed last, seconds since the epoch; 0 is never."""
    schedule: str = ""
    """The cron expression as of then."""
    pending: str = ""
    """Id of the decision that waits for its time; "" for none."""
    decided: float = 0.0
    due: float = 0.0
    """Of that decision: when it was made, and from when on it may be carried out."""
    retry: float = 0.0
    """When to try again after an error; 0 where there was none."""
    trouble: str = ""
    """Why the last run did not do what it should have."""
    missing: tuple[str, ...] = ()
    """Critical tags and pinned digests that did not resolve after the last run."""


class MemoryFile:
    """`retention/state.json` in the state directory."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "state.json"

    def load(self) -> Memory:
        """What is remembered; nothing where the file is damaged: it can all be found again."""
        data = read_if_there(self._path)
        if data is None:
            return Memory()
        try:
            return msgspec.json.decode(data, type=Memory)
        except msgspec.DecodeError:
            return Memory()

    def remember(self, **changes: object) -> Memory:
        """Change some fields, durably."""
        memory = msgspec.structs.replace(self.load(), **changes)
        write_durably(self._path, msgspec.json.encode(memory))
        return memory


def trouble(state_dir: Path) -> str:
    """What a person should know about retention on this host; "" where all is well."""
    memory = MemoryFile(state_dir / "retention").load()
    if memory.missing:
        return f"missing in the registry after retention: {', '.join(memory.missing)}"
    return memory.trouble

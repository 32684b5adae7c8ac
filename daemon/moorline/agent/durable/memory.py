"""What a host remembers about one environment between cycles, and across every crash.

One small JSON file per environment, replaced as a whole. Nothing here is a cache: each field is
the only place where its fact is kept.
"""

import os
from pathlib import Path

import msgspec

from moorline.adapters.storage import storage_errors, write_durably
from moorline.core.desired import Desired
from moorline.errors import StorageFailed

__all__ = ["Failure", "Hold", "Memory", "MemoryFile", "PendingRollback", "Proven"]


class Proven(msgspec.Struct, frozen=True, kw_only=True):
    """The last state that passed its gate here: what we go back to."""

    commit: str
    blob: str
    specs: dict[str, str]
    """Service → spec of the containers that were proven."""
    pins: dict[str, str]
    """Service → `name@digest`."""
    replicas: dict[str, int] = {}
    """Service → how many of them were proven."""
    deployment: str = ""
    at: str = ""
    """When, as ISO 8601 in UTC; empty where a version that did not write it down proved it."""
    forward_only: str = ""
    """The job of its rollout that an image rollback cannot undo, as `service/job`; "" for none."""

    def covers(self, desired: Desired) -> frozenset[str]:
        """Specs that need no new proof. A service that grew is proven anew: what is added to it
        may not start.
        """
        return frozenset(
            spec
            for name, spec in self.specs.items()
            if (workload := desired.workload(name)) is None
            or workload.service.replicas <= self.replicas.get(name, 1)
        )


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A quarantined state: the commit that failed here, and in one line why."""

    commit: str
    blob: str
    reason: str
    deployment: str


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """A change that failed where it cannot be taken back: nothing is done until a person commits.

    Where the change itself is what is proven, its drift is repaired meanwhile.
    """

    commit: str
    reason: str
    """What happened and what to do, in one line."""
    deployment: str


class PendingRollback(msgspec.Struct, frozen=True, kw_only=True):
    """A rollback that is done on the host and still has to reach the state branch."""

    failed_commit: str
    failed_blob: str
    restored_commit: str
    deployment: str
    reason: str


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is remembered of one environment."""

    accepted: str = ""
    """The newest commit of the state branch that was followed; history must continue from it."""
    proven: Proven | None = None
    earlier: tuple[Proven, ...] = ()
    """What was proven before that, the newest first; bounded."""
    hold: Hold | None = None
    forward_only: str = ""
    """A job that ran since the last proof and that going back would not undo, as `service/job`:
    until something is proven again, the proven state is no longer one to go back to.
    """
    restarts: dict[str, int] = {}
    """Service → how often it was restarted since the proof because it failed."""
    quarantine: tuple[Failure, ...] = ()
    """Newest last; bounded, since only the present tip can match."""
    pending_rollback: PendingRollback | None = None
    last_record: str = ""
    """The last record id given out, so that ids only grow even when the clock jumps back."""
    last_event: str = ""
    """How the last cycle that did something ended, in one sentence."""
    last_event_at: str = ""
    trouble: str = ""
    """What is wrong now; empty where nothing is."""

    def proven_anew(self, proven: Proven) -> "Memory":
        """The same with another proven state; the one before moves to the earlier ones."""
        older, last = self.earlier, self.proven
        if last is not None and last.specs == proven.specs:
            # other words in the file, the same containers: they were proven when they were
            proven = msgspec.structs.replace(
                proven, at=last.at, forward_only=proven.forward_only or last.forward_only
            )
        if last is not None and not _same(last, proven):
            older = (last, *older)
        # what is proven again is not what to go back to from there
        older = tuple(each for each in older if not _same(each, proven))
        return msgspec.structs.replace(
            self,
            proven=proven,
            earlier=older[:EARLIER_LENGTH],
            hold=None,
            forward_only="",
            restarts={},
        )

    def gone_back(self, previous: Proven) -> "Memory":
        """The same once `previous` serves again; what was proven since failed after all."""
        newer = [number for number, each in enumerate(self.earlier) if _same(each, previous)]
        older = self.earlier[newer[0] + 1 :] if newer else self.earlier
        return msgspec.structs.replace(self, proven=previous, earlier=older, restarts={})

    def refuge(self) -> Proven | None:
        """What to go back to from the proven state: the last one that ran other containers."""
        now = self.proven
        return next((each for each in self.earlier if now and each.specs != now.specs), None)


EARLIER_LENGTH = 20
QUARANTINE_LENGTH = 20


def _same(one: Proven, other: Proven) -> bool:
    """Whether both are one state: the same commit may mean another where the host's values do."""
    return (one.commit, one.specs) == (other.commit, other.specs)


class MemoryFile:
    """Loads and replaces the memory of one environment."""

    def __init__(self, state_dir: Path, environment: str) -> None:
        self._path = state_dir / "environments" / f"{environment}.json"
        self._read: tuple[tuple[int, int], Memory] | None = None

    def load(self) -> Memory:
        """Read it, anew only where the file is another one; an environment never seen has an
        empty one.
        """
        with storage_errors(self._path):
            if not self._path.exists():
                return Memory()
            with self._path.open("rb") as file:
                about = os.fstat(file.fileno())
                # always replaced as a whole: another file has another number or another time
                version = (about.st_ino, about.st_mtime_ns)
                if self._read is not None and self._read[0] == version:
                    return self._read[1]
                data = file.read()
        try:
            memory = msgspec.json.decode(data, type=Memory)
        except msgspec.MsgspecError as error:
            mend = "restore it from a backup, or remove it: what runs is then proven anew"
            raise StorageFailed(f"{self._path} is damaged: {error}", mend=mend) from None
        self._read = (version, memory)
        return memory

    def save(self, memory: Memory) -> None:
        """Replace it durably."""
        kept = memory.quarantine[-QUARANTINE_LENGTH:]
        memory = msgspec.structs.replace(memory, quarantine=kept)
        write_durably(self._path, msgspec.json.format(msgspec.json.encode(memory), indent=1))

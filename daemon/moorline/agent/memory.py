"""What a host remembers about one environment between cycles, and across every crash.

One small JSON file per environment, replaced as a whole. Nothing here is a cache: each field is
the only place where its fact is kept.
"""

from pathlib import Path

import msgspec

from moorline.agent.storage import storage_errors, write_durably
from moorline.core.desired import Desired
from moorline.errors import StorageFailed

__all__ = ["Failure", "Memory", "MemoryFile", "PendingRollback", "Proven"]


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


QUARANTINE_LENGTH = 20


class MemoryFile:
    """Loads and replaces the memory of one environment."""

    def __init__(self, state_dir: Path, environment: str) -> None:
        self._path = state_dir / "environments" / f"{environment}.json"

    def load(self) -> Memory:
        """Read it; an environment never seen has an empty one."""
        with storage_errors(self._path):
            if not self._path.exists():
                return Memory()
            data = self._path.read_bytes()
        try:
            return msgspec.json.decode(data, type=Memory)
        except msgspec.MsgspecError as error:
            mend = "restore it from a backup, or remove it: what runs is then proven anew"
            raise StorageFailed(f"{self._path} is damaged: {error}", mend=mend) from None

    def save(self, memory: Memory) -> None:
        """Replace it durably."""
        kept = memory.quarantine[-QUARANTINE_LENGTH:]
        memory = msgspec.structs.replace(memory, quarantine=kept)
        write_durably(self._path, msgspec.json.format(msgspec.json.encode(memory), indent=1))

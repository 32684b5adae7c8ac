"""What is kept of one environment: its memory, its journal, and what waits to leave the host."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from moorline.agent.config import Config
from moorline.agent.durable.acceptance import Acceptance
from moorline.agent.durable.journal import Entry, Journal, RecordFile
from moorline.agent.durable.memory import Memory, MemoryFile
from moorline.agent.durable.outbox import Outbox
from moorline.agent.registry.tagqueue import TagQueue

__all__ = ["Ledger"]


@dataclass(frozen=True, slots=True)
class Ledger:
    """The durable side of one environment."""

    environment: str
    memory: MemoryFile
    journal: Journal
    outbox: Outbox
    acceptance: Acceptance
    tags: TagQueue

    @classmethod
    def open(cls, config: Config, environment: str) -> "Ledger":
        """The ledger of `environment` in the configured state directory."""
        state_dir = Path(config.state_dir)
        return cls(
            environment,
            MemoryFile(state_dir, environment),
            Journal(state_dir, environment),
            Outbox(state_dir, environment, config.host),
            Acceptance(state_dir, environment),
            TagQueue(state_dir, environment),
        )

    def remember(self, **changes: object) -> Memory:
        """Change some fields of the memory, durably; returns it as it is then."""
        memory = msgspec.structs.replace(self.memory.load(), **changes)
        self.memory.save(memory)
        return memory

    def file_record(self, entry: Entry, record: RecordFile) -> None:
        """Hand a finished rollout's record over to the outbox and close the journal.

        The bytes go through the journal first: whatever is repeated after a crash is then the
        same record, and not a second one with other times in it.
        """
        entry = msgspec.structs.replace(entry, phase="recording", record=record)
        self.journal.save(entry)
        self.finish_record(entry)

    def finish_record(self, entry: Entry) -> None:
        """The second half of `file_record`, for a journal that was found in that phase."""
        if entry.record is not None:
            record = entry.record
            self.outbox.put(record.path, record.data.encode(), record.message)
        self.journal.clear()

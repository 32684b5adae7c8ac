"""The journal: what rollout is under way, so that a killed daemon can finish or undo it.

Written durably at each turn of a rollout, and only there. What was done in between is read from
the engine: containers carry their spec, and planning again from what is there is always right.

    preparing     nothing that serves was touched: giving up is free
    touching      containers are being replaced; the old ones are still there
    proven        the verdict is in and remembered; what is left is clearing away
    taking back   the verdict was bad; going back to the last proven state
    holding       the verdict was bad, and there is no way back: what is there stays as it is
    recording     all is done on the host; the record is on its way into the outbox
"""

from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

from moorline.adapters.storage import read_if_there, remove_durably, write_durably
from moorline.agent.durable.memory import Proven

__all__ = ["Entry", "Journal", "Phase", "RecordFile"]

Phase: TypeAlias = Literal[
    "preparing", "touching", "proven", "taking back", "holding", "recording"
]


class RecordFile(msgspec.Struct, frozen=True, kw_only=True):
    """A record, ready for the outbox, byte for byte."""

    path: str
    data: str
    message: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One rollout, as far as it came."""

    id: str
    environment: str
    commit: str
    blob: str
    author: str
    subject: str
    started: str
    """ISO 8601, UTC."""
    previous: Proven | None
    on_failure: Literal["revert", "hold"]
    phase: Phase = "preparing"
    plan: list[dict[str, str]] = []
    """Every step that was planned, as `Plan.as_data` gives it; of the first plan only."""
    timings: dict[str, float] = {}
    """Turn → seconds since `started`."""
    services: dict[str, dict[str, Any]] = {}
    """Evidence, as it goes into the record."""
    reason: str = ""
    """Why it does not get on, or was taken back."""
    canaries: dict[str, dict[str, Any]] = {}
    """Service → how far its canary came, as `core.canary` writes it."""
    jobs: dict[str, list[dict[str, Any]]] = {}
    """Service → evidence of each of its jobs that ran, as it goes into the record."""
    forward_only: str = ""
    """A job that ran since the last proof and that going back would not undo, as `service/job`."""
    record: RecordFile | None = None


class Journal:
    """The journal of one environment: at most one rollout at a time."""

    def __init__(self, state_dir: Path, environment: str) -> None:
        self._path = state_dir / "journal" / f"{environment}.json"

    def load(self) -> Entry | None:
        """The rollout that is under way, if one is."""
        data = read_if_there(self._path)
        return None if data is None else msgspec.json.decode(data, type=Entry)

    def save(self, entry: Entry) -> None:
        """Note a turn, durably."""
        write_durably(self._path, msgspec.json.encode(entry))

    def clear(self) -> None:
        """The rollout is over and its record is safe."""
        remove_durably(self._path)

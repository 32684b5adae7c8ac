"""The journal's entry of one rollout while that goes on: every turn is durable when it returns.

Steps of a plan run in several threads, and each may have something to note.
"""

import threading
from datetime import datetime

import msgspec

from moorline.adapters.ports import Clock
from moorline.agent.durable.journal import Entry, Phase
from moorline.agent.durable.ledger import Ledger
from moorline.core.desired import Desired
from moorline.core.records import ServiceEvidence, masked
from moorline.core.values import JsonObject

__all__ = ["Logbook"]


class Logbook:
    """Keeps the entry, and is the rollout's `Notes`."""

    def __init__(self, ledger: Ledger, clock: Clock, entry: Entry, desired: Desired) -> None:
        self._ledger = ledger
        self._clock = clock
        self._entry = entry
        self._desired = desired
        self._lock = threading.RLock()

    @property
    def entry(self) -> Entry:
        """The entry as it was written last."""
        return self._entry

    def turn(self, phase: Phase, *, timing: str = "", **changes: object) -> None:
        """Note a turn, with its time."""
        with self._lock:
            if timing:
                # a turn that is repeated after a crash was reached the first time
                changes["timings"] = {timing: self.elapsed()} | self._entry.timings
            self._save(phase=phase, **changes)

    def plan(self, steps: list[dict[str, str]]) -> None:
        """Keep the first plan; it is written with the next turn."""
        with self._lock:
            if not self._entry.plan:
                self._entry = msgspec.structs.replace(self._entry, plan=steps)

    def elapsed(self) -> float:
        """Seconds since the rollout began."""
        started = datetime.fromisoformat(self._entry.started)
        # the wall clock may have been set back since
        return max(0.0, round((self._clock.now() - started).total_seconds(), 3))

    # --- Notes ---

    @property
    def deployment(self) -> str:
        """The rollout's id."""
        return self._entry.id

    def canary(self, service: str) -> JsonObject:
        """How far the canary of `service` came; empty before its first step."""
        return self._entry.canaries.get(service, {})

    def save_canary(self, service: str, progress: JsonObject) -> None:
        """Keep how far the canary of `service` came."""
        with self._lock:
            self._save(
                canaries=self._entry.canaries | {service: dict(progress)},
                services=self._evidence_of(service),
            )

    def forward_only(self, service: str, job: str) -> None:
        """A job is about to run that an image rollback cannot undo."""
        name = f"{service}/{job}"
        with self._lock:
            # also for the rollouts after this one, until one of them is proven
            self._ledger.remember(forward_only=name)
            self._save(forward_only=name)

    def job(self, service: str, evidence: JsonObject) -> None:
        """A job has ended; in place of what was noted of the same one before."""
        noted = masked(evidence, self._desired.environment.sensitive)
        with self._lock:
            others = [
                each
                for each in self._entry.jobs.get(service, [])
                if each.get("job") != evidence.get("job")
            ]
            self._save(
                jobs=self._entry.jobs | {service: [*others, noted]},
                services=self._evidence_of(service),
            )

    def _evidence_of(self, service: str) -> dict[str, dict[str, object]]:
        """The evidence, with a first word on a service that no gate has seen yet."""
        previous = self._entry.previous.pins if self._entry.previous else {}
        bare = ServiceEvidence(
            image=self._desired.pins.get(service, ""), previous=previous.get(service, "")
        )
        return {service: dict(bare.as_data())} | self._entry.services

    def _save(self, **changes: object) -> None:
        self._entry = msgspec.structs.replace(self._entry, **changes)
        self._ledger.journal.save(self._entry)

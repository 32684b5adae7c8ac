"""Care for what is proven: restart what fails, undo drift, and end a rollout that failed late."""

from collections.abc import Callable

from moorline.agent.durable.journal import Entry
from moorline.agent.durable.ledger import Ledger
from moorline.agent.durable.memory import Proven
from moorline.agent.host import Host
from moorline.agent.outcome import Outcome
from moorline.agent.relapse import condemn, end_failed
from moorline.agent.repair import repair, without_prepared
from moorline.agent.runtime import Findings, RuntimeWatch
from moorline.core.desired import Desired
from moorline.core.model import ObservedEnvironment
from moorline.errors import StorageFailed

__all__ = ["Care"]


class Care:
    """Looks after the proven state of one environment."""

    def __init__(self, host: Host, ledger: Ledger) -> None:
        self._host = host
        self._ledger = ledger
        self._runtime = RuntimeWatch(host, ledger)

    def take(
        self,
        desired: Desired,
        *,
        suspect: Callable[[str], bool],
        prepared: Desired | None = None,
    ) -> Outcome:
        """Have `desired`, which is proven, serve as it should.

        What was `prepared` for a rollout that cannot go on stays; that one is in the journal, so
        nothing else is taken back meanwhile.
        """
        proven = self._ledger.memory.load().proven
        findings = Findings()
        snapshot = self._host.engine.observe(desired.name, desired.images)
        if proven is not None:
            findings = self._runtime.look(desired, proven, snapshot.containers)
            relapse = self._relapse(desired, proven, findings) if prepared is None else None
            if relapse is not None:
                return end_failed(self._host, self._ledger, relapse)
            findings = self._runtime.treat(findings)

        def overlook(seen: ObservedEnvironment) -> ObservedEnvironment:
            seen = findings.overlook(seen)
            return seen if prepared is None else without_prepared(prepared, desired, seen)

        outcome = repair(
            self._host,
            self._ledger,
            desired,
            suspect=suspect,
            overlook=overlook,
            # what was just treated has moved
            snapshot=None if findings.failing else snapshot,
        )
        return findings.tell(outcome, self._ledger.environment)

    def _relapse(self, desired: Desired, proven: Proven, findings: Findings) -> Entry | None:
        """The rollout to take back, where what it proved fails soon after."""
        failing = self._runtime.verdict(desired, proven, findings)
        if failing is None or self._ledger.memory.load().hold is not None:
            return None
        try:
            return condemn(self._host, self._ledger, desired, proven, failing)
        except StorageFailed as error:
            # what is not on disk would be repaired back: restart it until it can be noted
            self._host.reporter.note("not taken back yet", error=str(error))
            return None

"""Taking back: the failed change leaves the host, then the state branch, then goes on record.

The order is the point. Serving comes first; the commit and the record can wait for a network.
Every step may be repeated after a crash: the journal says "taking back" until the record is safe.
"""

from datetime import datetime
from typing import Literal

import msgspec

from moorline.agent.durable.journal import Entry
from moorline.agent.durable.ledger import Ledger
from moorline.agent.durable.memory import Failure, PendingRollback
from moorline.agent.execution.converge import Convergence, Turns
from moorline.agent.execution.gate import VersionFailed
from moorline.agent.host import Host
from moorline.agent.load import Loader
from moorline.agent.outcome import Outcome
from moorline.agent.paperwork import deployment_record, queue_tags_back
from moorline.agent.publish import publish_rollback
from moorline.core.desired import Desired
from moorline.core.model import Environment
from moorline.errors import MoorlineError, Stalled

__all__ = ["TakeBack"]


class TakeBack:
    """Undo one rollout, whose journal entry says why."""

    def __init__(self, host: Host, ledger: Ledger, entry: Entry) -> None:
        self._host = host
        self._ledger = ledger
        self._entry = entry
        self._loader = Loader(host.config, host.repo, host.files)

    def run(self) -> Outcome:
        """Go back; raises Transient with the taking back left open."""
        self._host.reporter.note(
            "taking back", environment=self._entry.environment, reason=self._entry.reason
        )
        trouble = self.restore()
        self._note_time("restored")
        self._quarantine()
        rollback_commit = self._publish()
        return self._record(trouble, rollback_commit)

    def restore(self) -> str:
        """Start what served before; returns what went wrong with that, "" for nothing."""
        convergence = None
        try:
            target = self._previous()
            convergence = Convergence(
                self._host,
                target,
                proven=lambda: target.specs,
                suspect=lambda _: False,
                turns=Turns(
                    planned=lambda _observed, _plan: None,
                    ready=lambda: None,
                    proven=lambda: None,
                    check=self._host.check_stop,
                ),
            )
            convergence.verify(convergence.run())
        except (Stalled, VersionFailed) as error:
            self._host.reporter.note("taking back failed", error=str(error))
            return str(error)
        return ""

    def _previous(self) -> Desired:
        """The last proven state; an environment without services where there was none."""
        entry = self._entry
        if entry.previous is None:
            nothing = Environment(name=entry.environment)
            return Desired(environment=nothing, commit="", blob="", workloads=())
        return self._loader.load_proven(entry.environment, entry.previous)

    def _quarantine(self) -> None:
        entry = self._entry
        memory = self._ledger.memory.load()
        failure = Failure(
            commit=entry.commit, blob=entry.blob, reason=entry.reason, deployment=entry.id
        )
        others = [each for each in memory.quarantine if each.commit != entry.commit]
        pending = None
        previous = entry.previous
        # the same file failed where not the file but the host's own values changed
        same = previous is not None and previous.blob == entry.blob
        if previous is not None and not same and entry.on_failure == "revert":
            pending = PendingRollback(
                failed_commit=entry.commit,
                failed_blob=entry.blob,
                restored_commit=previous.commit,
                deployment=entry.id,
                reason=entry.reason,
            )
        if previous is not None:
            # where it was proven already, and failed in its watch
            queue_tags_back(self._host, self._ledger, entry)
            memory = memory.gone_back(previous)
        self._ledger.memory.save(
            msgspec.structs.replace(
                memory,
                quarantine=(*others, failure),
                pending_rollback=pending,
                # a job that was noted and not run yet when the process was killed
                forward_only="",
            )
        )

    def _publish(self) -> str:
        try:
            return publish_rollback(self._host, self._ledger)
        except MoorlineError as error:
            # stays pending: the next cycle that reaches the remote tries again
            self._host.reporter.note("rollback commit waits", error=str(error))
            return ""

    def _record(self, trouble: str, rollback_commit: str) -> Outcome:
        entry = self._entry
        back_to = entry.previous.commit[:7] if entry.previous else "nothing: it was the first"
        sentence = f"{entry.environment}: {entry.commit[:7]} failed ({entry.reason}); "
        if trouble:
            sentence += f"taking back to {back_to} failed too: {trouble}"
        else:
            sentence += f"taken back to {back_to}"
        word: Literal["failed", "taken back"] = "failed" if trouble else "taken back"
        record = deployment_record(
            self._host, entry, word, sentence, rollback_commit=rollback_commit
        )
        self._ledger.file_record(entry, record)
        return Outcome(word, sentence, entry.id)

    def _note_time(self, turn: str) -> None:
        elapsed = self._host.clock.now() - datetime.fromisoformat(self._entry.started)
        timings = self._entry.timings | {turn: max(0.0, round(elapsed.total_seconds(), 3))}
        self._entry = msgspec.structs.replace(self._entry, timings=timings)

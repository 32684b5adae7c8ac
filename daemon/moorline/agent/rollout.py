"""A rollout: carry a change to its verdict, and settle it or take it back.

Rule 1: nothing that serves is touched before everything is prepared (the plan sees to that), and
        the backup record is durable before the first touch.
Rule 2: the verdict is remembered before anything is removed. Whoever is killed here is either
        going forward with the old containers still there, or clearing away.
Rule 3: only a verdict takes back. An error of git, registry or engine leaves the rollout open: the
        next cycle takes it up again, with the same id, and there is one record in the end. So
        does a step that waits: for a canary's share to be judged, or for a person.
"""

from collections.abc import Callable
from typing import Literal

from moorline.agent.durable.journal import Entry
from moorline.agent.durable.ledger import Ledger
from moorline.agent.durable.memory import Proven
from moorline.agent.execution.converge import Convergence, Turns
from moorline.agent.execution.gate import VersionFailed
from moorline.agent.holding import Holding
from moorline.agent.host import Host
from moorline.agent.images import clean_images
from moorline.agent.logbook import Logbook
from moorline.agent.outcome import Outcome
from moorline.agent.paperwork import deployment_record, failed_service, file_backup, queue_tags
from moorline.agent.takeback import TakeBack
from moorline.core.actions import Plan
from moorline.core.desired import Desired
from moorline.core.guard import guard
from moorline.core.model import ObservedEnvironment
from moorline.errors import Stalled, StorageFailed, Superseded, Waiting

__all__ = ["Rollout"]


class Rollout:
    """One change of one environment. Made anew after a crash, from the journal's entry."""

    def __init__(
        self,
        host: Host,
        ledger: Ledger,
        entry: Entry,
        *,
        desired: Desired,
        suspect: Callable[[str], bool],
        check: Callable[[], None],
    ) -> None:
        """`check` raises Interrupted or Superseded to leave a rollout between two steps."""
        self._host = host
        self._ledger = ledger
        self._logbook = Logbook(ledger, host.clock, entry, desired)
        self._desired = desired
        self._check = check
        self._convergence = Convergence(
            host,
            desired,
            proven=self._proven_specs,
            suspect=suspect,
            notes=self._logbook,
            turns=Turns(
                planned=self._planned,
                ready=self._ready,
                proven=self._proven,
                check=self._check_before_verdict,
            ),
        )

    @property
    def _entry(self) -> Entry:
        return self._logbook.entry

    def run(self) -> Outcome:
        """Carry it out; raises Transient, Stalled or Waiting with the rollout left open."""
        try:
            self._convergence.run()
        except VersionFailed as failure:
            return self._fail(failure)
        except Superseded as news:
            return close_unfinished(self._host, self._ledger, self._entry, str(news))
        except Waiting:
            self._keep_evidence()
            raise
        except Stalled as error:
            # nothing was touched: what is prepared is either not there or not possible
            self._logbook.turn(self._entry.phase, reason=str(error))
            raise
        return self._settle()

    # --- turns ---

    def _planned(self, observed: ObservedEnvironment, current: Plan) -> None:
        guard(self._desired, observed, current)
        self._logbook.plan(current.as_data())
        if not self._entry.canaries:  # those are planned anew about once a second
            self._host.reporter.note("planned", steps=len(current), digest=current.digest()[:12])
        if not any(action.verb == "ready" for action in current):
            self._ready()

    def _ready(self) -> None:
        if self._entry.phase != "preparing":
            return
        if self._entry.previous is not None:
            file_backup(self._host, self._ledger, self._entry)
        self._logbook.turn("touching", timing="ready", reason="")

    def _proven(self) -> None:
        # the evidence first: once this is remembered as proven, no gate looks at it again
        services = self._entry.services | self._evidence()
        self._logbook.turn(self._entry.phase, timing="proven", services=services)
        memory = self._ledger.memory.load().proven_anew(
            Proven(
                commit=self._entry.commit,
                blob=self._entry.blob,
                specs={each.name: each.spec for each in self._desired.workloads},
                pins=self._desired.pins,
                replicas={each.name: each.service.replicas for each in self._desired.workloads},
                deployment=self._entry.id,
                at=self._host.clock.now().isoformat(),
                forward_only=self._entry.forward_only,
            ),
        )
        self._ledger.memory.save(memory)
        self._logbook.turn("proven")

    def _check_before_verdict(self) -> None:
        self._host.check_stop()
        if self._entry.phase != "proven":
            self._check()

    def _proven_specs(self) -> frozenset[str]:
        proven = self._ledger.memory.load().proven
        return proven.covers(self._desired) if proven else frozenset()

    # --- ends ---

    def _settle(self) -> Outcome:
        if self._entry.phase != "proven":
            self._proven()  # nothing had to be proven: only the words of the file changed
        entry = self._entry
        mounted = {
            str(mount["Source"]) for each in self._desired.workloads for mount in each.mounts
        }
        self._host.files.sweep(entry.environment, mounted)
        clean_images(self._host, self._desired)
        queue_tags(self._host, self._ledger, entry)
        sentence = f"{entry.environment} is proven at {entry.commit[:7]}: {_summary(entry)}"
        record = deployment_record(self._host, entry, "proven", sentence)
        self._ledger.file_record(entry, record)
        return Outcome("proven", sentence, entry.id)

    def _fail(self, failure: VersionFailed) -> Outcome:
        """The verdict is bad: take it back, or hold it where that cannot be."""
        one_way = bool(self._entry.forward_only)
        timings = self._entry.timings | {"verdict": self._logbook.elapsed()}
        services = self._entry.services | self._evidence()
        services[failure.service] = failed_service(
            self._host, self._desired, failure, self._previous_pins(), services
        )
        try:
            self._logbook.turn(
                "holding" if one_way else "taking back",
                timings=timings,
                services=services,
                reason=str(failure),
            )
        except StorageFailed:
            # what serves comes first, also where nothing can be noted; the rest has to wait
            if not one_way:
                TakeBack(self._host, self._ledger, self._entry).restore()
            raise
        if one_way:
            return Holding(self._host, self._ledger, self._entry).run()
        return TakeBack(self._host, self._ledger, self._entry).run()

    def _keep_evidence(self) -> None:
        """What the gates saw so far: the next cycle's gates see only what is left."""
        evidence = self._evidence()
        if evidence:
            self._logbook.turn(self._entry.phase, services=self._entry.services | evidence)

    def _evidence(self) -> dict[str, dict[str, object]]:
        found = self._convergence.evidence(self._previous_pins())
        return {name: dict(data) for name, data in found.items()}

    def _previous_pins(self) -> dict[str, str]:
        return self._entry.previous.pins if self._entry.previous else {}


def close_unfinished(host: Host, ledger: Ledger, entry: Entry, news: str) -> Outcome:
    """End a rollout without a verdict, because something else is wanted now.

    One that could not even be prepared, for a reason of its own, is on record as failed.
    """
    word: Literal["failed", "superseded"] = "failed" if entry.reason else "superseded"
    why = entry.reason or news
    sentence = f"{entry.environment}: {entry.commit[:7]} was given up: {why}"
    ledger.file_record(entry, deployment_record(host, entry, word, sentence))
    return Outcome("superseded", sentence, entry.id)


def _summary(entry: Entry) -> str:
    if not entry.services:
        return "nothing had to change on the host"
    return ", ".join(sorted(entry.services)) + " changed"

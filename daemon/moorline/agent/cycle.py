"""One cycle of one environment: a story of named steps that ends in one sentence.

    fetch → verify → load → observe → plan → guard → prepare → converge → prove
    → settle | take back

The first three find the target (`target.py`); the rest is a rollout where the target is new here
(`rollout.py`), and a repair where it is proven and the engine drifted from it (below).
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from moorline.agent.converge import Convergence, Turns
from moorline.agent.gate import VersionFailed
from moorline.agent.host import Host
from moorline.agent.journal import Entry
from moorline.agent.ledger import Ledger
from moorline.agent.load import Loader, environment_path
from moorline.agent.outcome import Outcome
from moorline.agent.paperwork import deployment_record
from moorline.agent.publish import publish_rollback
from moorline.agent.rollout import Rollout, close_unfinished
from moorline.agent.takeback import TakeBack
from moorline.agent.target import Target, find_target
from moorline.core.actions import Plan
from moorline.core.desired import Desired, resource_spec
from moorline.core.guard import guard
from moorline.core.model import ObservedEnvironment
from moorline.core.records import record_id
from moorline.errors import Interrupted, MoorlineError, Superseded

__all__ = ["Cycle"]


class Cycle:
    """The cycles of one environment."""

    def __init__(self, host: Host, ledger: Ledger, *, fetch_due: Callable[[], bool]) -> None:
        """`fetch_due` says whether asking the remote is worth it now; asking it is a fetch."""
        self._host = host
        self._ledger = ledger
        self._fetch_due = fetch_due
        self._loader = Loader(host.config, host.repo, host.files)

    def run(self, *, suspect: Callable[[str], bool]) -> Outcome:
        """Run one cycle. A container whose id is `suspect` is compared field by field.

        Raises a MoorlineError where the engine or the host fails, and where there is nothing
        proven to fall back on.
        """
        try:
            trouble = self._fetch()
            outcome = self._finish_old_business() or self._follow(suspect)
        except Interrupted:
            raise
        except MoorlineError as error:
            self._remember_trouble(str(error))
            raise
        finally:
            self._push_records()
        if trouble is not None:
            outcome = _with_complaint(outcome, trouble)
        self._remember(outcome)
        return outcome

    # --- fetch ---

    def _fetch(self) -> MoorlineError | None:
        """Ask the remote; what goes wrong is kept for the end, since what runs comes first."""
        if not self._fetch_due():
            return None
        try:
            self._host.repo.fetch()
            self._publish_pending()
        except MoorlineError as error:
            if self._host.repo.tip() is None:
                raise
            self._host.reporter.note("fetch failed", error=str(error))
            return error
        return None

    # --- what a crash or an outage left behind ---

    def _finish_old_business(self) -> Outcome | None:
        entry = self._ledger.journal.load()
        if entry is not None and entry.phase == "recording":
            self._ledger.finish_record(entry)
        if entry is not None and entry.phase == "taking back":
            return TakeBack(self._host, self._ledger, entry).run()
        return None

    def _publish_pending(self) -> None:
        if self._ledger.memory.load().pending_rollback is None:
            return
        try:
            publish_rollback(self._host, self._ledger)
        except MoorlineError as error:
            self._host.reporter.note("rollback commit waits", error=str(error))

    # --- follow the branch ---

    def _follow(self, suspect: Callable[[str], bool]) -> Outcome:
        target = find_target(self._host, self._ledger, self._loader)
        tip = self._host.repo.tip() or ""
        if target.complaint is None and self._ledger.memory.load().accepted != tip:
            self._ledger.remember(accepted=tip)
        entry = self._open_entry(target)
        if entry is not None or not target.proven:
            return self._roll_out(target, entry or self._begin(target), suspect)
        outcome = self._repair(target.desired, suspect)
        if target.complaint is None:
            return outcome
        return _with_complaint(outcome, target.complaint)

    def _roll_out(self, target: Target, entry: Entry, suspect: Callable[[str], bool]) -> Outcome:
        rollout = Rollout(
            self._host,
            self._ledger,
            entry,
            desired=target.desired,
            suspect=suspect,
            check=lambda: self._refuse_if_superseded(target),
        )
        try:
            return rollout.run()
        except Interrupted:
            raise
        except MoorlineError as error:
            # an image that is not there yet, say: what serves has to be cared for meanwhile
            under_way = self._ledger.journal.load()
            proven = self._ledger.memory.load().proven
            if under_way is None or under_way.phase != "preparing" or proven is None:
                raise
            desired = self._loader.load_proven(self._ledger.environment, proven)
            outcome = self._repair(desired, suspect, prepared=target.desired)
            return _with_complaint(outcome, error)

    def _open_entry(self, target: Target) -> Entry | None:
        """The rollout that is under way, if it is still wanted; one that is not is closed."""
        entry = self._ledger.journal.load()
        if entry is None:
            return None
        if target.complaint is None and entry.commit == target.change.sha:
            # no step further on a disk that cannot take the next turn
            self._ledger.journal.save(entry)
            return entry
        proven = self._ledger.memory.load().proven
        if proven is not None and proven.deployment == entry.id:
            sentence = f"{entry.environment} is proven at {entry.commit[:7]}"
            record = deployment_record(self._host, entry, "proven", sentence)
            self._ledger.file_record(entry, record)
        else:
            news = f"{target.change.sha[:7]} is wanted now"
            close_unfinished(self._host, self._ledger, entry, news)
        return None

    def _begin(self, target: Target) -> Entry:
        memory = self._ledger.memory.load()
        now = self._host.clock.now()
        name = self._ledger.environment
        identifier = record_id(now, name, target.change.sha, after=memory.last_record)
        self._ledger.remember(last_record=identifier)
        entry = Entry(
            id=identifier,
            environment=name,
            commit=target.change.sha,
            blob=target.desired.blob,
            author=target.change.author,
            subject=target.change.subject,
            started=now.isoformat(),
            previous=memory.proven,
            on_failure=target.desired.environment.settings.on_failure,
        )
        self._ledger.journal.save(entry)
        self._host.reporter.note(
            "rollout begins", environment=name, commit=entry.commit, subject=entry.subject
        )
        return entry

    def _refuse_if_superseded(self, target: Target) -> None:
        """Leave a rollout whose file is no longer the one on the branch."""
        if not self._fetch_due():
            return
        name = self._ledger.environment
        try:
            tip = self._host.repo.fetch()
            change = self._host.repo.last_change(tip, environment_path(name))
            if change is None or change.sha == target.change.sha:
                return
            self._loader.load(name, tip)
        except MoorlineError:
            return  # no news, or news that nobody could follow: no reason to stop
        raise Superseded(f"{change.sha[:7]} by {change.author} is newer")

    # --- repair ---

    def _repair(
        self,
        desired: Desired,
        suspect: Callable[[str], bool],
        *,
        prepared: Desired | None = None,
    ) -> Outcome:
        """Undo drift from `desired`; what was `prepared` for a rollout that waits stays."""
        began = self._host.clock.now()
        planned: list[Plan] = []

        def on_planned(observed: ObservedEnvironment, current: Plan) -> None:
            guard(desired, observed, current)
            planned.append(current)

        convergence = Convergence(
            self._host,
            desired,
            proven=lambda: desired.specs,
            suspect=suspect,
            overlook=partial(_without, prepared, desired),
            turns=Turns(
                planned=on_planned,
                ready=lambda: None,
                proven=lambda: None,
                check=self._host.check_stop,
            ),
        )
        name = self._ledger.environment
        try:
            convergence.run()
        except VersionFailed as failure:
            return Outcome("failed", f"{name}: repairing drift failed: {failure}")
        if not planned[0]:
            return Outcome("converged", f"{name} is in step at {desired.commit[:7]}")
        return self._record_repair(desired, planned[0], began)

    def _record_repair(self, desired: Desired, repair: Plan, began: datetime) -> Outcome:
        memory = self._ledger.memory.load()
        identifier = record_id(
            began, self._ledger.environment, desired.commit, after=memory.last_record
        )
        entry = Entry(
            id=identifier,
            environment=self._ledger.environment,
            commit=desired.commit,
            blob=desired.blob,
            author="moorline",
            subject="repair of drift",
            started=began.isoformat(),
            previous=memory.proven,
            on_failure="hold",
            plan=repair.as_data(),
        )
        touched = sorted({action.subject for action in repair if action.subject != "-"})
        sentence = f"{self._ledger.environment}: repaired {', '.join(touched)}"
        self._ledger.remember(last_record=identifier)
        record = deployment_record(self._host, entry, "repaired", sentence)
        self._ledger.file_record(entry, record)
        return Outcome("repaired", sentence, identifier)

    # --- the end ---

    def _push_records(self) -> None:
        """Records wait as long as they must; a remote that is away is no failure of a cycle."""
        try:
            self._ledger.outbox.flush(self._host.repo)
        except MoorlineError as error:
            self._host.reporter.note("records wait", error=str(error))

    def _remember(self, outcome: Outcome) -> None:
        if outcome.word not in {"converged", "held"}:
            now = self._host.clock.now().isoformat(timespec="seconds")
            self._ledger.remember(last_event=outcome.sentence, last_event_at=now)
        failed = outcome.sentence if outcome.word == "failed" else ""
        self._remember_trouble(str(outcome.complaint) if outcome.complaint else failed)

    def _remember_trouble(self, trouble: str) -> None:
        if self._ledger.memory.load().trouble != trouble:
            self._ledger.remember(trouble=trouble)


def _with_complaint(outcome: Outcome, complaint: MoorlineError) -> Outcome:
    """The same, held: what is proven was looked after, and the branch was not followed."""
    if outcome.word != "converged":
        return replace(outcome, complaint=complaint)
    return Outcome("held", str(complaint), complaint=complaint)


def _without(
    prepared: Desired | None, desired: Desired, seen: ObservedEnvironment
) -> ObservedEnvironment:
    """The snapshot without what only `prepared` asks for: new containers, not yet started, and
    networks.
    """
    if prepared is None:
        return seen
    wanted = {resource_spec(each) for each in desired.environment.networks}
    return replace(
        seen,
        containers=tuple(
            each
            for each in seen.containers
            if each.state != "created" or each.spec not in prepared.specs - desired.specs
        ),
        networks=tuple(
            each
            for each in seen.networks
            if each.environment != desired.name or each.spec in wanted
        ),
    )

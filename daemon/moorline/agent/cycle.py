"""One cycle of one environment: a story of named steps that ends in one sentence.

    fetch → verify → load → observe → plan → guard → prepare → converge → prove
    → settle | take back

The first three find the target (`target.py`); the rest is a rollout where the target is new here
(`rollout.py`), care where it is proven (`care.py`), and patience where it is held (`holding.py`).
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from moorline.agent.care import Care
from moorline.agent.daemon.fetching import Fetch
from moorline.agent.durable.journal import Entry
from moorline.agent.durable.ledger import Ledger
from moorline.agent.holding import Wait, hold_at_tip, wait_of
from moorline.agent.host import Host
from moorline.agent.load import Loader, environment_path
from moorline.agent.outcome import Outcome, waiting
from moorline.agent.paperwork import deployment_record, queue_tags
from moorline.agent.publish import publish_rollback
from moorline.agent.relapse import end_failed
from moorline.agent.rollout import Rollout, close_unfinished
from moorline.agent.target import Target, find_target
from moorline.core.records import record_id
from moorline.errors import (
    Held,
    Interrupted,
    InvalidEnvironment,
    MoorlineError,
    RemoteUnreachable,
    Superseded,
    Waiting,
)

__all__ = ["Cycle"]

Suspect: TypeAlias = Callable[[str], bool]


class Cycle:
    """The cycles of one environment."""

    def __init__(self, host: Host, ledger: Ledger, *, fetch: Fetch) -> None:
        """`fetch` brings the mirror up to date, or only tells how the last attempt went."""
        self._host = host
        self._ledger = ledger
        self._fetch = fetch
        self._trouble: MoorlineError | None = None
        self._looked_at: str | None = None
        self._loader = Loader(host.config, host.repo, host.files)
        self._care = Care(host, ledger)

    def run(self, *, suspect: Suspect) -> Outcome:
        """Run one cycle. A container whose id is `suspect` is compared field by field.

        Raises a MoorlineError where the engine or the host fails, and where there is nothing
        proven to fall back on.
        """
        try:
            trouble = self._hear()
            outcome = self._finish_old_business() or self._follow(suspect)
        except Interrupted:
            raise
        except MoorlineError as error:
            self._remember_trouble(str(error))
            raise
        finally:
            self._push_records()
        outcome = _with_complaint(outcome, trouble)
        self._remember(outcome)
        return outcome

    # --- fetch ---

    def _hear(self) -> MoorlineError | None:
        """Hear of the remote; what is wrong is kept for the end, since what runs comes first."""
        self._trouble = trouble = self._fetch()
        if trouble is None:
            self._publish_pending()
        elif self._host.repo.tip() is None:
            # other environments may raise the very same one
            raise trouble.with_traceback(None)
        return trouble

    # --- what a crash or an outage left behind ---

    def _finish_old_business(self) -> Outcome | None:
        entry = self._ledger.journal.load()
        if entry is not None and entry.phase == "recording":
            self._ledger.finish_record(entry)
        if entry is not None and entry.phase in {"taking back", "holding"}:
            return end_failed(self._host, self._ledger, entry)
        return None

    def _publish_pending(self) -> None:
        if self._ledger.memory.load().pending_rollback is None:
            return
        try:
            publish_rollback(self._host, self._ledger)
        except MoorlineError as error:
            self._host.reporter.note("rollback commit waits", error=str(error))

    # --- follow the branch ---

    def _follow(self, suspect: Suspect) -> Outcome:
        hold = hold_at_tip(self._host, self._ledger)
        if hold is None:
            return self._follow_branch(suspect)
        if self._ledger.memory.load().forward_only:
            # what is there is neither the change nor what was proven: hands off
            return Outcome("held", str(hold), complaint=hold)
        outcome = self._follow_branch(suspect)
        return outcome if outcome.complaint else _with_complaint(outcome, hold)

    def _follow_branch(self, suspect: Suspect) -> Outcome:
        target = self._under_way(find_target(self._host, self._ledger, self._loader))
        self._looked_at = target.tip
        if target.complaint is None and self._ledger.memory.load().accepted != target.tip:
            self._ledger.remember(accepted=target.tip)
        entry = self._open_entry(target)
        if entry is None and not target.proven:
            wait = wait_of(target, self._host.clock.now())
            if wait is not None:
                return self._wait(target, wait, suspect)
            entry = self._begin(target)
        if entry is not None:
            return _with_complaint(self._roll_out(target, entry, suspect), target.complaint)
        return self._keep(target, suspect)

    def _under_way(self, target: Target) -> Target:
        """The rollout that is under way stays the target where the branch now has a file that
        nobody can follow: a slip of the pen ends no canary.
        """
        entry = self._ledger.journal.load()
        if entry is None or not isinstance(target.complaint, InvalidEnvironment):
            return target
        desired = self._loader.load(self._ledger.environment, entry.commit)
        change = self._host.repo.commit(entry.commit)
        return replace(target, desired=desired, change=change, proven=False)

    def _keep(self, target: Target, suspect: Suspect) -> Outcome:
        """Look after what is proven."""
        complaint = target.complaint
        job = self._ledger.memory.load().forward_only
        if job and complaint is None and "Agent-Host" in target.change.trailers:
            what = f"{self._ledger.environment}: another host took the change back"
            complaint = Held(
                f"{what}, and going back cannot undo the job {job} here",
                mend="push a commit that goes forward",
            )
        if job and complaint is not None:
            return Outcome("held", str(complaint), complaint=complaint)
        if job:
            # a person chose the proven file over a change that cannot be undone
            self._ledger.remember(forward_only="", hold=None)
        return _with_complaint(self._care.take(target.desired, suspect=suspect), complaint)

    def _wait(self, target: Target, wait: Wait, suspect: Suspect) -> Outcome:
        """Do not begin yet; what is proven is looked after, unless the file says otherwise."""
        seconds = wait.seconds(self._host.clock.now())
        held = Outcome("held", wait.sentence, seconds=seconds)
        memory = self._ledger.memory.load()
        repairs = target.desired.environment.settings.repair and not memory.forward_only
        if memory.proven is None or not repairs:
            return held
        desired = self._loader.load_proven(self._ledger.environment, memory.proven)
        outcome = self._care.take(desired, suspect=suspect)
        if outcome.word == "converged":
            return held
        sooner = [each for each in (outcome.seconds, seconds) if each is not None]
        return replace(
            outcome,
            sentence=f"{outcome.sentence}; {wait.sentence}",
            seconds=min(sooner, default=None),
        )

    def _roll_out(self, target: Target, entry: Entry, suspect: Suspect) -> Outcome:
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
        except Waiting as pause:
            return waiting(pause)
        except MoorlineError as error:
            # an image that is not there yet, say: what serves has to be cared for meanwhile
            under_way = self._ledger.journal.load()
            memory = self._ledger.memory.load()
            is_open = under_way is not None and under_way.phase == "preparing"
            if not is_open or memory.proven is None or memory.forward_only:
                raise
            desired = self._loader.load_proven(self._ledger.environment, memory.proven)
            outcome = self._care.take(desired, suspect=suspect, prepared=target.desired)
            return _with_complaint(outcome, error)

    def _open_entry(self, target: Target) -> Entry | None:
        """The rollout that is under way, if it is still wanted; one that is not is closed."""
        entry = self._ledger.journal.load()
        if entry is None:
            return None
        followed = target.complaint is None or not target.proven
        if followed and entry.commit == target.change.sha:
            # no step further on a disk that cannot take the next turn
            self._ledger.journal.save(entry)
            return entry
        proven = self._ledger.memory.load().proven
        if proven is not None and proven.deployment == entry.id:
            sentence = f"{entry.environment} is proven at {entry.commit[:7]}"
            queue_tags(self._host, self._ledger, entry)
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
            forward_only=memory.forward_only,
        )
        self._ledger.journal.save(entry)
        if memory.hold is not None:
            self._ledger.remember(hold=None)
        self._host.reporter.note(
            "rollout begins", environment=name, commit=entry.commit, subject=entry.subject
        )
        return entry

    def _refuse_if_superseded(self, target: Target) -> None:
        """Leave a rollout whose file is no longer the one on the branch."""
        self._fetch()
        name = self._ledger.environment
        try:
            tip = self._host.repo.tip()
            if tip is None or tip == self._looked_at:
                return
            self._looked_at = tip
            change = self._host.repo.last_change(tip, environment_path(name))
            if change is None or change.sha == target.change.sha:
                return
            self._loader.load(name, tip)
        except MoorlineError:
            return  # no news, or news that nobody could follow: no reason to stop
        raise Superseded(f"{change.sha[:7]} by {change.author} is newer")

    # --- the end ---

    def _push_records(self) -> None:
        """Records wait as long as they must; a remote that is away is no failure of a cycle."""
        if isinstance(self._trouble, RemoteUnreachable):
            return  # each attempt might take a minute, in which drift waits
        try:
            self._ledger.outbox.flush(self._host.repo)
        except MoorlineError as error:
            self._host.reporter.note("records wait", error=str(error))

    def _remember(self, outcome: Outcome) -> None:
        if outcome.word not in {"converged", "held", "waiting"}:
            now = self._host.clock.now().isoformat(timespec="seconds")
            self._ledger.remember(last_event=outcome.sentence, last_event_at=now)
        failed = outcome.sentence if outcome.word == "failed" else ""
        self._remember_trouble(str(outcome.complaint) if outcome.complaint else failed)

    def _remember_trouble(self, trouble: str) -> None:
        if self._ledger.memory.load().trouble != trouble:
            self._ledger.remember(trouble=trouble)


def _with_complaint(outcome: Outcome, complaint: MoorlineError | None) -> Outcome:
    """The same, held where there is a complaint: what is proven was looked after, and the branch
    was not followed.
    """
    if complaint is None:
        return outcome
    if outcome.word != "converged":
        return replace(outcome, complaint=complaint)
    return Outcome("held", str(complaint), complaint=complaint)

"""Holding: what waits for a person, and what only waits for its time.

A change that failed and cannot be taken back is held: what is there stays as it is, no commit is
made, and every cycle says so until somebody commits. A change whose file says `paused`, or whose
maintenance windows are closed, was not begun; it waits, and what is proven is looked after.
"""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from moorline.agent.durable.journal import Entry
from moorline.agent.durable.ledger import Ledger
from moorline.agent.durable.memory import Failure, Hold
from moorline.agent.host import Host
from moorline.agent.load import environment_path
from moorline.agent.outcome import Outcome
from moorline.agent.paperwork import deployment_record
from moorline.agent.target import Target
from moorline.core.model import ObservedContainer
from moorline.core.windows import is_open, opens_at
from moorline.errors import Held, MoorlineError

__all__ = ["Holding", "Wait", "hold_at_tip", "wait_of"]

SOONEST = 0.1


class Holding:
    """End a rollout that failed and must not be taken back; its entry says why. Repeatable."""

    def __init__(self, host: Host, ledger: Ledger, entry: Entry) -> None:
        self._host = host
        self._ledger = ledger
        self._entry = entry

    def run(self) -> Outcome:
        """Remember it, put it on record, and leave everything as it is."""
        entry = self._entry
        serves = self._was_proven()
        sentence = self._after_the_proof() if serves else self._before_the_proof()
        self._host.reporter.note("held", environment=entry.environment, reason=sentence)
        self._remember(sentence, quarantine=not serves)
        record = deployment_record(self._host, entry, "failed", sentence)
        self._ledger.file_record(entry, record)
        return Outcome("held", sentence, entry.id, complaint=Held(sentence))

    def _was_proven(self) -> bool:
        """Whether it is the proven state that failed: then it still serves, and is repaired."""
        memory = self._ledger.memory.load()
        proven = memory.proven
        return (
            proven is not None and proven.commit == self._entry.commit and not memory.forward_only
        )

    def _before_the_proof(self) -> str:
        entry = self._entry
        back = ""
        if entry.previous is not None:
            back = f", or restore what the job changed and revert to {entry.previous.commit[:7]}"
        return (
            f"{entry.environment}: {entry.commit[:7]} failed ({entry.reason}) after the job "
            f"{entry.forward_only}, which going back cannot undo: nothing was taken back; "
            f"{self._serving()}; push a commit that goes forward{back}"
        )

    def _after_the_proof(self) -> str:
        entry = self._entry
        why = "there is no earlier proven state to go back to"
        if entry.forward_only:
            why = f"going back cannot undo the job {entry.forward_only}"
        return (
            f"{entry.environment}: {entry.commit[:7]} failed ({entry.reason}) and is not taken "
            f"back, since {why}; it is restarted where it fails; push a commit that mends it"
        )

    def _serving(self) -> str:
        """Which versions run now, in words."""
        try:
            seen = self._host.engine.observe(self._entry.environment, ()).containers
        except MoorlineError:
            return "what runs is not known"
        running = sorted({_version(each) for each in seen if _runs(each)})
        return f"running now: {', '.join(running) or 'nothing'}"

    def _remember(self, sentence: str, *, quarantine: bool) -> None:
        entry = self._entry
        memory = self._ledger.memory.load()
        failures = memory.quarantine
        if quarantine:
            failure = Failure(
                commit=entry.commit, blob=entry.blob, reason=entry.reason, deployment=entry.id
            )
            failures = (*(each for each in failures if each.commit != entry.commit), failure)
        hold = Hold(commit=entry.commit, reason=sentence, deployment=entry.id)
        self._ledger.memory.save(msgspec.structs.replace(memory, hold=hold, quarantine=failures))


def _runs(container: ObservedContainer) -> bool:
    return container.ours and not container.job and container.state == "running"


def _version(container: ObservedContainer) -> str:
    return f"{container.service} of {container.commit[:7]}"


def hold_at_tip(host: Host, ledger: Ledger) -> Held | None:
    """The hold, as long as the branch still asks for what is held. Only a person ends it: where
    another host takes the change back for itself, this one still cannot.
    """
    hold, tip = ledger.memory.load().hold, host.repo.tip()
    if hold is None or tip is None:
        return None
    change = host.repo.last_change(tip, environment_path(ledger.environment))
    of_an_agent = change is not None and "Agent-Host" in change.trailers
    if of_an_agent or hold.commit == tip or (change and change.sha == hold.commit):
        return Held(hold.reason)
    return None


@dataclass(frozen=True, slots=True)
class Wait:
    """A change that is not begun yet, why, and when it is; no time where a commit has to say."""

    sentence: str
    until: datetime | None = None

    def seconds(self, now: datetime) -> float | None:
        """How long that is from `now` on."""
        if self.until is None:
            return None
        return max(SOONEST, (self.until - now).total_seconds())


def wait_of(target: Target, now: datetime) -> Wait | None:
    """Why this target may not be begun now, if it may not; its own file decides."""
    settings = target.desired.environment.settings
    what = f"{target.desired.name}: {target.change.sha[:7]}"
    if settings.paused:
        return Wait(f"{what} is paused, until a commit takes 'paused' out of its file")
    if is_open(settings.windows, now):
        return None
    names = " or ".join(str(each) for each in settings.windows)
    until = opens_at(settings.windows, now)
    if until is None:
        return Wait(f"{what} waits for its window, {names}, which does not open")
    opens = f"{until:%Y-%m-%dT%H:%M:%SZ}"
    return Wait(f"{what} waits for its window, {names}, which opens {opens}", until)

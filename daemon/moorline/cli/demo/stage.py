"""The words in which the story is told: type, push, see, prove."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from moorline.cli.demo.crowd import Crowd
from moorline.cli.demo.failures import StepFailed, until
from moorline.cli.demo.screen import Screen
from moorline.cli.demo.visitor import Visitor
from moorline.cli.demo.witness import Record
from moorline.cli.demo.world import World
from moorline.core.values import Json

__all__ = ["Push", "Stage", "Step"]

_PATIENCE = 40.0
"""For slow machines; a step that happens takes a few seconds."""


@dataclass(slots=True)
class Step:
    """One step as it happened. Seconds count from the push (or whatever began it)."""

    title: str
    typed: list[str] = field(default_factory=list)
    commit: str = ""
    record: str = ""
    outcome: str = ""
    sentence: str = ""
    rollback_commit: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    requests: int = 0
    failed: int = 0
    """Requests of the crowd in this step, and those of them that failed."""

    def as_data(self) -> dict[str, Json]:
        """For machines; the keys are stable."""
        return {
            "title": self.title,
            "typed": list(self.typed),
            "commit": self.commit or None,
            "record": self.record or None,
            "outcome": self.outcome or None,
            "sentence": self.sentence or None,
            "rollback_commit": self.rollback_commit or None,
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
            "requests": self.requests,
            "failed_requests": self.failed,
        }


@dataclass(frozen=True, slots=True)
class Push:
    """A commit, and when somebody began to push it (monotonic seconds)."""

    commit: str
    at: float


class Stage:
    """Plays steps in a world, before a visitor and on a screen."""

    def __init__(self, world: World, screen: Screen, visitor: Visitor) -> None:
        self.world = world
        self.screen = screen
        self.visitor = visitor
        self.steps: list[Step] = []
        self._witness = world.witness
        self._person = world.person
        self._seen = 0

    def step(self, title: str, about: str) -> Step:
        """Begin the next step."""
        step = Step(title)
        self.steps.append(step)
        self.screen.scene(len(self.steps), title, about)
        return step

    # --- what a person does ---

    def type(self, *words: str) -> str:
        """Run a command, and show it; returns what it printed."""
        command, printed = self._person.type(*words)
        self.steps[-1].typed.append(command)
        self.screen.typed(command)
        return printed

    def push(self) -> Push:
        """`git push` of what is committed."""
        began = time.monotonic()
        self.type("git", "push")
        commit = self._witness.tip()
        self.steps[-1].commit = commit
        return Push(commit, began)

    # --- what can be seen ---

    def see(self, version: int) -> None:
        """Wait until the page says this version."""
        self.wait(lambda: self.visitor.says(version), f"the page says version {version}")

    def record(self, outcome: str, commit: str) -> Record:
        """Wait for the next record of a commit; it has to tell this outcome."""
        found: list[Record] = []

        def is_there() -> bool:
            found.extend(self._new_records(commit))
            return bool(found)

        self.wait(is_there, f"a record that {commit[:7]} is {outcome}")
        record, step = found[0], self.steps[-1]
        step.record, step.outcome, step.sentence = record.id, record.outcome, record.sentence
        step.rollback_commit = record.rollback_commit
        if record.outcome != outcome:
            raise StepFailed(
                f"{commit[:7]} was to be {outcome}; the record says: {record.sentence}"
            )
        return record

    def _new_records(self, commit: str) -> list[Record]:
        """Records of a commit among those that were not looked at yet."""
        paths = self._witness.records()[self._seen :]
        self._seen += len(paths)
        return [each for each in map(self._witness.read, paths) if each.commit == commit]

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition while the world stands."""

        def holds() -> bool:
            self.world.check()
            return condition()

        with self.screen.waiting(what):
            until(holds, what, within=_PATIENCE)

    @contextmanager
    def crowd(self) -> Iterator[None]:
        """Under the load of a crowd, counted live; afterwards no request may have failed."""
        crowd = Crowd(self.world.port)
        with crowd, self.screen.counting(lambda: str(crowd.tally())):
            yield
        tally, step = crowd.tally(), self.steps[-1]
        step.requests, step.failed = tally.asked, tally.failed
        self.screen.aside(str(tally))
        self.require(f"none of {tally.asked:,} requests failed", holds=not tally.failed)

    # --- what is proved ---

    def measured(self, name: str, claim: str, seconds: float, note: str = "") -> None:
        """Show a claim with its time, and keep the time."""
        self.steps[-1].seconds[name] = seconds
        self.screen.proved(claim, seconds, note)

    def require(self, claim: str, *, holds: bool) -> None:
        """Show a claim that was checked; raises StepFailed where it does not hold."""
        if not holds:
            raise StepFailed(f"not so: {claim}")
        self.screen.proved(claim)

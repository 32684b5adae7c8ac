"""What a host has to do at its registries, in a thread of its own: never in a cycle's way.

The clerk takes one task after the other as each becomes due, and tries again later what failed.
"""

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from moorline.adapters.ports import Clock
from moorline.agent.report import Reporter
from moorline.errors import Interrupted, MoorlineError

__all__ = ["Clerk", "Task"]

AFTER_FAILURE = 60.0
LONGEST_SLEEP = 3600.0


class Task(Protocol):
    """Something that is done from time to time."""

    @property
    def name(self) -> str:
        """What a log line calls it."""
        ...

    def due_in(self) -> float:
        """Seconds until there is something to do: 0 or less is now, infinity not before a ring."""
        ...

    def run(self) -> None:
        """Do it; what can be tried again soon is the task's own affair."""
        ...


@dataclass(slots=True)
class _Turn:
    """A task, and until when it rests because it failed."""

    task: Task
    rests_until: float = -math.inf
    said: str = ""


class Clerk:
    """Takes care of tasks until told to stop."""

    def __init__(
        self,
        tasks: Sequence[Task],
        *,
        clock: Clock,
        reporter: Reporter,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        """`close` lets go of what the tasks opened, at the end and in the same thread."""
        self._turns = [_Turn(task) for task in tasks]
        self._clock = clock
        self._reporter = reporter
        self._close = close
        self._bell = threading.Event()
        self._stopped = threading.Event()

    def ring(self) -> None:
        """There may be something to do; may be called from any thread."""
        self._bell.set()

    def run(self) -> None:
        """Work until told to stop."""
        try:
            while not self._stopped.is_set():
                self._bell.wait(min(self.look(), LONGEST_SLEEP))
                self._bell.clear()
        except Interrupted:
            pass
        finally:
            self._close()

    def stop(self) -> None:
        """Have `run` return after the call in hand."""
        self._stopped.set()
        self._bell.set()

    def look(self) -> float:
        """Do what is due; returns the seconds until something else is."""
        for turn in self._turns:
            self._take(turn)
        return max(0.0, min((self._due_in(turn) for turn in self._turns), default=math.inf))

    def _take(self, turn: _Turn) -> None:
        try:
            if self._due_in(turn) <= 0:
                turn.task.run()
                turn.said = ""
        except Interrupted:
            raise
        except MoorlineError as error:
            self._failed(turn, error)

    def _due_in(self, turn: _Turn) -> float:
        rest = turn.rests_until - self._clock.monotonic()
        if rest > 0:
            return rest
        try:
            return turn.task.due_in()
        except MoorlineError as error:
            self._failed(turn, error)
            return AFTER_FAILURE

    def _failed(self, turn: _Turn, error: MoorlineError) -> None:
        """Told once for as long as it stays the same."""
        turn.rests_until = self._clock.monotonic() + AFTER_FAILURE
        if turn.said != str(error):
            turn.said = str(error)
            self._reporter.note("to be tried again", task=turn.task.name, error=str(error))

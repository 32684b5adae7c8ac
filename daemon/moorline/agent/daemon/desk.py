"""One environment's share of the loop: sleep, run the cycle that is due, say how it ended."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from moorline.adapters.ports import Clock
from moorline.agent.daemon.pacing import Pacing
from moorline.agent.daemon.wake import Suspects, Wake
from moorline.agent.outcome import Outcome, waiting
from moorline.agent.report import Reporter
from moorline.errors import Interrupted, MoorlineError, Stalled, Waiting

__all__ = ["Cycles", "Desk"]

FIRST_NEWS = 5.0
"""Seconds that a new daemon waits for its first fetch, before it cares for what it knows."""


class Cycles(Protocol):
    """The cycles of one environment."""

    def run(self, *, suspect: Callable[[str], bool]) -> Outcome:
        """Run one; raises a MoorlineError."""
        ...


@dataclass(frozen=True, slots=True)
class _End:
    """How a turn ended: an outcome's word, or "error" or "stalled"."""

    word: str
    sentence: str
    seconds: float | None = None


class Desk:
    """Looks after one environment; nothing here is shared with another one's."""

    def __init__(
        self,
        environment: str,
        cycles: Cycles,
        wake: Wake,
        pacing: Pacing,
        *,
        clock: Clock,
        reporter: Reporter,
    ) -> None:
        """Nothing is looked at before the first hint, or until it has been waited for."""
        self.environment = environment
        self._cycles = cycles
        self._wake = wake
        self._pacing = pacing
        self._clock = clock
        self._reporter = reporter
        self._stopped = threading.Event()
        self._due = clock.monotonic() + FIRST_NEWS
        self._quiet_until = self._due
        self._said = ""

    def run(self) -> None:
        """Take turns until told to stop."""
        while not self._stopped.is_set():
            self._wake.sleep(self.look())

    def stop(self) -> None:
        """Have `run` return after the turn in hand."""
        self._stopped.set()
        self._wake.ring()

    def look(self) -> float:
        """Take a turn if there is reason to; returns the seconds until there is another."""
        hints = self._wake.take()
        now = self._clock.monotonic()
        hinted = bool(hints.suspects) and now >= self._quiet_until
        if hints.news or hinted or now >= self._due:
            self._turn(hints.suspects)
        else:
            self._wake.give_back(hints.suspects)
        # hints that came too early are slept through, not slept away
        until = min(self._due, self._quiet_until) if self._wake.has_suspects() else self._due
        return max(0.0, until - self._clock.monotonic())

    def _turn(self, suspects: Suspects) -> None:
        try:
            end = self._cycle(suspects)
        except Interrupted:
            return
        self._say(end)
        now = self._clock.monotonic()
        self._due = now + self._pacing.after(end.word, end.seconds)
        self._quiet_until = now + self._pacing.quiet_for

    def _cycle(self, suspects: Suspects) -> _End:
        try:
            outcome = self._cycles.run(suspect=suspects)
        except Interrupted:
            raise
        except Waiting as error:
            outcome = waiting(error)
        except MoorlineError as error:
            self._wake.give_back(suspects)
            return _End("stalled" if isinstance(error, Stalled) else "error", str(error))
        return _End(outcome.word, outcome.sentence, outcome.seconds)

    def _say(self, end: _End) -> None:
        """Say what was done each time, and what is merely so once."""
        if end.word in {"proven", "taken back", "repaired"} or end.sentence != self._said:
            self._reporter.note(
                "cycle", environment=self.environment, end=end.word, says=end.sentence
            )
            self._said = end.sentence

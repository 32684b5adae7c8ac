"""How long to wait after a cycle, and which hints to sleep through meanwhile.

A repair makes events, and events wake the loop: where two tools undo each other's work, or a
container cannot stay up, the loop would spin. So engine hints are slept through for a time that
doubles with every such cycle in a row. A new commit always wakes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

__all__ = ["Pacing"]

FIRST = 1.0
LONGEST = 60.0
STALLED_QUIET = 2.0
FREE_REPAIRS = 3
"""So many repairs in a row are taken for a person's doing and made at once."""


def _doubling() -> Iterator[float]:
    delay = FIRST
    while True:
        yield delay
        delay = min(delay * 2, LONGEST)


@dataclass(slots=True)
class Pacing:
    """Delays for one environment; `jitter` maps a delay to one nearby."""

    poll_interval: float
    jitter: Callable[[float], float]
    _repairs: int = 0
    _delays: Iterator[float] = field(default_factory=_doubling)
    quiet_for: float = 0.0

    def after(self, word: str, seconds: float | None = None) -> float:
        """Seconds until the next cycle is due by itself.

        `word` is an outcome's, "error" or "stalled"; `seconds` is when the cycle itself asked to
        be run again: exactly then where its rollout waits, at the latest where it is held.
        """
        self._repairs = self._repairs + 1 if word == "repaired" else 0
        if word == "superseded":
            self.quiet_for = 0.0
            return 0.0
        if word == "waiting" and seconds is not None:
            self.quiet_for = 0.0
            return seconds
        if word in {"error", "stalled", "failed"} or self._repairs > FREE_REPAIRS:
            delay = self.jitter(next(self._delays))
            delay = delay if seconds is None else min(delay, seconds)
            # a person's next move mends what is stalled: that is to be seen soon
            self.quiet_for = min(delay, STALLED_QUIET) if word == "stalled" else delay
            return min(delay, self.poll_interval)
        if word == "converged":
            self._delays = _doubling()
        self.quiet_for = 0.0
        usual = self.jitter(self.poll_interval)
        return usual if seconds is None else min(usual, seconds)

"""After the proof: which container fails while it serves, and when to restart it again.

All times are seconds, and handed in: moments of the wall clock for what happened to a container,
since events carry those, and monotonic ones for the pauses between restarts.
"""

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Restarts", "Signs", "illness", "is_watched"]

LOOP = 3
"""So many deaths close to each other are a loop."""
RECENTLY = 300.0
LONGEST_PAUSE = 300.0
WELL_AGAIN = 600.0
"""A container that needed no restart for so long starts with short pauses again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What a container showed. Deaths are only those that nobody asked for."""

    unhealthy: bool = False
    deaths: tuple[float, ...] = ()
    ooms: tuple[float, ...] = ()


def illness(signs: Signs, *, now: float, since: float = 0.0) -> str:
    """What fails, in words for people; empty where nothing does. What happened before `since` is
    not counted: it was still being proven then.
    """
    deaths = _recent(signs.deaths, now, since)
    if _recent(signs.ooms, now, since):
        return "out of memory"
    if len(deaths) >= LOOP:
        return f"died {len(deaths)} times within {RECENTLY / 60:g} minutes"
    return "unhealthy" if signs.unhealthy else ""


def is_watched(proven_at: float, watch: float, *, now: float) -> bool:
    """Whether a failure now is one of the rollout, and takes it back."""
    return now - proven_at < watch


@dataclass(frozen=True, slots=True)
class Restarts:
    """The restarts of one container so far: the first at once, then after 1 s, 2 s, 4 s …"""

    count: int = 0
    last: float = 0.0

    def pause(self, now: float) -> float:
        """Seconds until the next restart is due; 0 where it is."""
        if self._is_over(now):
            return 0.0
        return max(0.0, self.last + min(2.0 ** (self.count - 1), LONGEST_PAUSE) - now)

    def again(self, now: float) -> "Restarts":
        """The same with one more, made now."""
        return Restarts(1 if self._is_over(now) else self.count + 1, now)

    def _is_over(self, now: float) -> bool:
        return not self.count or now - self.last >= WELL_AGAIN


def _recent(moments: Iterable[float], now: float, since: float) -> list[float]:
    # none of the future: that is a clock that was set back
    return [each for each in moments if since <= each and 0 <= now - each < RECENTLY]

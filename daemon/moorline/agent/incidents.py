"""What the engine's events told about containers that died by themselves or ran out of memory.

A death that somebody asked for (docker stop, kill, rm, restart, and our own) has a `kill` event
before it; one without is the container's own.
"""

import threading
from collections import defaultdict, deque
from dataclasses import dataclass, field

from moorline.adapters.ports import EngineEvent

__all__ = ["Incidents"]

KEPT = 20


@dataclass(slots=True)
class _Told:
    """Of one container; moments are seconds of the wall clock."""

    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))
    ooms: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))
    asked: bool = False
    down: bool = False


@dataclass(slots=True)
class Incidents:
    """Written by the thread that follows the events, read by the cycles."""

    _told: dict[str, _Told] = field(default_factory=lambda: defaultdict(_Told))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def forget(self) -> None:
        """The stream began anew: an engine that went away took its containers along."""
        with self._lock:
            self._told.clear()

    def heard(self, event: EngineEvent) -> None:
        """Take in one event of a container of ours."""
        with self._lock:
            match event.action:
                case _ if event.kind != "container":
                    pass
                case "kill":
                    self._told[event.id].asked = True
                case "start":
                    told = self._told[event.id]
                    told.asked = told.down = False
                case "oom":
                    self._told[event.id].ooms.append(event.at)
                case "die":
                    told = self._told[event.id]
                    if not told.asked:
                        told.deaths.append(event.at)
                    told.asked, told.down = False, not told.asked
                case "destroy":
                    self._told.pop(event.id, None)
                case _:
                    pass

    def deaths(self, container: str) -> tuple[float, ...]:
        """When it died by itself."""
        with self._lock:
            told = self._told.get(container)
            return tuple(told.deaths) if told else ()

    def ooms(self, container: str) -> tuple[float, ...]:
        """When something in it ran out of memory."""
        with self._lock:
            told = self._told.get(container)
            return tuple(told.ooms) if told else ()

    def is_down(self, container: str) -> bool:
        """Whether it died by itself and was not started since."""
        with self._lock:
            told = self._told.get(container)
            return told is not None and told.down

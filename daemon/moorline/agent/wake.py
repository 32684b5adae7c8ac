"""What ends the loop's sleep: hints, never orders. The cycle looks for itself in any case."""

import threading
from dataclasses import dataclass, field

__all__ = ["Wake"]


@dataclass(slots=True)
class Wake:
    """Collects hints from several threads; the loop takes them all at once."""

    _bell: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _git: bool = False
    _everything: bool = True
    _suspects: set[str] = field(default_factory=set)

    def git_moved(self) -> None:
        """The state repo may have a new commit."""
        with self._lock:
            self._git = True
        self._bell.set()

    def engine_moved(self, container: str) -> None:
        """Something happened to this container."""
        with self._lock:
            self._suspects.add(container)
        self._bell.set()

    def engine_unseen(self) -> None:
        """Events may have been missed: every container is suspect."""
        with self._lock:
            self._everything = True
        self._bell.set()

    def ring(self) -> None:
        """End the sleep for another reason (a signal)."""
        self._bell.set()

    def sleep(self, seconds: float) -> None:
        """Sleep until there is a hint, or for so long."""
        self._bell.wait(seconds)
        self._bell.clear()

    def take_git(self) -> bool:
        """Whether git moved since this was asked last."""
        with self._lock:
            moved, self._git = self._git, False
            return moved

    def git_waits(self) -> bool:
        """Whether git moved, without taking the hint."""
        with self._lock:
            return self._git

    def take_suspects(self) -> "Suspects":
        """The containers to look at closely, as of now."""
        with self._lock:
            taken = Suspects(self._everything, frozenset(self._suspects))
            self._everything = False
            self._suspects.clear()
            return taken

    def has_suspects(self) -> bool:
        """Whether some container waits to be looked at."""
        with self._lock:
            return self._everything or bool(self._suspects)

    def give_back(self, suspects: "Suspects") -> None:
        """Keep suspects for the next cycle, where this one did not get to them."""
        with self._lock:
            self._everything |= suspects.everything
            self._suspects |= suspects.ids


@dataclass(frozen=True, slots=True)
class Suspects:
    """Containers that someone may have changed by hand."""

    everything: bool
    ids: frozenset[str]

    def __bool__(self) -> bool:
        return self.everything or bool(self.ids)

    def __call__(self, container: str) -> bool:
        return self.everything or container in self.ids

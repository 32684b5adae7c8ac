"""What ends an environment's sleep: hints, never orders. Its cycle looks for itself anyway."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Hints", "Suspects", "Wake", "Wakes"]


@dataclass(frozen=True, slots=True)
class Suspects:
    """Containers that someone may have changed by hand."""

    everything: bool
    ids: frozenset[str]

    def __bool__(self) -> bool:
        return self.everything or bool(self.ids)

    def __call__(self, container: str) -> bool:
        return self.everything or container in self.ids


@dataclass(frozen=True, slots=True)
class Hints:
    """Why to look: `news` from the remote, and containers that something happened to."""

    news: bool
    suspects: Suspects


@dataclass(slots=True)
class Wake:
    """Collects the hints for one environment from several threads."""

    _bell: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _news: bool = False
    _everything: bool = True
    _suspects: set[str] = field(default_factory=set)

    def remote_moved(self) -> None:
        """There is news from the remote."""
        with self._lock:
            self._news = True
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
        """End the sleep for another reason."""
        self._bell.set()

    def sleep(self, seconds: float) -> None:
        """Sleep until there is a hint, or for so long."""
        self._bell.wait(seconds)
        self._bell.clear()

    def take(self) -> Hints:
        """All hints so far; each is taken once."""
        with self._lock:
            taken = Hints(self._news, Suspects(self._everything, frozenset(self._suspects)))
            self._news = self._everything = False
            self._suspects.clear()
            return taken

    def has_suspects(self) -> bool:
        """Whether some container waits to be looked at."""
        with self._lock:
            return self._everything or bool(self._suspects)

    def give_back(self, suspects: Suspects) -> None:
        """Keep suspects for the next cycle, where this one did not get to them."""
        with self._lock:
            self._everything |= suspects.everything
            self._suspects |= suspects.ids


@dataclass(frozen=True, slots=True)
class Wakes:
    """Hands each hint to the environments that it concerns, by name."""

    by_environment: Mapping[str, Wake]

    def remote_moved(self) -> None:
        """One branch holds the files of all."""
        for wake in self.by_environment.values():
            wake.remote_moved()

    def engine_moved(self, project: str, container: str) -> None:
        """Something happened to a container of this project."""
        self.by_environment[project].engine_moved(container)

    def engine_unseen(self) -> None:
        """Events may have been missed."""
        for wake in self.by_environment.values():
            wake.engine_unseen()

"""The tags of this host as a task: which are due, and how long to wait after a failure."""

import math
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from moorline.adapters.ports import Clock
from moorline.adapters.registry_port import Registry
from moorline.agent.clock import stop_check
from moorline.agent.config import Config
from moorline.agent.registry.tagging import Carrier, Tagger
from moorline.agent.registry.tagqueue import Queued, TagQueue
from moorline.agent.report import Reporter, SilentReporter
from moorline.core.tagging import TagMove
from moorline.errors import MoorlineError

__all__ = ["OnDemand", "TagErrands", "flush_tags", "queues_of", "tagger_of"]

FIRST_DELAY = 2.0
LONGEST_DELAY = 300.0


def queues_of(config: Config) -> dict[str, TagQueue]:
    """Environment → its queue."""
    return {name: TagQueue(Path(config.state_dir), name) for name in config.environments}


@dataclass(slots=True)
class OnDemand:
    """A registry that is opened when it is first asked for: a host whose registry has nothing to
    hear never loads the client.
    """

    make: Callable[[], Registry]
    _made: Registry | None = None

    def __call__(self) -> Registry:
        """The registry."""
        if self._made is None:
            self._made = self.make()
        return self._made

    def close(self) -> None:
        """Let go of its connections, if it was asked for."""
        if self._made is not None:
            self._made.close()


@dataclass(slots=True)
class TagErrands:
    """See `Task`: makes the moves that wait, in all environments of this host."""

    queues: Mapping[str, TagQueue]
    open_tagger: Callable[[], Tagger]
    clock: Clock
    name: str = "registry tags"
    _tagger: Tagger | None = None
    _tried: frozenset[TagMove] = frozenset()
    """What waited when the last attempt began."""
    _delay: float = FIRST_DELAY
    _due: float = -math.inf
    _quiet_until: float = -math.inf

    def due_in(self) -> float:
        """A move that came since the last attempt is due at once, unless a registry asked for
        patience.
        """
        waiting = self._waiting()
        if not waiting:
            return math.inf
        due = self._due if waiting <= self._tried else self._quiet_until
        return due - self.clock.monotonic()

    def run(self) -> None:
        """Try everything once."""
        if self._tagger is None:
            self._tagger = self.open_tagger()
        self._tried = self._waiting()
        patience = self._tagger.run(self.queues)
        now = self.clock.monotonic()
        self._quiet_until = now + patience
        self._due = now + max(self._delay, patience)
        left = self._waiting() & self._tried
        self._delay = min(2 * self._delay, LONGEST_DELAY) if left else FIRST_DELAY

    def _waiting(self) -> frozenset[TagMove]:
        return frozenset(move for queue in self.queues.values() for move in queue.waiting())


def flush_tags(
    config: Config, environment: str, registry: Callable[[], Registry], *, within: float
) -> tuple[Queued, ...]:
    """Make an environment's moves now, for at most so many seconds; returns those that wait still.

    Raises only StorageFailed.
    """
    queue = TagQueue(Path(config.state_dir), environment)
    if not queue.waiting():
        return ()
    late = threading.Event()
    check = stop_check(late, "no time left; the moves that are left stay queued")
    tagger = tagger_of(config, registry(), SilentReporter(), check)
    # a thread that may be left behind: a registry that hangs would keep the command for minutes
    thread = threading.Thread(target=_quietly, args=(tagger, {environment: queue}), daemon=True)
    thread.start()
    thread.join(within)
    late.set()
    return queue.entries()


def tagger_of(
    config: Config, registry: Registry, reporter: Reporter, check_stop: Callable[[], None]
) -> Tagger:
    """What moves the tags of this host."""
    return Tagger(Carrier(registry, reporter.note, check_stop), config.registry.tags)


def _quietly(tagger: Tagger, queues: Mapping[str, TagQueue]) -> None:
    with suppress(MoorlineError):  # too late, or a disk that is full: the queue says what waits
        tagger.run(queues)

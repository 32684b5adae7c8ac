"""When the remote is asked, and by whom.

A cycle reads the mirror on this host and never waits for the network. In the daemon one thread
fetches for all environments: a remote that hangs keeps no drift from being repaired, and one
fetch serves all.
"""

import random
import threading
from collections.abc import Callable
from typing import TypeAlias

from moorline.adapters.ports import Clock
from moorline.adapters.staterepo_port import StateRepo
from moorline.agent.report import Reporter
from moorline.errors import MoorlineError

__all__ = ["Fetch", "Fetcher", "PolledFetch"]

Fetch: TypeAlias = Callable[[], MoorlineError | None]
"""Have the mirror as new as it is worth now; returns what is wrong with the remote, if anything
is.
"""


class PolledFetch:
    """Fetches on the spot, at most once per interval: for a command, which has one thread."""

    def __init__(
        self, repo: StateRepo, clock: Clock, reporter: Reporter, *, interval: float
    ) -> None:
        self._repo = repo
        self._clock = clock
        self._reporter = reporter
        self._interval = interval
        self._last: float | None = None
        self._trouble: MoorlineError | None = None

    def __call__(self) -> MoorlineError | None:
        now = self._clock.monotonic()
        if self._last is None or now - self._last >= self._interval:
            self._last = now
            _, self._trouble = _fetch(self._repo, self._reporter, self._trouble)
        return self._trouble


class Fetcher:
    """Asks the remote once per interval and after each hint, and tells when there is news.

    News is another tip, a remote that cannot be reached any more, or one that can be again.
    """

    def __init__(
        self, repo: StateRepo, reporter: Reporter, news: Callable[[], None], *, interval: float
    ) -> None:
        self._repo = repo
        self._reporter = reporter
        self._news = news
        self._interval = interval
        self._bell = threading.Event()
        self._stopped = False
        self._seen: tuple[str, str] | None = None
        self._trouble: MoorlineError | None = None

    def trouble(self) -> MoorlineError | None:
        """What the last fetch failed with; this is a `Fetch`."""
        return self._trouble

    def hint(self) -> None:
        """There may be a new commit. Any number of hints during one fetch make one more."""
        self._bell.set()

    def run(self) -> None:
        """Fetch until told to stop."""
        while not self._stopped:
            self.fetch()
            # hosts that were started together should not ask together
            self._bell.wait(self._interval * random.uniform(0.9, 1.1))  # noqa: S311
            self._bell.clear()

    def stop(self) -> None:
        """Have `run` return, from any thread; a fetch under way is not waited for here."""
        self._stopped = True
        self._bell.set()

    def fetch(self) -> None:
        """Ask the remote now."""
        tip, trouble = _fetch(self._repo, self._reporter, self._trouble)
        self._trouble = trouble
        before, self._seen = self._seen, (tip, str(trouble))
        if self._seen != before:
            self._news()


def _fetch(
    repo: StateRepo, reporter: Reporter, before: MoorlineError | None
) -> tuple[str, MoorlineError | None]:
    """The branch's tip, or what is wrong; what was wrong `before` already is not said again."""
    try:
        return repo.fetch(), None
    except MoorlineError as error:
        if str(error) != str(before):
            reporter.note("fetch failed", error=str(error))
        return "", error

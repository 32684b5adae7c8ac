"""The daemon: one thread for each environment, a few that wake them, clerks, and this one.

The main thread starts the others and waits for word: a signal, or a thread that failed. SIGTERM
ends all between two steps of whatever is under way. SIGHUP does the same and starts anew with the
configuration read afresh, which takes up what was left off; one that is not valid disturbs nobody.
"""

import random
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from moorline.adapters.registry_port import Registry
from moorline.agent.config import Config, load_config
from moorline.agent.cycle import Cycle
from moorline.agent.daemon.crew import Crew
from moorline.agent.daemon.desk import Desk
from moorline.agent.daemon.fetching import Fetch, Fetcher
from moorline.agent.daemon.pacing import Pacing
from moorline.agent.daemon.sdnotify import notify
from moorline.agent.daemon.signals import Signals
from moorline.agent.daemon.wake import Wake, Wakes
from moorline.agent.daemon.watch import EngineWatch, RepoWatch, local_refs
from moorline.agent.durable.ledger import Ledger
from moorline.agent.durable.lock import state_lock
from moorline.agent.host import Host
from moorline.agent.registry.office import open_clerk, open_retention_clerk
from moorline.agent.report import Reporter
from moorline.agent.wiring import open_host, open_registry
from moorline.errors import InvalidConfig

__all__ = ["Daemon"]

HostFactory: TypeAlias = Callable[
    [Config, Reporter, threading.Event], AbstractContextManager[Host]
]
LedgerFactory: TypeAlias = Callable[[Config, str], Ledger]
RegistryFactory: TypeAlias = Callable[[Config], Registry]

STOP = (signal.SIGTERM, signal.SIGINT)
RELOAD = signal.SIGHUP
FAILURE = 0
PATIENCE = 5.0
"""Seconds that a thread which changes nothing is waited for: it may hang at the network."""


class Daemon:
    """`moorline run`."""

    def __init__(
        self,
        config_path: Path,
        config: Config,
        reporter: Reporter,
        *,
        hosts: HostFactory = open_host,
        ledgers: LedgerFactory = Ledger.open,
        registries: RegistryFactory = open_registry,
    ) -> None:
        """`hosts`, `ledgers` and `registries` make the ports and the durable side, anew for each
        reload.
        """
        self._hosts = hosts
        self._ledgers = ledgers
        self._registries = registries
        self._config_path = config_path
        self._config = config
        self._reporter = reporter
        self._signals = Signals()

    def run(self) -> int:
        """Run until SIGTERM or SIGINT; returns the exit code. What a thread failed with is
        raised here.
        """
        caught = self._signals.caught(*STOP, RELOAD)
        with state_lock(Path(self._config.state_dir), "run"), caught:
            while self._serve():
                self._reporter.note("reloaded")
        notify("STOPPING=1")
        self._reporter.note("stopped")
        return 0

    def _serve(self) -> bool:
        """Run with the present configuration; returns whether to go on with another one."""
        config, leave = self._config, threading.Event()
        with self._hosts(config, self._reporter, leave) as host, self._crew(leave) as crew:
            self._start(crew, host)
            self._reporter.note(
                "running", host=config.host, environments=",".join(config.environments)
            )
            notify("READY=1")
            return self._wait()

    def _wait(self) -> bool:
        """Whether it was a reload that ended the wait; else it was a stop, or a failure."""
        while True:
            number = self._signals.next()
            if number in {*STOP, FAILURE}:
                return False
            if number == RELOAD and self._read_config():
                return True

    # --- threads ---

    @contextmanager
    def _crew(self, leave: threading.Event) -> Iterator[Crew]:
        crew = Crew(on_failure=self._failed)
        try:
            yield crew
        finally:
            leave.set()
            crew.dismiss()

    def _failed(self, thread: str, failure: BaseException) -> None:
        # a daemon that lost a thread would look well: better to end, and to be started again
        trace = "".join(traceback.format_exception(failure))
        self._reporter.note("a thread failed: the daemon ends", thread=thread, error=trace)
        self._signals.ring()

    def _start(self, crew: Crew, host: Host) -> None:
        clerk = open_clerk(host, self._registries)
        host = replace(host, tags_wait=clerk.ring)
        wakes = Wakes({name: Wake() for name in host.config.environments})
        fetcher = Fetcher(
            host.repo, host.reporter, wakes.remote_moved, interval=host.config.poll_seconds
        )
        for name, wake in wakes.by_environment.items():
            crew.start(name, self._desk(host, name, wake, fetcher.trouble))
        crew.start("fetch", fetcher, patience=PATIENCE)
        engine = EngineWatch(host.engine, wakes, host.reporter, host.incidents)
        crew.start("engine-events", engine, patience=PATIENCE)
        refs = local_refs(host.config.repo.url)
        if refs is not None:
            repo = RepoWatch(refs, host.config.repo.branch, fetcher.hint, host.reporter)
            crew.start("repo-watch", repo, patience=PATIENCE)
        crew.start("clerk", clerk, patience=PATIENCE)
        retention = open_retention_clerk(host, self._registries)
        if retention is not None:
            crew.start("retention", retention, patience=PATIENCE)

    def _desk(self, host: Host, name: str, wake: Wake, fetch: Fetch) -> Desk:
        reporter = host.reporter.about(name)
        ledger = self._ledgers(host.config, name)
        return Desk(
            name,
            Cycle(replace(host, reporter=reporter), ledger, fetch=fetch),
            wake,
            Pacing(host.config.poll_seconds, _jitter),
            clock=host.clock,
            reporter=reporter,
        )

    # --- configuration ---

    def _read_config(self) -> bool:
        """Whether there is a configuration to go on with."""
        notify("RELOADING=1")
        try:
            config = load_config(self._config_path)
        except InvalidConfig as error:
            return self._refuse(str(error))
        if config.state_dir != self._config.state_dir:
            return self._refuse("state_dir cannot change while running; restart instead")
        self._config = config
        return True

    def _refuse(self, error: str) -> bool:
        self._reporter.note("reload refused: the old configuration stays", error=error)
        notify("READY=1")
        return False


def _jitter(delay: float) -> float:
    """Hosts that were started together should not ask together."""
    return delay * random.uniform(0.9, 1.1)  # noqa: S311  (spreads load, guards nothing)

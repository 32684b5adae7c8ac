"""The loop: sleep, run the cycles that are due, say how they ended, sleep.

Signal handlers set flags and ring the bell; everything else happens here, in one thread, in order.
SIGTERM ends the loop between two steps of whatever is under way, SIGHUP reads the configuration
anew between two cycles.
"""

import random
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TypeAlias

from moorline.adapters.ports import Clock
from moorline.agent.config import Config, load_config
from moorline.agent.cycle import Cycle
from moorline.agent.host import Host
from moorline.agent.ledger import Ledger
from moorline.agent.lock import state_lock
from moorline.agent.pacing import Pacing
from moorline.agent.report import Reporter
from moorline.agent.sdnotify import notify
from moorline.agent.wake import Suspects, Wake
from moorline.agent.watch import EngineWatch, RepoWatch, local_refs
from moorline.agent.wiring import open_host
from moorline.errors import Interrupted, InvalidConfig, MoorlineError, Stalled

__all__ = ["Daemon", "FetchTimer"]

HostFactory: TypeAlias = Callable[
    [Config, Reporter, threading.Event], AbstractContextManager[Host]
]
LedgerFactory: TypeAlias = Callable[[Config, str], Ledger]


class FetchTimer:
    """Says when to ask the remote: at once after a hint, else once per interval."""

    def __init__(self, wake: Wake, clock: Clock, interval: float) -> None:
        self._wake = wake
        self._clock = clock
        self._interval = interval
        self._last: float | None = None

    def due(self) -> bool:
        """Whether to fetch now; a yes is expected to be followed by a fetch."""
        now = self._clock.monotonic()
        hinted = self._wake.take_git()
        if not hinted and self._last is not None and now - self._last < self._interval:
            return False
        self._last = now
        return True


@dataclass(slots=True)
class _Desk:
    """One environment and when it is looked at next (monotonic seconds)."""

    environment: str
    cycle: Cycle
    pacing: Pacing
    due: float = 0.0
    quiet_until: float = 0.0
    said: str = ""


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
    ) -> None:
        """`hosts` and `ledgers` make the ports and the durable side, anew for each reload."""
        self._hosts = hosts
        self._ledgers = ledgers
        self._config_path = config_path
        self._config = config
        self._reporter = reporter
        self._stop = threading.Event()
        self._reload = threading.Event()
        self._wake = Wake()

    def run(self) -> int:
        """Run until SIGTERM or SIGINT; returns the exit code."""
        with (
            state_lock(Path(self._config.state_dir), "run"),
            self._signals(),
        ):
            while not self._stop.is_set():
                self._reload.clear()
                self._serve()
        notify("STOPPING=1")
        self._reporter.note("stopped")
        return 0

    def _serve(self) -> None:
        """Run with the present configuration, until a signal."""
        config = self._config
        with self._hosts(config, self._reporter, self._stop) as host, ExitStack() as watches:
            self._watch(host, watches)
            timer = FetchTimer(self._wake, host.clock, config.poll_seconds)
            desks = [self._desk(host, name, timer) for name in config.environments]
            self._reporter.note(
                "running", host=config.host, environments=",".join(config.environments)
            )
            notify("READY=1")
            while not self._stop.is_set() and not self._reload.is_set():
                self._pass(desks, host.clock)
            if self._reload.is_set():
                self._read_config()

    def _pass(self, desks: list[_Desk], clock: Clock) -> None:
        """Run every cycle that is due, then sleep until the next is."""
        git = self._wake.git_waits()
        suspects = self._wake.take_suspects()
        for desk in desks:
            now = clock.monotonic()
            hinted = bool(suspects) and now >= desk.quiet_until
            if git or hinted or now >= desk.due:
                self._turn(desk, suspects, clock)
            else:
                self._wake.give_back(suspects)
            if self._stop.is_set():
                return
        pending = self._wake.has_suspects()
        now = clock.monotonic()
        ends = [min(desk.due, desk.quiet_until) if pending else desk.due for desk in desks]
        self._wake.sleep(max(0.0, min(ends) - now))

    def _turn(self, desk: _Desk, suspects: Suspects, clock: Clock) -> None:
        try:
            outcome = desk.cycle.run(suspect=suspects)
            word: str = outcome.word
            sentence = outcome.sentence
        except Interrupted:
            return
        except MoorlineError as error:
            self._wake.give_back(suspects)
            word = "stalled" if isinstance(error, Stalled) else "error"
            sentence = str(error)
        # what is merely so is said once, what was done is said each time
        if word in {"proven", "taken back", "repaired"} or sentence != desk.said:
            self._reporter.note("cycle", environment=desk.environment, end=word, says=sentence)
            desk.said = sentence
        now = clock.monotonic()
        desk.due = now + desk.pacing.after(word)
        desk.quiet_until = now + desk.pacing.quiet_for

    def _desk(self, host: Host, name: str, timer: FetchTimer) -> _Desk:
        cycle = Cycle(host, self._ledgers(host.config, name), fetch_due=timer.due)
        return _Desk(name, cycle, Pacing(host.config.poll_seconds, _jitter))

    def _watch(self, host: Host, watches: ExitStack) -> None:
        engine = EngineWatch(host.engine, host.config.environments, self._wake, self._reporter)
        engine.start()
        watches.callback(engine.stop)
        refs = local_refs(host.config.repo.url)
        if refs is not None:
            repo = RepoWatch(refs, host.config.repo.branch, self._wake)
            repo.start()
            watches.callback(repo.stop)

    def _read_config(self) -> None:
        notify("RELOADING=1")
        try:
            config = load_config(self._config_path)
        except InvalidConfig as error:
            self._reporter.note("reload refused: the old configuration stays", error=str(error))
            return
        if config.state_dir != self._config.state_dir:
            self._reporter.note(
                "reload refused: the old configuration stays",
                error="state_dir cannot change while running; restart instead",
            )
            return
        self._config = config
        self._reporter.note("reloaded")

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Have signals set flags, and put the old handlers back."""

        def stop(_number: int, _frame: FrameType | None) -> None:
            self._stop.set()
            self._wake.ring()

        def reload(_number: int, _frame: FrameType | None) -> None:
            self._reload.set()
            self._wake.ring()

        handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: reload}
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _jitter(delay: float) -> float:
    """Hosts that were started together should not ask together."""
    return delay * random.uniform(0.9, 1.1)  # noqa: S311  (spreads load, guards nothing)

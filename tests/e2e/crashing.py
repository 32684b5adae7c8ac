"""The daemon with a tripwire: it kills itself with SIGKILL at the n-th change that it makes.

    python crashing.py --config FILE run

A change is a call that alters the engine, the state directory or the state repo. Nothing is
counted until the file `tripwire` lies beside the configuration; it says `<n> <when>`:

    after     the call has returned, and what the agent does with that is lost
    during    the call was made a moment ago and has not been waited for

Being killed before the n-th change is being killed after the one before it.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from moorline.agent.config import Config, load_config
from moorline.agent.host import Host
from moorline.agent.ledger import Ledger
from moorline.agent.loop import Daemon
from moorline.agent.report import LogReporter, Reporter
from moorline.agent.wiring import open_host

ENGINE = (
    "pull",
    "create_network",
    "remove_network",
    "create_volume",
    "create_container",
    "start",
    "stop",
    "remove",
    "rename",
    "unpause",
    "set_restart_policy",
    "connect",
    "disconnect",
    "run_hook",
)
REPO = ("replace", "propose", "append")
DISK = ("save", "clear", "put")
A_MOMENT = 0.01
"""Long enough for a request to be on its way, short enough for it not to be answered."""


class Tripwire:
    """Counts changes, and ends the process at one of them."""

    def __init__(self, folder: Path) -> None:
        self._order = folder / "tripwire"
        self._passed = folder / "changes"
        self._count = 0
        self._lock = threading.Lock()

    def around(self, name: str, change: Callable[[], object]) -> object:
        """Make one change, if we live to see its end."""
        last, when = self._read()
        if self._pass(name, counting=last > 0) != last or last == 0:
            return change()
        if when == "after":
            change()
        else:
            threading.Thread(target=change, daemon=True).start()
            time.sleep(A_MOMENT)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("still alive")

    def _pass(self, name: str, *, counting: bool) -> int:
        with self._lock:
            self._count += counting
            if counting:
                with self._passed.open("a") as passed:
                    passed.write(f"{self._count} {name}\n")
            return self._count

    def _read(self) -> tuple[int, str]:
        if not self._order.exists():
            return 0, ""
        number, _, when = self._order.read_text().partition(" ")
        return int(number), when


class Wired:
    """Any object, with a tripwire around some of its methods."""

    def __init__(
        self, inner: object, label: str, methods: tuple[str, ...], wire: Tripwire
    ) -> None:
        self._inner = inner
        self._label = label
        self._methods = methods
        self._wire = wire

    def __getattr__(self, name: str) -> object:
        method = getattr(self._inner, name)
        if name not in self._methods:
            return method
        label = f"{self._label}.{name}"
        return lambda *args, **keys: self._wire.around(label, lambda: method(*args, **keys))


def main(config_path: Path) -> int:
    wire = Tripwire(config_path.parent)

    def wired(inner: object, label: str, methods: tuple[str, ...]) -> Any:  # noqa: ANN401  (poses as it)
        return Wired(inner, label, methods, wire)

    @contextmanager
    def hosts(config: Config, reporter: Reporter, stop: threading.Event) -> Iterator[Host]:
        with open_host(config, reporter, stop) as host:
            engine = wired(host.engine, "engine", ENGINE)
            yield replace(host, engine=engine, repo=wired(host.repo, "repo", REPO))

    def ledgers(config: Config, environment: str) -> Ledger:
        real = Ledger.open(config, environment)
        return replace(
            real,
            memory=wired(real.memory, "memory", DISK),
            journal=wired(real.journal, "journal", DISK),
            outbox=wired(real.outbox, "outbox", DISK),
        )

    config = load_config(config_path)
    return Daemon(config_path, config, LogReporter(), hosts=hosts, ledgers=ledgers).run()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[2])))

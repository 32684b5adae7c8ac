"""The daemon with something around every change that it makes.

A change is a call that alters the engine, the ingress, the state directory or the state repo.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from moorline.agent.config import Config, load_config
from moorline.agent.daemon.loop import Daemon
from moorline.agent.durable.ledger import Ledger
from moorline.agent.host import Host
from moorline.agent.report import LogReporter, Reporter
from moorline.agent.wiring import open_host

__all__ = ["Around", "run_wired"]

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
INGRESS = ("listen", "unlisten", "enter", "drain", "leave", "shift")
REPO = ("replace", "propose", "append")
DISK = ("save", "clear", "put")


class Around(Protocol):
    """What is put around changes."""

    def around(self, name: str, change: Callable[[], object]) -> object:
        """Make the change called `name`, or do what else there is to do."""
        ...


class _Wired:
    """Any object, with something around some of its methods."""

    def __init__(self, inner: object, label: str, methods: tuple[str, ...], wire: Around) -> None:
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


def run_wired(
    config_path: Path, wire: Around, *, changed: Callable[[Host], Host] = lambda host: host
) -> int:
    """Run the daemon with `wire` around its changes, on a host as `changed` returns it."""

    def wired(inner: object, label: str, methods: tuple[str, ...]) -> Any:  # noqa: ANN401  (poses as it)
        return _Wired(inner, label, methods, wire)

    @contextmanager
    def hosts(config: Config, reporter: Reporter, stop: threading.Event) -> Iterator[Host]:
        with open_host(config, reporter, stop) as opened:
            host = changed(opened)
            yield replace(
                host,
                engine=wired(host.engine, "engine", ENGINE),
                ingress=wired(host.ingress, "ingress", INGRESS),
                repo=wired(host.repo, "repo", REPO),
            )

    def ledgers(config: Config, environment: str) -> Ledger:
        real = Ledger.open(config, environment)
        return replace(
            real,
            memory=wired(real.memory, "memory", DISK),
            journal=wired(real.journal, "journal", DISK),
            outbox=wired(real.outbox, "outbox", DISK),
            tags=wired(real.tags, "tags", DISK),
        )

    config = load_config(config_path)
    return Daemon(config_path, config, LogReporter(), hosts=hosts, ledgers=ledgers).run()

"""The daemon's threads: started together, ended together, and none of them dies unnoticed."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Crew", "Worker"]


class Worker(Protocol):
    """Something that runs in a thread of its own."""

    def run(self) -> None:
        """Work until told to stop."""
        ...

    def stop(self) -> None:
        """Have `run` return soon; called from another thread."""
        ...


@dataclass(slots=True)
class Crew:
    """`on_failure` hears of a worker that ended with an exception; `dismiss` then raises it."""

    on_failure: Callable[[str, BaseException], None]
    _threads: list[tuple[Worker, threading.Thread, float | None]] = field(default_factory=list)
    _failures: list[BaseException] = field(default_factory=list)

    def start(self, name: str, worker: Worker, *, patience: float | None = None) -> None:
        """Start a worker. At the end it is waited for: at most `patience` seconds, or until it
        is done.
        """
        thread = threading.Thread(target=self._run, args=(name, worker), name=name, daemon=True)
        self._threads.append((worker, thread, patience))
        thread.start()

    def dismiss(self) -> None:
        """Stop all, wait for them, and raise what the first of them failed with."""
        for worker, _, _ in self._threads:
            worker.stop()
        for _, thread, patience in self._threads:
            thread.join(patience)
        if self._failures:
            raise self._failures[0]

    def _run(self, name: str, worker: Worker) -> None:
        try:
            worker.run()
        except BaseException as failure:  # noqa: BLE001  (raised again by the main thread)
            self._failures.append(failure)
            self.on_failure(name, failure)

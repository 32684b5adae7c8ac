"""Visitors that ask without a pause, each over a connection that it keeps, and count the answers.

A request has failed when it got no answer, a late one, or one that is not the page. Nobody asks a
second time.
"""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Self

from moorline.cli.demo.images import page

__all__ = ["Crowd", "Tally"]

_VISITORS = 4
_EVERY = 0.02
"""Seconds between two requests of a visitor."""
_PATIENCE = 2.0
_FAILED = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the requests so far."""

    answered: Mapping[str, int]
    """Version → answers that it gave."""
    failed: int

    @property
    def asked(self) -> int:
        """All requests."""
        return sum(self.answered.values()) + self.failed

    def __str__(self) -> str:
        parts = [f"version {version}: {count:,}" for version, count in self.answered.items()]
        return "   ".join([f"{self.asked:,} requests", *parts, f"failed: {self.failed:,}"])


class Crowd:
    """Asks one port of this machine for as long as the block lasts."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._stop = threading.Event()
        # each counts for itself: there is nothing to lock
        self._counts = [Counter[str]() for _ in range(_VISITORS)]
        self._threads = [
            threading.Thread(target=self._visit, args=(count,), name="crowd", daemon=True)
            for count in self._counts
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=2 * _PATIENCE)

    def tally(self) -> Tally:
        """The sum of all visitors."""
        total = sum((count.copy() for count in self._counts), Counter[str]())
        failed = total.pop(_FAILED, 0)
        return Tally(dict(sorted(total.items())), failed)

    def _visit(self, count: Counter[str]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_PATIENCE)
        while not self._stop.wait(_EVERY):
            count[_ask(connection)] += 1
        connection.close()


def _ask(connection: http.client.HTTPConnection) -> str:
    """The version that answered in time. A connection that was closed opens itself again."""
    began = time.monotonic()
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        version = page(answer.read(4096))
    except (OSError, http.client.HTTPException):
        connection.close()
        return _FAILED
    in_time = time.monotonic() - began < _PATIENCE
    return version if answer.status == HTTPStatus.OK and in_time else _FAILED

"""Somebody who reloads the page all the time, and remembers what it said when."""

import http.client
import threading
import time
from dataclasses import dataclass
from itertools import pairwise
from types import TracebackType
from typing import Self

from moorline.cli.demo.images import page

__all__ = ["Look", "Visitor"]

NOTHING = ""
_EVERY = 0.02
_PATIENCE = 0.15
"""A connection that is made while a container starts may hang for a second; the next one does not.
"""


@dataclass(frozen=True, slots=True)
class Look:
    """From `since` on (monotonic seconds) the page said `version`; "" is no answer."""

    since: float
    version: str


class Visitor:
    """Looks at one port of this machine for as long as the block lasts."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._stop = threading.Event()
        self._looks: list[Look] = [Look(time.monotonic(), NOTHING)]
        self._thread = threading.Thread(target=self._run, name="visitor", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=2 * _PATIENCE)

    def says(self, version: int) -> bool:
        """Whether the page says this version now."""
        return self._looks[-1].version == str(version)

    def settled(self, *, after: float) -> float:
        """Seconds from `after` to the answer that still stands."""
        return max(0.0, self._looks[-1].since - after)

    def silent(self, *, after: float) -> float:
        """For how many seconds since then nothing answered."""
        looks = [*self._looks, Look(time.monotonic(), NOTHING)]
        return sum(
            max(0.0, following.since - max(look.since, after))
            for look, following in pairwise(looks)
            if look.version == NOTHING
        )

    def _run(self) -> None:
        while not self._stop.wait(_EVERY):
            version = self._ask()
            if version != self._looks[-1].version:
                self._looks.append(Look(time.monotonic(), version))

    def _ask(self) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_PATIENCE)
        try:
            connection.request("GET", "/")
            return page(connection.getresponse().read(4096))
        except (OSError, http.client.HTTPException):
            return NOTHING
        finally:
            connection.close()

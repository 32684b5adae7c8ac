"""Somebody who asks for a page over and over, and keeps count of what did not come.

    python visitor.py PORT [PATH]

A process of its own, so that it can be run where the service is, and is not slowed down. It asks
until its standard input ends, and then prints what it has seen as JSON.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

__all__ = ["Visitor", "Visits", "unnoticed"]

PAUSE = 0.01
PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Visits:
    """What a visitor has seen."""

    asked: int
    answers: frozenset[str]
    failed: tuple[str, ...]


class Visitor:
    """Asks 127.0.0.1:port from now on; `prefix` is a program that runs it."""

    def __init__(self, port: int, *, path: str = "/", prefix: Sequence[str] = ()) -> None:
        command = [*prefix, sys.executable, str(Path(__file__)), str(port), path]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def leave(self) -> Visits:
        """Have it stop; returns what it saw."""
        told, _ = self._process.communicate(timeout=2 * PATIENCE)
        asked, answers, failed = json.loads(told)
        return Visits(asked, frozenset(answers), tuple(failed))


@contextmanager
def unnoticed(port: int, *, seamless: bool = True, prefix: Sequence[str] = ()) -> Iterator[None]:
    """What happens in the block must not cost a visitor of this port one page, if it is to be
    `seamless`.
    """
    if not seamless:
        yield
        return
    visitor = Visitor(port, prefix=prefix)
    try:
        yield
    finally:
        visits = visitor.leave()
    assert visits.failed == (), f"{len(visits.failed)} of {visits.asked} failed"


def _ask(port: int, path: str) -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read().decode().strip()
    finally:
        connection.close()
    if answer.status != 200:
        raise HTTPException(f"status {answer.status}")
    return text


def main(port: int, path: str = "/") -> None:
    told_to_stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), told_to_stop.set()), daemon=True).start()
    asked, answers, failed = 0, set(), []
    while not told_to_stop.wait(PAUSE):
        began = time.time()
        asked += 1
        try:
            answers.add(_ask(port, path))
        except (OSError, HTTPException) as error:
            moment = time.strftime("%H:%M:%S", time.localtime(began))
            failed.append(f"{moment} {time.time() - began:.2f} s: {error!r}")
    print(json.dumps([asked, sorted(answers), failed]))


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])

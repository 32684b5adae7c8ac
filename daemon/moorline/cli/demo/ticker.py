"""Doing something again and again, beside what happens meanwhile."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["ticking"]


@contextmanager
def ticking(act: Callable[[], None], *, every: float) -> Iterator[None]:
    """Call `act` every so many seconds for as long as the block lasts."""
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(every):
            act()

    thread = threading.Thread(target=run, name="ticker", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()

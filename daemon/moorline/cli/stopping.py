"""SIGINT and SIGTERM for a verb that must not be torn apart: it leaves off between two steps."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

__all__ = ["Stop", "stopping"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(slots=True)
class Stop:
    """`event` is set once the process was told to stop, `signal` says by which signal."""

    event: threading.Event = field(default_factory=threading.Event)
    signal: int = 0

    @property
    def exit_code(self) -> int:
        """130 for Ctrl-C, as shells have it; 1 for everything else."""
        return 130 if self.signal == signal.SIGINT else 1


@contextmanager
def stopping() -> Iterator[Stop]:
    """Let the first signal ask; a second one ends the process there and then."""
    stop = Stop()

    def ask(number: int, _frame: FrameType | None) -> None:
        stop.signal = number
        stop.event.set()
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_DFL)

    before = {number: signal.signal(number, ask) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

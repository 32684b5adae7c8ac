"""Signals as words for the main thread to read.

The kernel may hand a signal to any thread, and Python runs its handler in the main one, which may
be asleep and stay so. What the interpreter writes to a socket wakes whoever reads there.
"""

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

__all__ = ["Signals"]


class Signals:
    """Works while `caught()` is open, which is once."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._writer.settimeout(0)

    @contextmanager
    def caught(self, *numbers: signal.Signals) -> Iterator[None]:
        """Have these signals be read instead of ending the process."""
        before = {number: signal.signal(number, _ignore) for number in numbers}
        # a hundred signals that nobody has read yet say what the first one says
        fd = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(fd)
            for number, handler in before.items():
                signal.signal(number, handler)
            self._reader.close()
            self._writer.close()

    def next(self) -> int:
        """Wait for the next signal and return its number; 0 after `ring`."""
        return self._reader.recv(1)[0]

    def ring(self) -> None:
        """Wake the reader for another reason, from any thread."""
        with suppress(OSError):  # full, so that it wakes anyway; or closed, and nobody reads
            self._writer.send(b"\0")


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """SIG_IGN would keep the interpreter from seeing the signal at all."""

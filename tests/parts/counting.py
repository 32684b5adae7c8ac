"""A port of this machine that stands for another one, and counts the bytes that pass."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.parts.relay import Forward

__all__ = ["Count", "counted"]


@dataclass(slots=True)
class Count:
    """Bytes of both directions since the last reset."""

    bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, more: int) -> None:
        with self._lock:
            self.bytes += more

    def reset(self) -> None:
        with self._lock:
            self.bytes = 0


class _Counted(socket.socket):
    """A connection that counts what goes through it."""

    count: Count

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        data = super().recv(size, flags)
        self.count.add(len(data))
        return data

    def sendall(self, data: bytes, flags: int = 0, /) -> None:  # type: ignore[override]  # any buffer, there
        super().sendall(data, flags)
        self.count.add(len(data))


@contextmanager
def counted(address: str) -> Iterator[tuple[str, Count]]:
    """Stand for `host:port`; yields another address of the same, and the count."""
    host, _, port = address.rpartition(":")
    count = Count()

    def reach() -> socket.socket:
        far = _Counted(socket.AF_INET)
        far.count = count
        far.connect((host, int(port)))
        return far

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    forward = Forward(listener, reach)
    yield f"127.0.0.1:{listener.getsockname()[1]}", count
    forward.close()

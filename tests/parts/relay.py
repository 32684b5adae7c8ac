"""A Unix socket that stands for another one, and can be cut off and come back."""

import socket
import threading
from contextlib import suppress
from pathlib import Path

__all__ = ["Relay"]


class Relay:
    """Passes bytes between connections to `front` and ones to `back`, while it is open."""

    def __init__(self, front: Path, back: Path) -> None:
        self._front = front
        self._back = back
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def open(self) -> None:
        """Accept connections from now on."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self._front))
        listener.listen(64)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        """End every connection, and refuse new ones."""
        if self._listener is None:
            return
        self._front.unlink()
        with self._lock:
            for each in (self._listener, *self._open):
                _end(each)
            self._open.clear()
        self._listener = None

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(str(self._back))
                with self._lock:
                    self._open |= {near, far}
                for source, target in ((near, far), (far, near)):
                    pump = threading.Thread(target=self._pump, args=(source, target), daemon=True)
                    pump.start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
            return
        with self._lock:
            self._open -= {source, target}
        _end(source)
        _end(target)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()

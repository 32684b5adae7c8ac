"""A Unix socket that stands for another one: it can be cut off, fall silent, and come back."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

__all__ = ["Direction", "Forward", "Relay"]

Direction = Literal["requests", "answers"]


class Forward:
    """Passes bytes between what connects to a listening socket and what `connect` gives."""

    def __init__(self, listener: socket.socket, connect: Callable[[], socket.socket]) -> None:
        self._listener = listener
        self._connect = connect
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._flowing = {"requests": threading.Event(), "answers": threading.Event()}
        self.held = 0
        """How many connections were made since it fell silent."""
        self.resume()
        threading.Thread(target=self._accept, daemon=True).start()

    def hang(self, direction: Direction) -> None:
        """Accept connections and bytes, and pass none on in one direction."""
        self.held = 0
        self._flowing[direction].clear()

    def resume(self) -> None:
        """Pass on what was held back, and everything from now on."""
        for each in self._flowing.values():
            each.set()

    def close(self) -> None:
        """End every connection, and refuse new ones."""
        with self._lock:
            for each in (self._listener, *self._open):
                _end(each)
            self._open.clear()
        self.resume()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self.held += not self._flowing["requests"].is_set()
                self._join(near)

    def _join(self, near: socket.socket) -> None:
        try:
            far = self._connect()
        except OSError:
            _end(near)
            return
        with self._lock:
            self._open |= {near, far}
        requests, answers = self._flowing["requests"], self._flowing["answers"]
        for ends in ((near, far, requests), (far, near, answers)):
            threading.Thread(target=self._pump, args=ends, daemon=True).start()

    def _pump(
        self, source: socket.socket, target: socket.socket, flowing: threading.Event
    ) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                flowing.wait()
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
            return
        with self._lock:
            self._open -= {source, target}
        _end(source)
        _end(target)


class Relay:
    """Stands at `front` for the socket at `back`, while it is open."""

    def __init__(self, front: Path, back: Path) -> None:
        self._front = front
        self._back = back
        self._forward: Forward | None = None

    @property
    def held(self) -> int:
        """How many connections were made since it fell silent."""
        return self._forward.held if self._forward else 0

    def open(self) -> None:
        """Accept connections from now on."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self._front))
        listener.listen(128)
        self._forward = Forward(listener, self._reach)

    def cut(self) -> None:
        """End every connection, and refuse new ones."""
        if self._forward is None:
            return
        self._front.unlink()
        self._forward.close()
        self._forward = None

    def hang(self, direction: Direction = "requests") -> None:
        """Accept connections, and never answer: either nothing is asked at the other end, or it
        is asked, acts, and its answer is kept back.
        """
        assert self._forward
        self._forward.hang(direction)

    def resume(self) -> None:
        """Answer again, first of all what was asked meanwhile."""
        assert self._forward
        self._forward.resume()

    def _reach(self) -> socket.socket:
        far = socket.socket(socket.AF_UNIX)
        far.connect(str(self._back))
        return far


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()

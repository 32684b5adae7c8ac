"""The two ingresses that one contract test is run against, each with hands to disturb it."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from moorline.adapters.ingress import HaproxyIngress
from moorline.adapters.ingress_port import Ingress
from moorline.core.traffic import Check, Listener, Route
from tests.fakes.ingress import FakeIngress
from tests.parts.haproxy import LocalHaproxy, short_folder
from tests.parts.sshd import free_port

__all__ = [
    "Haproxy",
    "World",
    "fake_world",
    "listening",
    "make_certificate",
    "real_world",
    "route",
]


def route(
    *listeners: Listener,
    service: str = "web",
    environment: str = "production",
    mode: Literal["http", "tcp"] = "http",
    path: str = "",
    slow_after: float | None = None,
) -> Route:
    return Route(
        environment=environment,
        service=service,
        listeners=listeners,
        mode=mode,
        check=Check(path=path),
        slow_after=slow_after,
    )


class Hands(Protocol):
    """What the surroundings do."""

    def take(self, port: int) -> None:
        """Have another program listen on a port."""
        ...

    def give(self, certificate: str, *, broken: bool = False) -> None:
        """Put a new certificate on the host."""
        ...

    def silence(self) -> None:
        """End it, so that it cannot be started again."""
        ...


@dataclass
class World:
    """An ingress under test."""

    ingress: Ingress
    hands: Hands
    port: int = field(default_factory=free_port)
    behind: int = field(default_factory=free_port)

    def route(self, *, path: str = "", slow_after: float | None = None, tls: str = "") -> Route:
        """A route with one listener."""
        listener = Listener(host_port=self.port, container_port=self.behind, certificate=tls)
        return route(listener, path=path, slow_after=slow_after)


class _FakeHands:
    def __init__(self, ingress: FakeIngress) -> None:
        self._ingress = ingress
        self._given = 0

    def take(self, port: int) -> None:
        self._ingress.taken.add(port)

    def give(self, certificate: str, *, broken: bool = False) -> None:
        self._given += 1
        self._ingress.certificates[certificate] = "broken" if broken else str(self._given)

    def silence(self) -> None:
        self._ingress.answers = False


def fake_world() -> World:
    ingress = FakeIngress()
    return World(ingress=ingress, hands=_FakeHands(ingress))


@dataclass
class Haproxy:
    """A real HAProxy without an engine, and what belongs to it."""

    folder: Path
    keeper: LocalHaproxy
    taken: list[socket.socket] = field(default_factory=list)

    @property
    def certificates(self) -> Path:
        return self.folder / "host"

    def ingress(self, *, patience: float = 10.0) -> HaproxyIngress:
        """A new adapter, as after a restart of the daemon."""
        return HaproxyIngress(
            self.folder / "ingress",
            keeper=self.keeper,
            certificates=self.certificates,
            patience=patience,
        )

    def take(self, port: int) -> None:
        self.taken.append(socket.create_server(("127.0.0.1", port)))

    def give(self, certificate: str, *, broken: bool = False) -> None:
        self.certificates.mkdir(exist_ok=True)
        path = self.certificates / f"{certificate}.pem"
        if broken:
            path.write_text("no certificate\n")
        else:
            make_certificate(path)

    def silence(self) -> None:
        self.keeper.broken = True
        self.keeper.kill()


@contextmanager
def listening() -> Iterator[Haproxy]:
    """An HAProxy that is ended, with its folder, after the test."""
    with short_folder() as folder:
        (folder / "ingress").mkdir()
        made = Haproxy(folder, LocalHaproxy(folder / "ingress"))
        try:
            yield made
        finally:
            made.keeper.kill()
            for each in made.taken:
                each.close()


@contextmanager
def real_world() -> Iterator[World]:
    with listening() as haproxy:
        yield World(ingress=haproxy.ingress(), hands=haproxy)


def make_certificate(path: Path) -> None:
    """A certificate for localhost and its key, in one file."""
    key = path.with_suffix(".key")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "1", "-subj", "/CN=localhost", "-keyout", str(key)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    path.write_text(done.stdout + key.read_text())
    key.unlink()

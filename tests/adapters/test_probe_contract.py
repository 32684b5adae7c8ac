"""What every prober owes the agent: the fake and the real one alike."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from moorline.adapters.ports import Prober
from moorline.adapters.probe import SocketProber
from tests.fakes.prober import FakeProber
from tests.parts.stub_http import Reply, Request, serving

TIMEOUT = 5.0


@dataclass(frozen=True)
class World:
    """A prober, and targets for it: `url(status)` answers, `hangs` never does."""

    prober: Prober
    url: Callable[[int], str]
    hangs: str
    closed: str
    address: str


@pytest.fixture(params=["fake", "real"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "fake":
        yield _fake()
        return
    with ExitStack() as stack:
        yield _real(stack)


def _fake() -> World:
    prober = FakeProber()

    def url(status: int) -> str:
        prober.answer(f"http://10.0.0.1/{status}", status)
        return f"http://10.0.0.1/{status}"

    prober.listen("10.0.0.1:80")
    prober.hang("http://10.0.0.1/hangs")
    return World(prober, url, "http://10.0.0.1/hangs", "10.0.0.1:1", "10.0.0.1:80")


def _real(stack: ExitStack) -> World:
    released = threading.Event()

    def respond(request: Request) -> Reply | None:
        if request.path == "/hangs":
            released.wait(60)
            return None
        return Reply(int(request.path.strip("/")), headers={"Location": "http://127.0.0.1:1/"})

    stub = stack.enter_context(serving(respond))
    # before the server is shut down, which waits for its threads
    stack.callback(released.set)
    base = f"http://{stub.address}"
    return World(
        SocketProber(), lambda status: f"{base}/{status}", f"{base}/hangs", _closed(), stub.address
    )


def _closed() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize(
    ("status", "ok"), [(200, True), (204, True), (302, True), (404, False), (503, False)]
)
def test_the_status_decides(world: World, status: int, ok: bool) -> None:  # noqa: FBT001
    result = world.prober.http(world.url(status), timeout=TIMEOUT)
    assert result.ok is ok
    assert result.detail.startswith(str(status))


def test_nothing_that_listens_is_not_well(world: World) -> None:
    for result in (
        world.prober.http(f"http://{world.closed}/", timeout=TIMEOUT),
        world.prober.tcp(world.closed, timeout=TIMEOUT),
    ):
        assert (result.ok, result.detail) == (False, "Connection refused")


def test_an_answer_that_does_not_come_is_not_well(world: World) -> None:
    result = world.prober.http(world.hangs, timeout=0.2)
    assert (result.ok, result.detail) == (False, "timed out")


def test_a_connection_is_enough_for_tcp(world: World) -> None:
    assert world.prober.tcp(world.address, timeout=TIMEOUT).ok

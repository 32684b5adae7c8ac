"""Many small HTTP servers that are fast enough to be put under load, and a load for them."""

import asyncio
import http.client
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

__all__ = ["Load", "WebService", "get", "load", "serving_versions"]

DELAY = 0.3


@dataclass(slots=True)
class WebService:
    """Answers each GET with its name: at once, after `DELAY` for /slow, with 500 for /error.

    `healthy` is what it says at /health; `seen` are the heads of the requests that it got.
    """

    name: str
    address: str
    port: int
    healthy: bool = True
    seen: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                path = head.split(" ", 2)[1]
                if path != "/health":
                    self.seen.append(head)
                if path == "/slow":
                    await asyncio.sleep(DELAY)
                writer.write(self._answer(path))
                await writer.drain()
        writer.close()

    def _answer(self, path: str) -> bytes:
        bad = path == "/error" or (path == "/health" and not self.healthy)
        status = "500 no" if bad else "200 ok"
        body = self.name.encode()
        return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@contextmanager
def serving_versions(port: int, *names: str) -> Iterator[list[WebService]]:
    """One server per name on addresses of their own (127.0.0.2, …) and one port, as containers
    are; they run on a thread until the block ends.
    """
    services = [
        WebService(name, f"127.0.0.{number}", port) for number, name in enumerate(names, start=2)
    ]
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        servers = asyncio.run_coroutine_threadsafe(_start(services), loop).result()
        yield services
        asyncio.run_coroutine_threadsafe(_end(servers), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _start(services: list[WebService]) -> list[asyncio.Server]:
    return [
        await asyncio.start_server(each.serve, each.address, each.port, backlog=1024)
        for each in services
    ]


async def _end(servers: list[asyncio.Server]) -> None:
    for server in servers:
        server.close()
    clients = [each for each in asyncio.all_tasks() if each is not asyncio.current_task()]
    for client in clients:
        client.cancel()
    await asyncio.gather(*clients, return_exceptions=True)


def get(port: int, path: str = "/", host: str = "127.0.0.1") -> tuple[int, str]:
    """One request on a connection of its own: status and body."""
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@dataclass(slots=True)
class Load:
    """What clients have seen so far."""

    answers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(self.answers.values())


@contextmanager
def load(port: int, *, clients: int = 4, keep_alive: bool = True) -> Iterator[Load]:
    """Send requests all the time, from several threads, until the block ends."""
    result, stop = Load(), threading.Event()
    lock = threading.Lock()

    def note(seen: str, failure: str) -> None:
        with lock:
            if failure:
                result.failures.append(failure)
            else:
                result.answers[seen] += 1

    threads = [
        threading.Thread(
            target=_client, args=(port, stop.is_set, note), kwargs={"kept": keep_alive}
        )
        for _ in range(clients)
    ]
    for each in threads:
        each.start()
    try:
        yield result
    finally:
        stop.set()
        for each in threads:
            each.join()


def _client(
    port: int, stopped: Callable[[], bool], note: Callable[[str, str], None], *, kept: bool
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    while not stopped():
        try:
            # a kept connection may end between two requests; that is the client's to notice,
            # and http.client then connects anew by itself
            connection.request("GET", "/")
            answer = connection.getresponse()
            body = answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            note("", f"{type(error).__name__}: {error}")
            connection.close()
            continue
        note(body, "" if answer.status == http.HTTPStatus.OK else f"{answer.status} {body[:40]}")
        if not kept:
            connection.close()
    connection.close()

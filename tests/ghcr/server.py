"""One process that answers as api.github.com and ghcr.io do."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.ghcr.access import Access, Limits
from tests.ghcr.content import Memory, Upstream
from tests.ghcr.control_api import ControlApi
from tests.ghcr.faults import Faults
from tests.ghcr.packages_api import PackagesApi
from tests.ghcr.registry_api import RegistryApi
from tests.ghcr.store import Clock, Store
from tests.parts.stub_http import Reply, Request


class Emulator:
    """What answers, and what it knows. `upstream` is a plain registry that keeps the content."""

    def __init__(self, *, clock: Clock, upstream: str | None = None) -> None:
        self.store = Store(clock)
        self.access = Access()
        self.limits = Limits(clock)
        self.faults = Faults()
        self.calls: Counter[str] = Counter()
        self.content = Upstream(upstream) if upstream else Memory()
        self._packages = PackagesApi(self.store, self.access, self.limits, self.faults)
        self._registry = RegistryApi(self.store, self.content, self.access, self.faults)
        self._control = ControlApi(self.store, self.content, self.access, self.faults, self.calls)
        self._lock = threading.Lock()

    def at(self, root: str) -> None:
        """Say where all this is: answers hold addresses."""
        self._packages.root = self._registry.root = root

    def respond(self, request: Request) -> Reply:
        with self._lock:
            if request.path.startswith("/_emulator"):
                return self._control.respond(request)
            if request.path.startswith("/token"):
                self._count("token")
                return self._registry.token(request)
            if request.path.startswith("/v2"):
                return self._registry.respond(request, self._count)
            return self._packages.respond(request, self._count)

    def close(self) -> None:
        """Let go of the registry behind."""
        if isinstance(self.content, Upstream):
            self.content.close()

    def _count(self, kind: str) -> None:
        self.calls[kind] += 1


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, emulator: Emulator, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.emulator = emulator


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # head and body in one packet
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server  # type: ignore[mutable-override]  # no other server makes this handler

    def do_GET(self) -> None:  # the base class names it
        headers = {key.lower(): value for key, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self._body())
        reply = self.server.emulator.respond(request)
        if not reply.status:
            self.close_connection = True
            return
        self._answer(reply)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Tell the emulator's time."""
        clock = self.server.emulator.store.clock
        return formatdate(clock.now() if timestamp is None else timestamp, usegmt=True)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _answer(self, reply: Reply) -> None:
        body = reply.body if isinstance(reply.body, bytes) else b"".join(reply.body)
        self.send_response(reply.status)
        for key, value in reply.headers.items():
            self.send_header(key, value)
        if reply.status not in {204, 304}:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@contextmanager
def serving(emulator: Emulator, port: int = 0) -> Iterator[str]:
    """Serve on a port of 127.0.0.1 (any free one); yields `127.0.0.1:port`."""
    with _Server(emulator, port) as server:
        address = f"127.0.0.1:{server.server_address[1]}"
        emulator.at(f"http://{address}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield address
        finally:
            server.shutdown()
            thread.join()
            emulator.close()

"""Git's smart HTTP on the loopback: git http-backend behind a small server, and two bad ones."""

import base64
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

__all__ = ["GitHttpServer", "git_http_server", "silent_server"]


@dataclass
class GitHttpServer:
    """Serves every repository below `folder`. With `login`, only to `user:password`."""

    folder: Path
    port: int = 0
    login: str = ""
    status: int = 0
    """Answer every request with this status instead, while set."""
    location: str = ""
    """The Location header that goes with `status`."""
    authorizations: list[str] = field(default_factory=list)
    """Every Authorization header that arrived."""

    def url(self, name: str, *, user: str = "") -> str:
        return f"http://{user}{'@' if user else ''}127.0.0.1:{self.port}/{name}"


@contextmanager
def git_http_server(folder: Path, *, login: str = "") -> Iterator[GitHttpServer]:
    shared = GitHttpServer(folder, login=login)

    class Handler(_Backend):
        settings = shared

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        shared.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield shared
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def silent_server() -> Iterator[int]:
    """A port that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listener:
        yield listener.getsockname()[1]


class _Backend(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    settings: GitHttpServer

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base's own name
        """Stay quiet."""

    def _serve(self, body: bytes) -> None:
        given = self.headers.get("Authorization", "")
        if given:
            self.settings.authorizations.append(given)
        if self.settings.status:
            self._answer(self.settings.status, {"Location": self.settings.location}, b"")
        elif self.settings.login and given != _basic(self.settings.login):
            self._answer(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
        else:
            self._run_backend(body)

    def _run_backend(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.settings.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "http.receivepack",
            "GIT_CONFIG_VALUE_0": "true",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_USER": self.settings.login.partition(":")[0],
        }
        done = subprocess.run(
            ["git", "http-backend"], env=environment, input=body, capture_output=True, check=True
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        rows = (line.partition(": ") for line in head.decode().split("\r\n"))
        headers = {key: value for key, _, value in rows}
        status = int(headers.pop("Status", "200 OK").split()[0])
        self._answer(status, headers, content)

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _basic(login: str) -> str:
    return f"Basic {base64.b64encode(login.encode()).decode()}"

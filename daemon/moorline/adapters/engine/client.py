"""Connections to one engine.

Rule 1: nothing is opened before the first call, so an engine that is down is an error of that
        call and not of start-up.
Rule 2: each role has a client, and so a pool, of its own: a slow pull or the event stream never
        takes a connection away from the calls.
Rule 3: an engine that stopped answering may come back as another version: negotiate again.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import requests
from docker import APIClient
from docker.errors import DockerException, create_api_error_from_http_exception
from docker.transport import UnixHTTPAdapter
from docker.transport.unixconn import UnixHTTPConnectionPool

from moorline.adapters.engine.failures import translated
from moorline.core.values import JsonObject
from moorline.errors import EngineRefused, EngineUnreachable, InvalidConfig

__all__ = ["Connection", "Role", "post"]

Role = Literal["calls", "pulls", "events", "hooks"]

_OLDEST = (1, 41)
# The newest that the API's documentation was read for. Engines keep old versions for years, and
# a newer one may have renamed what we read.
_NEWEST = (1, 51)
_POOL = 32
_NEGOTIATION_TIMEOUT = 10


class Connection:
    """One engine's address, with the clients that were opened to it; thread-safe."""

    def __init__(self, url: str, *, timeout: float) -> None:
        self._url = url
        self._timeout = timeout
        self._lock = threading.Lock()
        self._clients: dict[Role, APIClient] = {}
        self._version = ""

    @contextmanager
    def use(self, role: Role, what: str) -> Iterator[APIClient]:
        """Lend the role's client; errors in the block are translated, naming `what` was done."""
        try:
            with translated(what):
                yield self._client(role)
        except EngineUnreachable:
            self.close()
            raise

    def close(self) -> None:
        """Let go of all connections; the next call opens new ones."""
        with self._lock:
            clients = tuple(self._clients.values())
            self._clients.clear()
            self._version = ""
        for client in clients:
            client.close()

    def _client(self, role: Role) -> APIClient:
        with self._lock:
            if role not in self._clients:
                self._version = self._version or self._negotiate()
                self._clients[role] = self._open(self._version, self._timeout)
            return self._clients[role]

    def _negotiate(self) -> str:
        with self._open("1.41", _NEGOTIATION_TIMEOUT) as client:
            answer = client.version(api_version=False)
        newest, oldest = _version(answer["ApiVersion"]), _version(answer["MinAPIVersion"])
        if newest < _OLDEST:
            raise EngineRefused(
                f"the engine is Docker {answer['Version']}, API {answer['ApiVersion']}",
                mend="moorline needs API 1.41 (Docker 20.10) or newer",
            )
        major, minor = max(oldest, min(newest, _NEWEST))
        return f"{major}.{minor}"

    def _open(self, version: str, timeout: float) -> APIClient:
        try:
            client = APIClient(
                self._url,
                version=version,
                timeout=timeout,  # type: ignore[arg-type]  # the stub says int; requests takes both
            )
        except DockerException as error:
            raise InvalidConfig(f"engine.url {self._url!r}: {error}") from error
        adapter = client.get_adapter(client.base_url)
        if isinstance(adapter, UnixHTTPAdapter):
            client.mount(client.base_url, _OnePool(adapter.socket_path))
        return client


class _OnePool(UnixHTTPAdapter):
    """The SDK's adapter for Unix sockets, with one pool of connections per client.

    The SDK's own keeps a pool for each URL and closes the 26th last used: connections are hardly
    ever used twice, and with many threads one may find its pool closed under it.
    """

    def __init__(self, socket_path: str) -> None:
        super().__init__(f"http+unix://{socket_path}", max_pool_size=_POOL)

    def get_connection(
        self, url: str | bytes, proxies: Mapping[str, str] | None = None
    ) -> UnixHTTPConnectionPool:
        del url
        return super().get_connection("http+docker://localhost", proxies)


def post(
    client: APIClient,
    path: str,
    body: JsonObject,
    *,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    stream: bool = False,
    timeout: float | None = None,
) -> requests.Response:
    """POST a request in the engine's own words, where the SDK has no or only a narrower method."""
    response = client.post(
        f"{client.base_url}/v{client.api_version}{path}",
        json=body,
        params=params,
        headers=headers,
        stream=stream,
        timeout=timeout or client.timeout,
    )
    try:
        response.raise_for_status()
    except requests.HTTPError as error:
        create_api_error_from_http_exception(error)
    return response


def _version(text: str) -> tuple[int, int]:
    major, minor = text.split(".")
    return int(major), int(minor)

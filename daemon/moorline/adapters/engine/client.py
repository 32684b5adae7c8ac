"""Connections to one engine.

Rule 1: nothing is opened before the first call, so an engine that is down is an error of that
        call and not of start-up.
Rule 2: each role has a client, and so a pool, of its own: a slow pull or the event stream never
        takes a connection away from the calls.
Rule 3: an engine that stopped answering may come back as another version: negotiate again.
Rule 4: nothing waits for ever. Where the SDK sets no deadline, `SILENCE` is one.
Rule 5: an engine that shuts down accepts no new connections, and then stops its containers, while
        on old ones it goes on answering. What only a dying engine would say is therefore believed
        after a new connection was accepted, and not before.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Literal

import requests
from docker import APIClient
from docker.errors import DockerException, create_api_error_from_http_exception
from docker.transport import UnixHTTPAdapter
from docker.transport.unixconn import UnixHTTPConnectionPool

from moorline.adapters.engine.failures import translated
from moorline.core.values import JsonObject
from moorline.errors import EngineRefused, EngineUnreachable, InvalidConfig, Stalled

__all__ = ["SILENCE", "Connection", "Role", "post"]

Role = Literal["calls", "pulls", "events", "hooks"]

_OLDEST = (1, 41)
# The newest that the API's documentation was read for. Engines keep old versions for years, and
# a newer one may have renamed what we read.
_NEWEST = (1, 51)
_POOL = 32
_NEGOTIATION_TIMEOUT = 10.0
SILENCE = 300.0
"""Seconds. The event stream may well be idle for longer: then it is opened anew, which costs one
look at the host."""


class Connection:
    """One engine's address, with the clients that were opened to it; thread-safe."""

    def __init__(self, url: str, *, timeout: float, silence: float = SILENCE) -> None:
        self._url = url
        self._timeout = timeout
        self._silence = silence
        self._lock = threading.Lock()
        self._clients: dict[Role, APIClient] = {}
        self._version = ""

    @contextmanager
    def use(self, role: Role, what: str) -> Iterator[APIClient]:
        """Lend the role's client; errors in the block are translated, naming `what` was done."""
        try:
            with self._doubted(what), translated(what):
                yield self._client(role)
        except EngineUnreachable:
            self.close()
            raise

    def confirm(self, what: str) -> None:
        """Raise EngineUnreachable, unless the engine accepts a new connection."""
        # every other complaint is for the call itself to make
        with suppress(Stalled), translated(what), self._open("1.41", self._brief) as client:
            client.version(api_version=False)

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

    @contextmanager
    def _doubted(self, what: str) -> Iterator[None]:
        """Believe a refusal of an engine that is not about to end."""
        try:
            yield
        except EngineRefused:
            self.confirm(what)
            raise

    @property
    def _brief(self) -> float:
        return min(self._timeout, _NEGOTIATION_TIMEOUT)

    def _negotiate(self) -> str:
        with self._open("1.41", self._brief) as client:
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
            client = _Client(self._url, version, timeout=timeout, silence=self._silence)
        except DockerException as error:
            raise InvalidConfig(f"engine.url {self._url!r}: {error}") from error
        adapter = client.get_adapter(client.base_url)
        if isinstance(adapter, UnixHTTPAdapter):
            client.mount(client.base_url, _OnePool(adapter.socket_path))
        return client


class _Client(APIClient):
    """The SDK's client, which waits for ever for events, and for some answers."""

    def __init__(self, url: str, version: str, *, timeout: float, silence: float) -> None:
        # first: requests are made in there
        self._silence = silence
        super().__init__(
            url,
            version=version,
            timeout=timeout,  # type: ignore[arg-type]  # the stub says int; requests takes both
        )

    def request(  # type: ignore[override]  # the stub spells out what is only handed on here
        self, method: str, url: str, *, timeout: float | None = None, **options: object
    ) -> requests.Response:
        return super().request(method, url, timeout=timeout or self._silence, **options)  # type: ignore[arg-type]


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

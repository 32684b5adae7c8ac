"""The Metrics port on a Prometheus server, or whatever speaks its HTTP API."""

import math
import threading
from collections.abc import Iterable

import httpx
import msgspec

from moorline import __version__
from moorline.adapters.metrics_port import Measurement

__all__ = ["Prometheus"]

_LONGEST = 1 << 20
_TROUBLE_LENGTH = 200


class _Data(msgspec.Struct):
    result_type: str = msgspec.field(name="resultType")
    result: list[object]


class _Answer(msgspec.Struct):
    status: str
    data: _Data | None = None
    error: str = ""


class Prometheus:
    """See the port `Metrics`. Thread-safe; constructing it connects to nothing.

    `timeout` bounds the connect and each wait for bytes, and what the server may spend on it.
    """

    def __init__(self, url: str, *, timeout: float = 2.0) -> None:
        self._url = f"{url.rstrip('/')}/api/v1/query"
        self._timeout = timeout
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None

    def query(self, text: str) -> Measurement:
        try:
            answer = msgspec.json.decode(self._ask(text), type=_Answer)
        except (httpx.HTTPError, httpx.InvalidURL, msgspec.DecodeError, _TooLong) as error:
            return _trouble(str(error) or type(error).__name__)
        if answer.status != "success" or answer.data is None:
            return _trouble(answer.error or f"status {answer.status}")
        numbers = [each for each in _numbers(answer.data) if not math.isnan(each)]
        return Measurement(value=max(numbers)) if numbers else _trouble("the query has no data")

    def close(self) -> None:
        """Let go of all connections; a later query opens new ones."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _ask(self, text: str) -> bytes:
        parameters = {"query": text, "timeout": f"{self._timeout:g}s"}
        with self._open().stream("GET", self._url, params=parameters) as response:
            body = b""
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > _LONGEST:
                    raise _TooLong("the answer is longer than 1 MiB")
        return body

    def _open(self) -> httpx.Client:
        with self._lock:
            if self._client is None:
                headers = {"User-Agent": f"moorline/{__version__}"}
                self._client = httpx.Client(timeout=self._timeout, headers=headers)
            return self._client


class _TooLong(Exception):
    """More bytes than a number needs."""


def _trouble(words: str) -> Measurement:
    return Measurement(trouble=f"prometheus: {' '.join(words.split())[:_TROUBLE_LENGTH]}")


def _numbers(data: _Data) -> Iterable[float]:
    """The numbers of a scalar or a vector; nothing else is a number."""
    pairs: list[object] = []
    if data.result_type == "scalar":
        pairs = [data.result]
    if data.result_type == "vector":
        pairs = [each.get("value") for each in data.result if isinstance(each, dict)]
    for pair in pairs:
        match pair:
            case [_, str(text)]:
                yield _number(text)
            case _:
                continue


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan

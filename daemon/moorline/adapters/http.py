"""HTTP as the clients of registries and of GitHub's API need it.

Not an adapter of its own. Broken connections and a server's passing failures are tried again,
short waits that a server asks for are waited out, bodies are bounded, cookies are never kept, and
whatever goes wrong on the way is a RegistryUnreachable.
"""

import ipaddress
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    retry_if_result,
    stop_after_attempt,
    wait_random_exponential,
)

from moorline import __version__
from moorline.adapters.answer import Answer, asked_patience, one_line
from moorline.errors import RateLimited, RegistryUnreachable

__all__ = ["MAX_BODY", "Answer", "Transport", "asked_patience", "is_loopback", "one_line"]

MAX_BODY = 4 << 20
"""The largest manifest that registries have to take; other answers are smaller by far."""

_ATTEMPTS = 3
# a time-out is not repeated: three of them would take too long
_PASSING = (httpx.NetworkError, httpx.RemoteProtocolError)
_PASSING_STATUS = frozenset({500, 502, 503, 504})
_SAFE = frozenset({"GET", "HEAD"})
_MENDS = {
    "CERTIFICATE_VERIFY_FAILED": "where its CA is a private one, name it in registry.ca_file",
    "WRONG_VERSION_NUMBER": "where it speaks plain HTTP, name it in registry.insecure",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    what: str
    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes | None
    limit: int
    longest: float


class Transport:
    """Sends requests. Thread-safe; constructing it connects to nothing.

    `ca_file` is trusted besides the system's certificates. `wait` waits out what a server asks
    for, up to `patience` seconds per request; without it any such wait is raised as RateLimited.
    `timeout` starts anew with each byte, `longest` is for a whole body.
    """

    def __init__(
        self,
        *,
        headers: Mapping[str, str],
        timeout: float = 30,
        longest: float = 300,
        ca_file: Path | None = None,
        wait: Callable[[float], None] | None = None,
        patience: float = 60,
    ) -> None:
        self._headers = {"User-Agent": f"moorline/{__version__}", **headers}
        self._timeout = timeout
        self._longest = longest
        self._ca_file = ca_file
        self._wait = wait
        self._patience = patience if wait else 0.0
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None

    def close(self) -> None:
        """Let go of all connections; a later request opens new ones."""
        with self._lock:
            client, self._client = self._client, None
        if client:
            client.close()

    def ask(
        self,
        method: str,
        url: str,
        *,
        what: str,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        limit: int = MAX_BODY,
    ) -> Answer:
        """Send a request; any status is an answer, but for those that ask for patience.

        Redirects are followed for GET and HEAD, and take no Authorization to another origin.
        `what` opens every error's message.
        """
        question = _Question(
            what=what,
            method=method,
            url=url,
            headers=headers or {},
            content=content,
            limit=limit,
            longest=self._longest,
        )
        left = self._patience
        while True:
            answer = self._send(question)
            seconds = asked_patience(answer)
            if seconds is None:
                return answer
            if self._wait is None or seconds > left:
                raise _rate_limited(what, answer, seconds)
            left -= seconds
            self._wait(seconds)

    def _send(self, question: _Question) -> Answer:
        client = self._open()
        with _translated(question):
            return _retrying(question.method)(_once, client, question)

    def _open(self) -> httpx.Client:
        # Not in the constructor: loading the certificates takes longer than a whole command may.
        with self._lock:
            if self._client is None:
                self._client = httpx.Client(
                    headers=self._headers,
                    timeout=self._timeout,
                    verify=_trust(self._ca_file),
                    # Harbor wants a token against forgery from whoever sends its cookie back
                    cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                )
            return self._client


def is_loopback(host: str) -> bool:
    """Whether a host, without its port, is this machine: nobody on the way can listen then."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _rate_limited(what: str, answer: Answer, seconds: float) -> RateLimited:
    return RateLimited(
        f"{what}: {_host(answer.asked)} asks for patience, retry after {seconds:.0f} s",
        seconds=seconds,
    )


def _retrying(method: str) -> Retrying:
    """The last answer is an answer like any other, and the last exception is raised."""
    passing = retry_if_exception_type(_PASSING)
    # what may have been carried out is not sent twice after an answer
    failed = retry_if_result(lambda answer: method in _SAFE and _is_passing(answer))
    return Retrying(
        retry=passing | failed,
        stop=stop_after_attempt(_ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.1, max=1),
        retry_error_callback=_last,
    )


def _last(state: RetryCallState) -> object:
    return state.outcome.result() if state.outcome else None


def _is_passing(answer: Answer) -> bool:
    return answer.status in _PASSING_STATUS and asked_patience(answer) is None


def _once(client: httpx.Client, question: _Question) -> Answer:
    request = client.build_request(
        question.method, question.url, headers=question.headers, content=question.content
    )
    follow = question.method in _SAFE
    response = client.send(request, stream=True, follow_redirects=follow)
    try:
        return _read(response, question)
    finally:
        response.close()


def _read(response: httpx.Response, question: _Question) -> Answer:
    what, limit = question.what, question.limit
    asked = (*response.history, response)[0].url
    if (asked.scheme, response.url.scheme) == ("https", "http"):
        raise RegistryUnreachable(f"{what}: {_host(asked)} redirects to plain HTTP")
    deadline = time.monotonic() + question.longest
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > limit:
            raise RegistryUnreachable(f"{what}: an answer of more than {limit} bytes")
        if time.monotonic() > deadline:
            raise RegistryUnreachable(f"{what}: {_host(asked)} does not end its answer in time")
    return Answer(
        status=response.status_code,
        headers=response.headers,
        body=bytes(body),
        asked=asked,
        url=response.url,
    )


@contextmanager
def _translated(question: _Question) -> Iterator[None]:
    what = f"{question.what}: {_netloc(question.url)}"
    try:
        yield
    except httpx.TimeoutException as error:
        raise RegistryUnreachable(f"{what} does not answer in time") from error
    # the last is a header or an address that cannot be sent
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        words = one_line(str(error)) or type(error).__name__
        mend = next((mend for sign, mend in _MENDS.items() if sign in words), "")
        raise RegistryUnreachable(f"{what}: {words}", mend=mend) from error


def _netloc(url: str) -> str:
    try:
        return one_line(urlsplit(url).netloc)
    except ValueError:
        return "a host that cannot be"


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file is None:
        return context
    try:
        context.load_verify_locations(ca_file)
    except OSError as error:  # ssl's own errors among them
        words = error.strerror or str(error)
        raise RegistryUnreachable(f"registry.ca_file: {ca_file}: {one_line(words)}") from error
    return context


def _host(url: httpx.URL) -> str:
    return url.netloc.decode()

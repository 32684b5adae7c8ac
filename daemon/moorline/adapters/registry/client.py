"""The Registry port over HTTP."""

import hashlib
import ipaddress
import ssl
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from moorline import __version__
from moorline.adapters.registry.auth import Authorizer, read_bounded
from moorline.core.image import DOCKER_HUB, Digest, ImageRef
from moorline.errors import AccessDenied, MoorlineError, NotFound, RegistryUnreachable

__all__ = ["OciRegistry"]

# Without all of these, old registries convert a manifest, and its digest changes.
_ACCEPT = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_HEADERS = {
    "Accept": ", ".join(_ACCEPT),
    "Accept-Encoding": "identity",
    "User-Agent": f"moorline/{__version__}",
}
_DOCKER_HUB_HOST = "registry-1.docker.io"
_ATTEMPTS = 3
# a time-out is not repeated: three of them would take too long
_PASSING = (httpx.NetworkError, httpx.RemoteProtocolError)


@dataclass(frozen=True, slots=True)
class _Answer:
    digest: str
    body: bytes


@dataclass(frozen=True, slots=True)
class _Session:
    client: httpx.Client
    authorizer: Authorizer


class OciRegistry:
    """See the port `Registry`. Thread-safe; constructing it connects to nothing.

    Registries on this machine and those named in `insecure` (`host` or `host:port`) are spoken
    to in plain HTTP.
    """

    def __init__(
        self,
        *,
        docker_config: Path | None = None,
        insecure: Collection[str] = (),
        timeout: float = 30,
    ) -> None:
        self._docker_config = docker_config
        self._insecure = frozenset(insecure)
        self._timeout = timeout
        self._lock = threading.Lock()
        self._session: _Session | None = None

    def close(self) -> None:
        """Let go of all connections; a later call opens new ones."""
        with self._lock:
            session, self._session = self._session, None
        if session:
            session.client.close()

    def resolve(self, image: ImageRef) -> Digest:
        with _translated(image):
            digest = self._head(image) or self._digest_of_body(image)
        if image.digest not in {None, digest}:
            raise RegistryUnreachable(f"{image}: the registry answers with digest {digest}")
        return digest

    def exists(self, image: ImageRef) -> bool:
        try:
            self.resolve(image)
        except NotFound:
            return False
        return True

    def _head(self, image: ImageRef) -> Digest | None:
        """Ask for the headers only; None where the registry does not name the digest in them."""
        try:
            return Digest(self._request("HEAD", image).digest)
        except ValueError:
            return None

    def _digest_of_body(self, image: ImageRef) -> Digest:
        answer = self._request("GET", image)
        digest = Digest(f"sha256:{hashlib.sha256(answer.body).hexdigest()}")
        if answer.digest not in {"", str(digest)}:
            raise RegistryUnreachable(
                f"{image}: the registry names digest {answer.digest}, its answer has {digest}"
            )
        return digest

    def _request(self, method: str, image: ImageRef) -> _Answer:
        """Send one request, once more with a fresh token where the registry asks for one."""
        session = self._open()
        url = f"{self._base(image.registry)}/v2/{image.repository}/manifests/{_reference(image)}"
        known = session.authorizer.known(image)
        with _sent(session.client, method, url, known) as response:
            if response.status_code != httpx.codes.UNAUTHORIZED:
                return _read(image, response)
            refused = response
        fresh = session.authorizer.answer(image, refused)
        with _sent(session.client, method, url, fresh) as response:
            return _read(image, response)

    def _base(self, registry: str) -> str:
        host = _DOCKER_HUB_HOST if registry == DOCKER_HUB else registry
        plain = registry in self._insecure or _is_loopback(registry)
        return f"{'http' if plain else 'https'}://{host}"

    def _open(self) -> _Session:
        # Not in the constructor: loading the certificates takes longer than a whole command may.
        with self._lock:
            if self._session is None:
                client = httpx.Client(
                    headers=_HEADERS,
                    timeout=self._timeout,
                    follow_redirects=True,
                    verify=ssl.create_default_context(),
                )
                authorizer = Authorizer(client, docker_config=self._docker_config)
                self._session = _Session(client, authorizer)
            return self._session


@contextmanager
def _translated(image: ImageRef) -> Iterator[None]:
    try:
        yield
    except httpx.TimeoutException as error:
        raise RegistryUnreachable(f"{image}: {image.registry} does not answer in time") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise RegistryUnreachable(f"{image}: {image.registry}: {error}") from error


@contextmanager
def _sent(
    client: httpx.Client, method: str, url: str, headers: Mapping[str, str]
) -> Iterator[httpx.Response]:
    """Send, again where the connection breaks; the body is not read yet."""
    retrying = Retrying(
        retry=retry_if_exception_type(_PASSING),
        stop=stop_after_attempt(_ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.1, max=1),
        reraise=True,
    )
    request = client.build_request(method, url, headers=headers)
    response = retrying(client.send, request, stream=True)
    try:
        yield response
    finally:
        response.close()


def _read(image: ImageRef, response: httpx.Response) -> _Answer:
    if response.status_code != httpx.codes.OK:
        raise _failure(image, response)
    body = read_bounded(response, what=str(image))
    return _Answer(response.headers.get("docker-content-digest", ""), body)


def _failure(image: ImageRef, response: httpx.Response) -> MoorlineError:
    status = response.status_code
    if status == httpx.codes.NOT_FOUND:
        return NotFound(f"{image}: not in the registry")
    if status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        return AccessDenied(
            f"{image}: {image.registry} denies access ({status})",
            mend=f"run 'docker login {image.registry}' on this host",
        )
    if status == httpx.codes.TOO_MANY_REQUESTS:
        wait = response.headers.get("retry-after", "")
        patience = f", retry after {wait[:40]} s" if wait else ""
        return RegistryUnreachable(f"{image}: {image.registry} asks for patience{patience}")
    return RegistryUnreachable(f"{image}: {image.registry} answers {status}")


def _reference(image: ImageRef) -> str:
    return str(image.digest or image.tag or "latest")


def _is_loopback(registry: str) -> bool:
    host = urlsplit(f"//{registry}").hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

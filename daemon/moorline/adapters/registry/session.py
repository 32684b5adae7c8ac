"""Requests to a registry: where it is, and logged in as it asks for."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

import httpx

from moorline.adapters.http import MAX_BODY, Answer, Transport, is_loopback, one_line
from moorline.adapters.registry.auth import Actions, Authorizer
from moorline.adapters.registry.failures import Failures
from moorline.core.image import DOCKER_HUB, ImageRef

__all__ = ["Session", "base_url", "same_origin"]

_DOCKER_HUB_HOST = "registry-1.docker.io"
_WARNING = re.compile(r'299 - "((?:[^"\\]|\\.)*)"')
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One way to the registries. Thread-safe."""

    transport: Transport
    authorizer: Authorizer
    failures: Failures
    insecure: Collection[str] = ()
    """Registries (`host` or `host:port`) spoken to in plain HTTP besides those on this machine."""
    remark: Callable[[str], None] = field(default=lambda _: None)
    """Hears what a registry warns of."""

    def ask(
        self,
        method: str,
        image: ImageRef,
        path: str,
        *,
        actions: Actions = "pull",
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        limit: int = MAX_BODY,
    ) -> Answer:
        """Ask about `path` below the image's repository (or at an address that a registry gave),
        once more with a fresh token where the registry wants one. Any status is an answer.
        """
        home = f"{base_url(image.registry, self.insecure)}/v2/{image.repository}/"
        url = urljoin(home, path) if _is_address(path) else f"{home}{path}"

        def send(login: Mapping[str, str]) -> Answer:
            sent = {**(headers or {}), **login}
            return self.transport.ask(
                method, url, what=str(image), headers=sent, content=content, limit=limit
            )

        if not same_origin(url, home):  # where an upload goes, say: never with our token
            return send({})
        answer = send(self.authorizer.known(image, actions))
        # whom we were redirected to has no say in where the credentials go
        if answer.status == httpx.codes.UNAUTHORIZED and same_origin(str(answer.url), home):
            answer = send(self.authorizer.answer(image, actions, answer))
        self._heed(image, answer)
        return answer

    def _heed(self, image: ImageRef, answer: Answer) -> None:
        for header in answer.headers.get_list("warning"):
            for words in _WARNING.findall(header):
                self.remark(f"{image.registry} warns: {one_line(words)}")


def base_url(registry: str, insecure: Collection[str]) -> str:
    """Where a registry is. Plain HTTP only for this machine and what is named."""
    host = _DOCKER_HUB_HOST if registry == DOCKER_HUB else registry
    plain = registry in insecure or is_loopback(urlsplit(f"//{registry}").hostname or "")
    return f"{'http' if plain else 'https'}://{host}"


def same_origin(one: str, other: str) -> bool:
    """Whether both have the same scheme, host and port."""
    try:
        return _origin(one) == _origin(other)
    except ValueError:
        return False


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").rstrip("."), port


def _is_address(path: str) -> bool:
    return path.startswith(("/", "http://", "https://"))

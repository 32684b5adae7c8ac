"""Requests to GitHub's REST API: whose package it is, with the token, and with patience."""

import re
from collections.abc import Callable
from urllib.parse import quote, urlsplit

import httpx

from moorline.adapters.answer import Answer, one_line
from moorline.adapters.ghcr.failures import failure
from moorline.adapters.ghcr.reading import owner_type
from moorline.adapters.http import Transport, is_loopback
from moorline.core.image import ImageRef
from moorline.errors import AccessDenied, NotFound, RateLimited, RegistryRefused

__all__ = ["HEADERS", "Api"]

HEADERS = {
    "Accept": "application/vnd.github+json",
    "Accept-Encoding": "gzip",
    "X-GitHub-Api-Version": "2022-11-28",
}
_TOKEN = re.compile(r"[\x21-\x7e]+", re.ASCII)
# a page of versions with thousands of tags each
_LIMIT = 32 << 20
_FIRST_GUESS = "orgs"
_PREFIXES = {"Organization": "orgs", "User": "users"}
# GitHub's own advice for a limit that lasts: at least a minute, longer each time
_MINUTE = 60.0


class Api:
    """Thread-safe. `token` is asked before each request; `wait` waits out limits, all in all
    `patience` seconds a request; without it each is raised.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        root: str,
        registry: str,
        token: Callable[[], str | None],
        wait: Callable[[float], None] | None,
        patience: float,
    ) -> None:
        self._transport = transport
        self._root = root.rstrip("/")
        self._registry = registry
        self._token = token
        self._wait = wait
        self._patience = patience
        self._prefixes: dict[str, str] = {}

    def of_package(
        self, method: str, image: ImageRef, path: str = "", *, etag: str = ""
    ) -> Answer:
        """Ask about a package. Most owners are organisations: whether this one is a user is asked
        only where there is no such organisation's package.
        """
        owner, _ = self._names(image)
        known = self._prefixes.get(owner)
        prefix = known or _FIRST_GUESS
        answer = self._of(prefix, method, image, path, etag)
        if answer.status < httpx.codes.BAD_REQUEST:
            self._prefixes[owner] = prefix
        if answer.status != httpx.codes.NOT_FOUND or known:
            return answer
        self._prefixes[owner] = prefix = self._prefix(image, owner)
        return answer if prefix == _FIRST_GUESS else self._of(prefix, method, image, path, etag)

    def at(self, url: str, image: ImageRef, *, etag: str = "") -> Answer:
        """Ask at an address that an answer gave."""
        return self._ask("GET", url, image.name, etag)

    def _of(self, prefix: str, method: str, image: ImageRef, path: str, etag: str) -> Answer:
        owner, package = self._names(image)
        name = quote(package, safe="")
        url = f"{self._root}/{prefix}/{owner}/packages/container/{name}{path}"
        return self._ask(method, url, image.name, etag)

    def _names(self, image: ImageRef) -> tuple[str, str]:
        owner, _, package = image.repository.partition("/")
        if image.registry != self._registry:
            raise RegistryRefused(f"{image.name}: {self._registry} is what GitHub's API manages")
        try:
            is_name = ImageRef.parse(image.name).name == image.name
        except ValueError:
            is_name = False
        if not is_name:  # whoever made it need not have parsed it
            raise NotFound(f"{one_line(image.name)}: not a repository name")
        if not package:
            raise NotFound(f"{image.name}: packages there are named OWNER/NAME")
        return owner, package

    def _prefix(self, image: ImageRef, owner: str) -> str:
        answer = self._ask("GET", f"{self._root}/users/{owner}", image.name)
        if answer.status == httpx.codes.NOT_FOUND:
            raise NotFound(f"{image.name}: there is no {owner} on GitHub")
        if answer.status != httpx.codes.OK:
            raise failure(image.name, answer)
        return _PREFIXES.get(owner_type(image.name, answer), _FIRST_GUESS)

    def _ask(self, method: str, url: str, what: str, etag: str = "") -> Answer:
        headers = {"Authorization": f"Bearer {self._secret(what)}"}
        if etag:
            headers["If-None-Match"] = etag
        waited, turn = 0.0, 0
        while True:
            try:
                return self._transport.ask(method, url, what=what, headers=headers, limit=_LIMIT)
            except RateLimited as limited:
                seconds = max(limited.seconds, _MINUTE * 2**turn if turn else 0)
                if self._wait is None or waited + seconds > self._patience:
                    raise
            self._wait(seconds)
            waited, turn = waited + seconds, turn + 1

    def _secret(self, what: str) -> str:
        if not _is_private(self._root):
            raise AccessDenied(f"{what}: github.api is no https address: {one_line(self._root)}")
        token = self._token()
        if not token:
            raise AccessDenied(
                f"{what}: no token for GitHub's API",
                mend=f"name one in github.token_file, or run 'docker login {self._registry}'",
            )
        if not _TOKEN.fullmatch(token):
            raise AccessDenied(f"{what}: the token for GitHub's API is more than one word")
        return token


def _is_private(root: str) -> bool:
    """Whether nobody on the way can read the token."""
    try:
        parts = urlsplit(root)
    except ValueError:
        return False
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    )

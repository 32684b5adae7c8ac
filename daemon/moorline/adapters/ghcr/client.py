"""The Packages port over GitHub's REST API."""

from collections.abc import Callable
from pathlib import Path

import httpx

from moorline.adapters.ghcr.api import HEADERS, Api
from moorline.adapters.ghcr.failures import (
    failure,
    is_version_missing,
    no_package,
    not_allowed,
    said,
)
from moorline.adapters.ghcr.listing import first_version, list_versions
from moorline.adapters.ghcr.reading import read_version
from moorline.adapters.http import Transport
from moorline.core.image import Digest, ImageRef
from moorline.core.retention.model import Version
from moorline.errors import NotFound, RegistryRefused, RegistryUnreachable

__all__ = ["GhcrPackages"]

_TO_DELETE = "read:packages and delete:packages"
_TO_RESTORE = "read:packages and write:packages"


class GhcrPackages:
    """See the port `Packages`. Thread-safe; constructing it connects to nothing.

    `api` is GitHub's API, `registry` the registry whose packages it manages. `token` is asked
    before each request. `wait` waits out rate limits, all in all `patience` seconds a request;
    without it they are raised.
    """

    def __init__(
        self,
        *,
        api: str,
        registry: str,
        token: Callable[[], str | None],
        timeout: float = 30,
        ca_file: Path | None = None,
        wait: Callable[[float], None] | None = None,
        patience: float = 600,
    ) -> None:
        self._transport = Transport(headers=HEADERS, timeout=timeout, ca_file=ca_file)
        self._api = Api(
            self._transport,
            root=api,
            registry=registry,
            token=token,
            wait=wait,
            patience=patience,
        )

    def close(self) -> None:
        """Let go of all connections; a later call opens new ones."""
        self._transport.close()

    def versions(
        self, image: ImageRef, progress: Callable[[int], None] = lambda _: None
    ) -> tuple[Version, ...]:
        return list_versions(self._api, image, progress=progress)

    def look(self, image: ImageRef, version: Version) -> Version | None:
        if not version.id:
            return self.find(image, Digest(version.digest))
        found = self._by_id(image, version)
        if found is not None and found.digest != version.digest:
            raise RegistryUnreachable(f"{_pin(image, version)}: GitHub answers with another")
        return found

    def find(self, image: ImageRef, digest: Digest) -> Version | None:
        return self._first(image, str(digest), deleted=False)

    def delete(self, image: ImageRef, version: Version) -> None:
        known = self._with_id(image, version, deleted=False)
        answer = self._api.of_package("DELETE", image, f"/versions/{_number(known)}")
        if answer.status == httpx.codes.NO_CONTENT:
            return
        what = _pin(image, version)
        if answer.status != httpx.codes.NOT_FOUND:
            raise failure(what, answer, _TO_DELETE)
        # a listing may be stale; but what is still there and "not found" is not ours to delete
        if not is_version_missing(answer) and self._by_id(image, known) is not None:
            raise not_allowed(what, _TO_DELETE, f"404: {said(answer)}")
        raise NotFound(f"{what}: no such version any more")

    def untag(self, image: ImageRef, tag: str) -> None:
        raise RegistryRefused(
            f"{image.name}:{tag}: {image.registry} deletes no single tag",
            mend="it has to be moved to a version that can go",
        )

    def restore(self, image: ImageRef, version: Version) -> None:
        known = self._with_id(image, version, deleted=True)
        path = f"/versions/{_number(known)}/restore"
        answer = self._api.of_package("POST", image, path)
        if answer.status == httpx.codes.NO_CONTENT:
            return
        if answer.status != httpx.codes.NOT_FOUND:
            raise failure(_pin(image, version), answer, _TO_RESTORE)
        # it may be back already: by an earlier attempt whose answer was lost
        if self._by_id(image, known) is None:
            raise _too_late(image, version)

    def _by_id(self, image: ImageRef, version: Version) -> Version | None:
        answer = self._api.of_package("GET", image, f"/versions/{_number(version)}")
        if answer.status == httpx.codes.OK:
            return read_version(image.name, answer)
        if answer.status != httpx.codes.NOT_FOUND:
            raise failure(_pin(image, version), answer)
        if "package not found" in said(answer).lower():
            raise no_package(image.name, "read:packages")
        return None

    def _with_id(self, image: ImageRef, version: Version, *, deleted: bool) -> Version:
        if version.id:
            return version
        found = self._first(image, version.digest, deleted=deleted)
        if found is None:
            gone = f"{_pin(image, version)}: no such version any more"
            raise _too_late(image, version) if deleted else NotFound(gone)
        return found

    def _first(self, image: ImageRef, digest: str, *, deleted: bool) -> Version | None:
        def is_it(version: Version) -> bool:
            return version.digest == digest

        return first_version(self._api, image, is_it, deleted=deleted)


def _pin(image: ImageRef, version: Version) -> str:
    return f"{image.name}@{version.digest}"


def _number(version: Version) -> str:
    """An id is a number, and nothing else gets into an address."""
    if not (version.id.isascii() and version.id.isdecimal()):
        raise NotFound(f"{version.id!r} is no id of a version")
    return version.id


def _too_late(image: ImageRef, version: Version) -> NotFound:
    return NotFound(
        f"{_pin(image, version)}: GitHub has nothing to restore",
        mend="it keeps what was deleted for 30 days, and shows it only to a token with "
        f"{_TO_RESTORE} whose owner is admin of the package",
    )

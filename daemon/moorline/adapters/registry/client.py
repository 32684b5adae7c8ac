"""The Registry port over HTTP."""

import json
import re
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

import httpx

from moorline.adapters.http import Answer, Transport, one_line
from moorline.adapters.registry import blobs
from moorline.adapters.registry.auth import Authorizer
from moorline.adapters.registry.cache import Cache
from moorline.adapters.registry.failures import Failures, codes_of
from moorline.adapters.registry.paging import all_tags, pages
from moorline.adapters.registry.session import Session
from moorline.core.image import Digest, ImageRef
from moorline.core.manifest import MANIFEST_TYPES, OCI_INDEX, OCI_MANIFEST, Manifest, read_manifest
from moorline.errors import NotFound, RegistryRefused, RegistryUnreachable

__all__ = ["OciRegistry"]

_ACCEPT = {"Accept": ", ".join((*MANIFEST_TYPES, "*/*;q=0.1"))}
_MEDIA_TYPE = re.compile(r"application/vnd\.[\w.+-]+", re.ASCII)
_STORED = frozenset({200, 201, 202})
_DELETED = frozenset({200, 202, 204})
_NO_REFERRERS = frozenset({404, 405, 501})


class OciRegistry:
    """See the port `Registry`. Thread-safe; constructing it connects to nothing.

    Registries on this machine and those named in `insecure` (`host` or `host:port`) are spoken
    to in plain HTTP. `cache` is a folder for what never changes, `wait` waits out what a registry
    asks for where that is short, `remark` hears its warnings, and `github` is the registry that
    answers as GitHub's does.
    """

    def __init__(
        self,
        *,
        docker_config: Path | None = None,
        insecure: Collection[str] = (),
        ca_file: Path | None = None,
        cache: Path | None = None,
        timeout: float = 30,
        wait: Callable[[float], None] | None = None,
        remark: Callable[[str], None] = lambda _: None,
        github: str = "ghcr.io",
    ) -> None:
        self._transport = Transport(
            headers={"Accept-Encoding": "identity"}, timeout=timeout, ca_file=ca_file, wait=wait
        )
        self._failures = Failures(github=github)
        self._session = Session(
            transport=self._transport,
            authorizer=Authorizer(self._transport, self._failures, docker_config=docker_config),
            failures=self._failures,
            insecure=frozenset(insecure),
            remark=remark,
        )
        self._cache = Cache(cache)

    def close(self) -> None:
        """Let go of all connections; a later call opens new ones."""
        self._transport.close()

    def resolve(self, image: ImageRef) -> Digest:
        digest = self._named(image) or self._fetch(image).digest
        if image.digest not in {None, digest}:
            raise RegistryUnreachable(f"{image}: the registry answers with digest {digest}")
        return digest

    def exists(self, image: ImageRef) -> bool:
        try:
            self.resolve(image)
        except NotFound:
            return False
        return True

    def manifest(self, image: ImageRef) -> Manifest:
        digest = image.digest or self._named(image)
        if digest is None:
            return self._fetch(image)
        return self._cache.get("manifests", digest) or self._fetch(image.pinned(digest))

    def put_manifest(self, image: ImageRef, manifest: Manifest) -> None:
        digest = manifest.digest
        if image.digest not in {None, digest}:
            raise RegistryRefused(f"{image}: these are the bytes of {digest}")
        answer = self._session.ask(
            "PUT",
            image,
            f"manifests/{image.tag or digest}",
            actions="pull,push",
            headers={"Content-Type": manifest.media_type},
            content=manifest.data,
        )
        if answer.status not in _STORED:
            raise self._failures.of(image, answer, "pull,push")
        named = answer.headers.get("docker-content-digest", "")
        if named not in {"", str(digest)}:
            raise RegistryUnreachable(
                f"{image}: the registry names digest {one_line(named)}, not {digest}"
            )
        self._cache.put("manifests", digest, manifest)

    def put_blob(self, image: ImageRef, data: bytes) -> Digest:
        return blobs.upload(self._session, image, data)

    def blob(self, image: ImageRef, digest: Digest) -> bytes:
        kept = self._cache.get("blobs", digest)
        if kept:
            return kept.data
        data = blobs.download(self._session, image, digest)
        self._cache.put("blobs", digest, Manifest("application/octet-stream", data))
        return data

    def tags(self, image: ImageRef) -> tuple[str, ...]:
        return all_tags(self._session, image)

    def referrers(self, image: ImageRef) -> tuple[Digest, ...]:
        digest = image.digest or self.resolve(image)
        path = f"referrers/{digest}"
        first = self._session.ask("GET", image, path)
        if first.status in _NO_REFERRERS or "UNSUPPORTED" in codes_of(first):
            return self._fallback(image, digest)
        found = [
            each
            for answer in pages(self._session, image, path, first)
            for each in _listed(image, Manifest(OCI_INDEX, answer.body))
        ]
        return tuple(dict.fromkeys(found))

    def delete_tag(self, image: ImageRef) -> None:
        image = image.unpinned
        answer = self._delete(image, f"manifests/{image.tag}")
        if answer.status == httpx.codes.NOT_FOUND and self.exists(image):
            raise RegistryRefused(f"{image}: {image.registry} cannot delete one tag")
        if answer.status not in _DELETED:
            raise self._failures.of(image, answer, "pull,push,delete")

    def delete_manifest(self, image: ImageRef) -> None:
        image = replace(image, tag=None)
        answer = self._delete(image, f"manifests/{image.digest}")
        if answer.status not in _DELETED:
            raise self._failures.of(image, answer, "pull,push,delete")

    def _delete(self, image: ImageRef, path: str) -> Answer:
        return self._session.ask("DELETE", image, path, actions="pull,push,delete")

    def _named(self, image: ImageRef) -> Digest | None:
        """Ask for the headers only; None where the registry does not name the digest in them."""
        answer = self._ask_manifest("HEAD", image)
        try:
            return Digest(answer.headers.get("docker-content-digest", ""))
        except ValueError:
            return None

    def _fetch(self, image: ImageRef) -> Manifest:
        answer = self._ask_manifest("GET", image)
        manifest = Manifest(_media_type(answer), answer.body)
        digest = manifest.digest
        named = answer.headers.get("docker-content-digest", "")
        if named not in {"", str(digest)}:
            raise RegistryUnreachable(
                f"{image}: the registry names digest {one_line(named)}, its answer has {digest}"
            )
        if image.digest not in {None, digest}:
            raise RegistryUnreachable(f"{image}: the registry answers with digest {digest}")
        self._cache.put("manifests", digest, manifest)
        return manifest

    def _ask_manifest(self, method: str, image: ImageRef) -> Answer:
        reference = image.digest or image.tag or "latest"
        answer = self._session.ask(method, image, f"manifests/{reference}", headers=_ACCEPT)
        if answer.status != httpx.codes.OK:
            raise self._failures.of(image, answer)
        return answer

    def _fallback(self, image: ImageRef, digest: Digest) -> tuple[Digest, ...]:
        """The index that clients keep under a tag where the registry has no API for referrers."""
        tag = digest.value.replace(":", "-")
        try:
            index = self.manifest(image.tagged(tag))
        except NotFound:
            return ()
        return _listed(image, index)


def _listed(image: ImageRef, index: Manifest) -> tuple[Digest, ...]:
    try:
        return tuple(Digest(child) for child in read_manifest(index).children)
    except ValueError as error:
        raise RegistryUnreachable(f"{image}: its referrers cannot be read: {error}") from error


def _media_type(answer: Answer) -> str:
    """The type that the digest covers, if the manifest holds one: it is what a PUT has to repeat.
    Some registries serve one that is more general.
    """
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        body = None
    known = body if isinstance(body, dict) else {}
    served, _, _ = answer.headers.get("content-type", "").partition(";")
    for each in (known.get("mediaType"), served.strip()):
        if isinstance(each, str) and _MEDIA_TYPE.fullmatch(each):
            return each
    return OCI_INDEX if "manifests" in known else OCI_MANIFEST

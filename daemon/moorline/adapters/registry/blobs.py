"""Small blobs, up and down, in one piece each."""

import hashlib
from urllib.parse import urljoin

import httpx

from moorline.adapters.http import MAX_BODY
from moorline.adapters.registry.session import Session
from moorline.core.image import Digest, ImageRef
from moorline.errors import RegistryUnreachable

__all__ = ["download", "upload"]

_BYTES = {"Content-Type": "application/octet-stream"}


def download(session: Session, image: ImageRef, digest: Digest) -> bytes:
    """Fetch and verify one; registries may send us elsewhere for it."""
    answer = session.ask("GET", image, f"blobs/{digest}", limit=MAX_BODY)
    if answer.status != httpx.codes.OK:
        raise session.failures.of(image.pinned(digest), answer)
    if hashlib.sha256(answer.body).hexdigest() != digest.value.removeprefix("sha256:"):
        raise RegistryUnreachable(f"{image.name}@{digest}: the registry answers with other bytes")
    return answer.body


def upload(session: Session, image: ImageRef, data: bytes) -> Digest:
    """Put one there, unless it is there already."""
    digest = Digest(f"sha256:{hashlib.sha256(data).hexdigest()}")
    if session.ask("HEAD", image, f"blobs/{digest}").status == httpx.codes.OK:
        return digest
    started = session.ask("POST", image, "blobs/uploads/", actions="pull,push", content=b"")
    location = started.headers.get("location", "")
    if started.status != httpx.codes.ACCEPTED or not location:
        raise session.failures.of(image, started, "pull,push")
    # the query is the registry's own, and goes back as it came
    url = urljoin(str(started.asked), location)
    url = f"{url}{'&' if '?' in url else '?'}digest={digest}"
    put = session.ask("PUT", image, url, actions="pull,push", headers=_BYTES, content=data)
    if put.status != httpx.codes.CREATED:
        raise session.failures.of(image, put, "pull,push")
    return digest

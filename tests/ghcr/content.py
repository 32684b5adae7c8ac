"""Where manifests and blobs are: in memory, or in a registry behind this one."""

import hashlib
import json
import secrets
from typing import Protocol

import httpx

from tests.ghcr.wire import refusal
from tests.parts.stub_http import Reply, Request

_TYPES = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json"
)
# those of a single connection, and those that the server writes itself
_OWN = frozenset({"connection", "content-length", "date", "server", "transfer-encoding"})


class Content(Protocol):
    """Manifests by digest, which are never forgotten, and blobs."""

    def put(self, name: str, digest: str, media_type: str, data: bytes) -> Reply | None:
        """Keep a manifest, if what it refers to is there; an answer is a refusal."""
        ...

    def plant(self, name: str, media_type: str, data: bytes) -> str:
        """Keep a manifest, whatever it refers to; returns its digest."""
        ...

    def manifest(self, name: str, digest: str) -> tuple[str, bytes] | None: ...

    def blobs(self, request: Request, name: str, rest: str, query: dict[str, str]) -> Reply: ...


class Memory:
    """Everything in memory."""

    def __init__(self) -> None:
        self.manifests: dict[tuple[str, str], tuple[str, bytes]] = {}
        self._blobs: dict[tuple[str, str], bytes] = {}
        self._uploads: dict[str, bytes] = {}

    def put(self, name: str, digest: str, media_type: str, data: bytes) -> Reply | None:
        value = json.loads(data)
        blobs = [value.get("config"), *value.get("layers", [])]
        absent = [each["digest"] for each in blobs if each and not self._has(name, each)]
        children = [each["digest"] for each in value.get("manifests", [])]
        absent += [each for each in children if (name, each) not in self.manifests]
        if absent:
            return refusal(400, "MANIFEST_BLOB_UNKNOWN", f"blob unknown: {absent[0]}")
        self.manifests[name, digest] = (media_type, data)
        return None

    def plant(self, name: str, media_type: str, data: bytes) -> str:
        digest = _digest(data)
        self.manifests[name, digest] = (media_type, data)
        return digest

    def manifest(self, name: str, digest: str) -> tuple[str, bytes] | None:
        return self.manifests.get((name, digest))

    def blobs(self, request: Request, name: str, rest: str, query: dict[str, str]) -> Reply:
        if rest == "uploads/":
            return self._start(request, name, query)
        if rest.startswith("uploads/"):
            return self._go_on(request, name, rest.removeprefix("uploads/"), query)
        data = self._blobs.get((name, rest))
        if data is None:
            return refusal(404, "BLOB_UNKNOWN", "blob unknown to registry")
        return Reply(200, data, {"Docker-Content-Digest": rest})

    def _has(self, name: str, descriptor: dict[str, str]) -> bool:
        return (name, descriptor["digest"]) in self._blobs

    def _start(self, request: Request, name: str, query: dict[str, str]) -> Reply:
        mounted = self._blobs.get((query.get("from", ""), query.get("mount", "")))
        if mounted is not None:
            return self._keep(name, mounted)
        if "digest" in query:
            return self._keep(name, request.body)
        upload = secrets.token_hex(8)
        self._uploads[upload] = b""
        return self._uploading(name, upload, b"")

    def _go_on(self, request: Request, name: str, upload: str, query: dict[str, str]) -> Reply:
        if upload not in self._uploads:
            return refusal(404, "BLOB_UPLOAD_UNKNOWN")
        self._uploads[upload] += request.body
        if request.method == "PATCH":
            return self._uploading(name, upload, self._uploads[upload])
        data = self._uploads.pop(upload)
        if query.get("digest") != _digest(data):
            return refusal(400, "DIGEST_INVALID")
        return self._keep(name, data)

    def _uploading(self, name: str, upload: str, so_far: bytes) -> Reply:
        where = {"Location": f"/v2/{name}/blobs/uploads/{upload}", "Docker-Upload-UUID": upload}
        return Reply(202, b"", {**where, "Range": f"0-{max(len(so_far) - 1, 0)}"})

    def _keep(self, name: str, data: bytes) -> Reply:
        digest = _digest(data)
        self._blobs[name, digest] = data
        location = f"/v2/{name}/blobs/{digest}"
        return Reply(201, b"", {"Location": location, "Docker-Content-Digest": digest})


class Upstream:
    """A plain registry, which keeps every manifest by its digest and knows of no tag."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=60)

    def close(self) -> None:
        self._client.close()

    def put(self, name: str, digest: str, media_type: str, data: bytes) -> Reply | None:
        path = f"/v2/{name}/manifests/{digest}"
        answer = self._client.put(path, content=data, headers={"Content-Type": media_type})
        return None if answer.is_success else _passed_on(answer)

    def plant(self, *_: object) -> str:
        raise ValueError("a real registry takes no manifest without what it refers to")

    def manifest(self, name: str, digest: str) -> tuple[str, bytes] | None:
        answer = self._client.get(f"/v2/{name}/manifests/{digest}", headers={"Accept": _TYPES})
        return (answer.headers["content-type"], answer.content) if answer.is_success else None

    def blobs(self, request: Request, *_: object) -> Reply:
        # with our own host, so that it says Locations that lead through us
        kept = {"host", "content-type", "content-range", "range"}
        headers = {key: value for key, value in request.headers.items() if key in kept}
        # clients take a blob's size from the length that a HEAD tells: that of this body
        method = "GET" if request.method == "HEAD" else request.method
        return _passed_on(
            self._client.request(method, request.path, headers=headers, content=request.body)
        )


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _passed_on(answer: httpx.Response) -> Reply:
    headers = {key: value for key, value in answer.headers.items() if key not in _OWN}
    return Reply(answer.status_code, answer.content, headers)

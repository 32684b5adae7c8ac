"""The registry itself: the distribution specification as far as ghcr.io keeps to it."""

import hashlib
import re
from collections.abc import Callable
from urllib.parse import parse_qs, quote

from tests.ghcr.access import Access, grant
from tests.ghcr.content import Content
from tests.ghcr.faults import Fault, Faults
from tests.ghcr.store import Package, Store
from tests.ghcr.wire import as_json, refusal
from tests.parts.stub_http import Reply, Request

_ROUTE = re.compile(
    r"/v2/(?P<name>[a-z0-9/._-]+?)/(?P<kind>manifests|blobs|tags|referrers)/(?P<rest>.+)"
)
_READ = frozenset({"GET", "HEAD"})
_PAGE = 100


class RegistryApi:
    """Everything below /v2, and /token."""

    def __init__(self, store: Store, content: Content, access: Access, faults: Faults) -> None:
        self.root = ""
        self._store = store
        self._content = content
        self._access = access
        self._faults = faults

    def token(self, request: Request) -> Reply:
        query = parse_qs(request.path.partition("?")[2])
        try:
            pat = self._access.of_basic(request.headers)
        except KeyError:
            return refusal(403, "DENIED", "denied")
        return as_json({"token": grant(pat, query.get("scope", [""])[0])})

    def respond(self, request: Request, count: Callable[[str], None]) -> Reply:
        path, _, query = request.path.partition("?")
        match = _ROUTE.fullmatch(path)
        name = match["name"] if match else ""
        refused = self._refused(request, name)
        if refused:
            count("v2-refused")
            return refused
        if match is None:
            count("v2")
            return as_json({}) if path in {"/v2", "/v2/"} else refusal(404, "NAME_UNKNOWN")
        kind = _kind(request, match["kind"])
        count(kind)
        parameters = {key: values[0] for key, values in parse_qs(query).items()}
        return self._answer(request, kind, name, match["rest"], parameters)

    def _refused(self, request: Request, name: str) -> Reply | None:
        allowed = self._access.of_registry(request.headers, name)
        package = self._store.packages.get(name)
        if allowed is None:
            # this scope is what it says, whatever was asked for
            scope = "repository:user/image:pull"
            challenge = f'Bearer realm="{self.root}/token",service="ghcr.io",scope="{scope}"'
            message = "authentication required"
            return refusal(401, "UNAUTHORIZED", message, {"WWW-Authenticate": challenge})
        if "anonymous" in allowed and (package is None or package.visibility == "private"):
            return refusal(401, "UNAUTHORIZED", "unauthenticated: User cannot be authenticated")
        if (request.method in _READ and "pull" in allowed) or "push" in allowed:
            return None
        message = "permission_denied: The token provided does not match expected scopes."
        return refusal(403, "DENIED", message)

    def _answer(
        self, request: Request, kind: str, name: str, rest: str, query: dict[str, str]
    ) -> Reply:
        package = self._store.packages.get(name)
        fault = self._faults.answer(kind, package=name, digest=self._digest(package, rest))
        if fault:
            return _faulty(fault)
        if kind == "blob":
            return self._content.blobs(request, name, rest, query)
        if kind == "put":
            return self._put(request, name, rest)
        if kind == "unsupported":
            return refusal(405, "UNSUPPORTED", "The operation is unsupported.")
        if kind == "referrers":
            return Reply(404, b"404 page not found\n", {"Content-Type": "text/plain"})
        if package is None:
            return refusal(404, "NAME_UNKNOWN", "repository name not known to registry")
        if kind == "tags":
            return self._tags(package, query)
        return self._manifest(package, rest, downloads=1 if kind == "manifest" else 0)

    def _digest(self, package: Package | None, reference: str) -> str:
        row = package.tags.get(reference) if package else None
        return row.digest if row else reference

    def _put(self, request: Request, name: str, reference: str) -> Reply:
        digest = f"sha256:{hashlib.sha256(request.body).hexdigest()}"
        if reference.startswith("sha256:") and reference != digest:
            return refusal(400, "DIGEST_INVALID", "provided digest did not match")
        media_type = request.headers.get("content-type", "")
        refused = self._content.put(name, digest, media_type, request.body)
        if refused:
            return refused
        tag = "" if reference.startswith("sha256:") else reference
        row = self._store.push(name, digest, tag)
        lag = self._faults.take("lag", "put", package=name)
        row.lag = lag.count if lag else row.lag
        location = f"/v2/{name}/manifests/{digest}"
        return Reply(201, b"", {"Location": location, "Docker-Content-Digest": digest})

    def _manifest(self, package: Package, reference: str, *, downloads: int) -> Reply:
        row = package.find(reference)
        name = f"{package.owner}/{package.name}"
        found = self._content.manifest(name, row.digest) if row else None
        if row is None or found is None:
            return refusal(404, "MANIFEST_UNKNOWN", "manifest unknown")
        media_type, data = found
        row.downloads += downloads
        return Reply(200, data, {"Content-Type": media_type, "Docker-Content-Digest": row.digest})

    def _tags(self, package: Package, query: dict[str, str]) -> Reply:
        """In the order of pushing, which is none that a client could go on from by itself."""
        names = list(package.tags)
        last = query.get("last", "")
        start = names.index(last) + 1 if last in package.tags else 0
        size = int(query.get("n", _PAGE))
        page = names[start : start + size]
        name = f"{package.owner}/{package.name}"
        headers = {}
        if start + size < len(names):
            following = f"/v2/{name}/tags/list?last={quote(page[-1])}&n={size}"
            headers["Link"] = f'<{following}>; rel="next"'
        return as_json({"name": name, "tags": page}, headers)


def _kind(request: Request, kind: str) -> str:
    """What the counters and the faults call it."""
    if kind == "blobs":
        return "blob"
    if kind != "manifests":
        return kind
    if request.method in _READ:
        return "manifest" if request.method == "GET" else "head"
    return {"PUT": "put"}.get(request.method, "unsupported")


def _faulty(fault: Fault) -> Reply:
    code = fault.message if fault.message.isupper() else "UNKNOWN"
    return refusal(fault.status or 0, code, fault.message, fault.headers)

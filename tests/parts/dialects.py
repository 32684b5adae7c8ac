"""Registries in memory behind a real HTTP server, which differ as the products do.

Each keeps to the OCI distribution specification where the specification leaves no choice. What is
told apart here is what a client can stumble over: paging, logging in, which deletions there are,
referrers, and where uploads and blobs are said to be.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs

from tests.parts.stub_http import Reply, Request, Stub, serving

USER, PASSWORD = "robot", "correct horse"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"

_ROUTE = re.compile(
    r"/v2/(?P<name>[a-z0-9/._-]+?)/(?P<kind>manifests|blobs|tags|referrers)/(?P<rest>.+)"
)
_NEEDED = {"GET": "pull", "HEAD": "pull", "POST": "push", "PUT": "push", "DELETE": "delete"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What one product does differently."""

    name: str
    page: int | None = None
    """The most tags on one page, with a `Link` to the next; None ignores `n` and sends all."""
    absolute: bool = False
    """Whether addresses in `Link` and `Location` name the host."""
    deletes_tags: bool = True
    shields_children: bool = False
    """Whether what an index lists cannot be deleted before it."""
    referrers: bool = False
    login: Literal["", "basic", "bearer"] = ""
    token_key: str = "token"


DIALECTS = (
    # lists all tags at once, and takes no tag for a reference to delete
    Dialect(name="distribution-2.8", absolute=True, deletes_tags=False),
    Dialect(name="distribution-3", page=2, absolute=True, login="basic"),
    Dialect(name="zot", page=2, shields_children=True, referrers=True),
    Dialect(name="harbor", page=3, referrers=True, login="bearer"),
    Dialect(name="gitlab", page=2, login="bearer", token_key="access_token"),
)


@dataclass
class Repository:
    """What is in one."""

    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """Digest → media type and bytes."""
    blobs: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def find(self, reference: str) -> str | None:
        """The digest that a tag or digest names."""
        digest = self.tags.get(reference, reference)
        return digest if digest in self.manifests else None

    def missing(self, body: bytes) -> str | None:
        """The first thing that a manifest refers to and that is not there."""
        value = json.loads(body)
        blobs = [value.get("config"), *value.get("layers", [])]
        wanted = [each["digest"] for each in blobs if each]
        children = [each["digest"] for each in value.get("manifests", [])]
        absent = [each for each in wanted if each not in self.blobs]
        return next(iter(absent + [each for each in children if each not in self.manifests]), None)

    def parents(self, digest: str) -> list[str]:
        """Indexes that list it."""
        return [
            parent
            for parent, (_, body) in self.manifests.items()
            if any(each["digest"] == digest for each in json.loads(body).get("manifests", []))
        ]


@dataclass
class Server:
    """A running registry: what it holds, and what it was asked."""

    dialect: Dialect
    repositories: dict[str, Repository] = field(default_factory=dict)
    may: frozenset[str] = frozenset({"pull", "push", "delete"})
    """What whoever logs in may do."""
    intercept: Callable[[Request], Reply | None] = lambda _: None
    """Answers before the registry does, where it answers."""
    stub: Stub = field(init=False)

    @property
    def address(self) -> str:
        return self.stub.address

    def respond(self, request: Request) -> Reply:
        path, _, query = request.path.partition("?")
        parameters = {key: values[0] for key, values in parse_qs(query).items()}
        if path == "/auth/token":
            return self._token(request, parameters)
        match = _ROUTE.fullmatch(path)
        if match is None:
            return _error(404, "NAME_INVALID")
        name, kind, rest = match["name"], match["kind"], match["rest"]
        refused = self._refuse(request, name)
        if refused:
            return refused
        early = self.intercept(request)
        if early:
            return early
        work = {
            "manifests": self._manifests,
            "blobs": self._blobs,
            "tags": self._tags,
            "referrers": self._referrers,
        }
        return work[kind](request, name, rest, parameters)

    # --- logging in ---

    def _refuse(self, request: Request, name: str) -> Reply | None:
        sent = request.headers.get("authorization", "")
        needed = _NEEDED[request.method]
        if not self.dialect.login:
            return None
        if self.dialect.login == "basic":
            allowed = sent == f"Basic {_pair()}" and needed in self.may
            challenge = 'Basic realm="registry"'
        else:
            allowed = needed in _granted(sent, name)
            realm = f"http://{self.address}/auth/token"
            # a client that repeats this scope gets a token for something else
            challenge = f'Bearer realm="{realm}",service="reg",scope="repository:user/image:pull"'
        if allowed:
            return None
        return _error(401, "UNAUTHORIZED", headers={"WWW-Authenticate": challenge})

    def _token(self, request: Request, parameters: dict[str, str]) -> Reply:
        if request.headers.get("authorization") != f"Basic {_pair()}":
            return _error(403, "DENIED")
        _, name, actions = parameters["scope"].split(":")
        granted = ",".join(each for each in actions.split(",") if each in self.may)
        token = base64.urlsafe_b64encode(f"{name}:{granted}".encode()).decode()
        return _json({self.dialect.token_key: token, "expires_in": 300})

    # --- manifests ---

    def _manifests(self, request: Request, name: str, reference: str, _: object) -> Reply:
        repository = self.repositories.get(name)
        if request.method == "PUT":
            return self._put_manifest(request, name, reference)
        if repository is None:
            return _error(404, "NAME_UNKNOWN")
        if request.method == "DELETE":
            return self._delete_manifest(repository, reference)
        digest = repository.find(reference)
        if digest is None:
            return _error(404, "MANIFEST_UNKNOWN")
        media_type, body = repository.manifests[digest]
        if media_type not in request.headers.get("accept", ""):
            return _error(404, "MANIFEST_UNKNOWN", "the accept header does not support it")
        headers = {"Content-Type": media_type, "Docker-Content-Digest": digest}
        return Reply(200, body, headers)

    def _put_manifest(self, request: Request, name: str, reference: str) -> Reply:
        repository = self.repositories.setdefault(name, Repository())
        digest = _digest(request.body)
        missing = repository.missing(request.body)
        if missing:
            return _error(400, "MANIFEST_BLOB_UNKNOWN", detail=missing)
        if reference.startswith("sha256:"):
            if reference != digest:
                return _error(400, "DIGEST_INVALID")
        else:
            repository.tags[reference] = digest
        repository.manifests[digest] = (request.headers["content-type"], request.body)
        headers = {"Docker-Content-Digest": digest, "Location": self._at(request.path)}
        subject = json.loads(request.body).get("subject")
        if subject and self.dialect.referrers:
            headers["OCI-Subject"] = subject["digest"]
        return Reply(201, headers=headers)

    def _delete_manifest(self, repository: Repository, reference: str) -> Reply:
        if not reference.startswith("sha256:"):
            return self._delete_tag(repository, reference)
        if reference not in repository.manifests:
            return _error(404, "MANIFEST_UNKNOWN")
        if self.dialect.shields_children and repository.parents(reference):
            return _error(405, "DENIED", "referenced by an index")
        del repository.manifests[reference]
        for tag in [tag for tag, digest in repository.tags.items() if digest == reference]:
            del repository.tags[tag]
        return Reply(202)

    def _delete_tag(self, repository: Repository, tag: str) -> Reply:
        if not self.dialect.deletes_tags:
            return _error(400, "DIGEST_INVALID")
        if repository.tags.pop(tag, None) is None:
            return _error(404, "MANIFEST_UNKNOWN")
        return Reply(202)

    # --- listings ---

    def _tags(self, _: Request, name: str, __: str, parameters: dict[str, str]) -> Reply:
        repository = self.repositories.get(name)
        if repository is None:
            return _error(404, "NAME_UNKNOWN")
        names = sorted(repository.tags)
        if self.dialect.page is None:
            return _json({"name": name, "tags": names or None})
        after = [each for each in names if each > parameters.get("last", "")]
        size = min(int(parameters.get("n", 100)), self.dialect.page)
        page = after[:size]
        headers = {}
        if len(after) > size:
            following = self._at(f"/v2/{name}/tags/list?last={page[-1]}&n={size}")
            headers["Link"] = f'<{following}>; rel="next"'
        return _json({"name": name, "tags": page}, headers)

    def _referrers(self, _: Request, name: str, subject: str, __: object) -> Reply:
        if not self.dialect.referrers:
            return Reply(404, b"404 page not found\n", {"Content-Type": "text/plain"})
        repository = self.repositories.get(name, Repository())
        found = [
            {"mediaType": media_type, "digest": digest, "size": len(body)}
            for digest, (media_type, body) in repository.manifests.items()
            if (json.loads(body).get("subject") or {}).get("digest") == subject
        ]
        index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": found}
        return _json(index, {"Content-Type": INDEX_TYPE})

    # --- blobs ---

    def _blobs(self, request: Request, name: str, rest: str, query: dict[str, str]) -> Reply:
        repository = self.repositories.setdefault(name, Repository())
        if rest == "uploads/":
            where = self._at(f"/v2/{name}/blobs/uploads/7f3a?_state=a%2Fb%3D%3D")
            return Reply(202, headers={"Location": where})
        if request.method == "PUT":
            return self._finish(request, repository, query)
        if rest not in repository.blobs:
            return _error(404, "BLOB_UNKNOWN")
        return Reply(200, repository.blobs[rest], {"Docker-Content-Digest": rest})

    def _finish(self, request: Request, repository: Repository, query: dict[str, str]) -> Reply:
        if query.get("_state") != "a/b==":
            return _error(404, "BLOB_UPLOAD_UNKNOWN")
        digest = _digest(request.body)
        if query.get("digest") != digest:
            return _error(400, "DIGEST_INVALID")
        repository.blobs[digest] = request.body
        return Reply(201, headers={"Docker-Content-Digest": digest})

    def _at(self, path: str) -> str:
        return f"http://{self.address}{path}" if self.dialect.absolute else path


@contextmanager
def speaking(dialect: Dialect) -> Iterator[Server]:
    """Run a registry of this dialect on a free port of 127.0.0.1."""
    server = Server(dialect)
    with serving(server.respond) as stub:
        server.stub = stub
        yield server


def _granted(header: str, name: str) -> frozenset[str]:
    if not header.startswith("Bearer "):
        return frozenset()
    token = base64.urlsafe_b64decode(header.removeprefix("Bearer ")).decode()
    repository, _, actions = token.partition(":")
    return frozenset(actions.split(",")) if repository == name else frozenset()


def _pair() -> str:
    return base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _json(value: object, headers: dict[str, str] | None = None) -> Reply:
    return Reply(200, json.dumps(value).encode(), headers or {"Content-Type": "application/json"})


def _error(
    status: int,
    code: str,
    message: str = "",
    *,
    detail: str = "",
    headers: dict[str, str] | None = None,
) -> Reply:
    error = {"code": code, "message": message or code.lower().replace("_", " "), "detail": detail}
    return Reply(status, json.dumps({"errors": [error]}).encode(), headers or {})

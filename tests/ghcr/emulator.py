"""The emulator as tests hold it: `with running_ghcr() as ghcr:`."""

import base64
import hashlib
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from moorline.core.manifest import OCI_MANIFEST, Manifest
from tests.ghcr.access import SCOPES, Pat
from tests.ghcr.faults import Fault
from tests.ghcr.seeding import seed_many, seed_one
from tests.ghcr.server import Emulator, serving
from tests.ghcr.store import Clock, Row, Store
from tests.parts.manifests import CONFIG_TYPE, LAYER_TYPE, descriptor, encoded, index_of
from tests.parts.registry import write_login

OWNER = "acme"
USER = "octocat"
TOKEN = "ghp_emulator"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"


class Ghcr:
    """A running emulator. Packages are named `owner/name`; what is pushed travels over /v2."""

    def __init__(self, emulator: Emulator, address: str) -> None:
        self.registry = address
        self.url = self.api = f"http://{address}"
        self._emulator = emulator
        bearer = base64.b64encode(TOKEN.encode()).decode()
        self._client = httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {bearer}"}, timeout=30
        )

    def close(self) -> None:
        self._client.close()

    # --- what it knows ---

    @property
    def clock(self) -> Clock:
        return self._emulator.store.clock

    @property
    def store(self) -> Store:
        return self._emulator.store

    @property
    def calls(self) -> Counter[str]:
        """How often each kind of call was made; `list-unchanged` are those that a 304 answered."""
        return self._emulator.calls

    def versions(self, package: str) -> dict[str, tuple[str, ...]]:
        """What is there now: digest → tags, newest first."""
        rows = self.store.packages[package].active.values()
        return {row.digest: tuple(row.tags) for row in sorted(rows, key=lambda row: -row.id)}

    def row(self, package: str, digest: object) -> Row:
        """One version, to look at or to change."""
        return self.store.packages[package].active[str(digest)]

    # --- what it is told ---

    def fault(self, name: str, **said: Any) -> Fault:  # noqa: ANN401  (see faults.py)
        """Arm a fault."""
        return self._emulator.faults.arm(name, **said)

    def calm(self) -> None:
        """Take all faults away."""
        self._emulator.faults.armed.clear()

    def owner(self, login: str, kind: str) -> None:
        """Make an owner: an `Organization` or a `User`."""
        self.store.owners[login] = "User" if kind == "User" else "Organization"

    def token(
        self, secret: str, *, user: str = USER, scopes: Sequence[str] = (), admin: bool = True
    ) -> str:
        """Make a personal access token; without scopes it has none."""
        self._emulator.access.pats[secret] = Pat(secret, user, frozenset(scopes), admin)
        return secret

    def limit(self, calls: int) -> None:
        """So many calls an hour."""
        self._emulator.limits.limit = calls

    def publish(self, package: str) -> None:
        """Make a package public."""
        self.store.package(package).visibility = "public"

    def seed(self, package: str, count: int, *, every: float = 60) -> list[Row]:
        """Add versions without pushing them, the newest as of now."""
        return seed_many(self.store, package, count, every)

    def plant(
        self, package: str, manifest: Manifest, *tags: str, created: float | None = None
    ) -> Row:
        """Add a version with its manifest, without pushing it or what it refers to."""
        content = self._emulator.content
        digest = content.plant(package, manifest.media_type, manifest.data)
        return seed_one(self.store, package, digest=digest, tags=tags, created=created)

    def login(self, folder: Path, secret: str = TOKEN) -> Path:
        """Write a Docker configuration with a token for this registry."""
        write_login(folder, self.registry, USER, secret)
        return folder

    # --- what is pushed ---

    def push_image(
        self,
        package: str,
        *tags: str,
        seed: str = "",
        subject: Manifest | None = None,
        artifact_type: str = "",
    ) -> Manifest:
        """An image of one layer, with these tags or none; each differs unless it has a `seed`."""
        layer = (seed or secrets.token_hex(16)).encode()
        config = encoded({"architecture": "amd64", "os": "linux", "seed": layer.decode()})
        self._put_blob(package, layer)
        self._put_blob(package, config)
        value: dict[str, object] = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor(CONFIG_TYPE, config),
            "layers": [descriptor(LAYER_TYPE, layer)],
        }
        if artifact_type:
            value["artifactType"] = artifact_type
        if subject:
            value["subject"] = descriptor(subject.media_type, subject.data)
        return self.put(package, Manifest(OCI_MANIFEST, encoded(value)), *tags)

    def push_index(self, package: str, *tags: str, children: int = 2) -> Manifest:
        """An index of so many images, which have no tags."""
        parts = [self.push_image(package) for _ in range(children)]
        return self.put(package, index_of(parts), *tags)

    def push_referrer(self, package: str, subject: Manifest) -> Manifest:
        """A signature as a bundle, under the fallback tag of its subject."""
        bundle = self.push_image(package, subject=subject, artifact_type=BUNDLE_TYPE)
        self.put(package, index_of([bundle]), subject.digest.value.replace(":", "-"))
        return bundle

    def push_cosign(self, package: str, subject: Manifest) -> Manifest:
        """A signature as a tag that ends in `.sig`."""
        return self.push_image(package, f"{subject.digest.value.replace(':', '-')}.sig")

    def put(self, package: str, manifest: Manifest, *tags: str) -> Manifest:
        """Put a manifest on tags, or by its digest where there are none."""
        for reference in tags or (str(manifest.digest),):
            answer = self._client.put(
                f"/v2/{package}/manifests/{reference}",
                content=manifest.data,
                headers={"Content-Type": manifest.media_type},
            )
            answer.raise_for_status()
        return manifest

    def _put_blob(self, package: str, data: bytes) -> None:
        started = self._client.post(f"/v2/{package}/blobs/uploads/")
        where = urlsplit(started.raise_for_status().headers["location"])
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        query = f"{where.query}&" if where.query else ""
        kind = {"Content-Type": "application/octet-stream"}
        url = f"{where.path}?{query}digest={digest}"
        self._client.put(url, content=data, headers=kind).raise_for_status()


@contextmanager
def running_ghcr(
    *, upstream: str | None = None, port: int = 0, clock: Clock | None = None
) -> Iterator[Ghcr]:
    """Run one on a port of 127.0.0.1. There are an organisation `acme`, a user `octocat`, and a
    token that may do everything. Its clock stands still; content is kept in memory, or in the
    plain registry at `upstream` (a URL).
    """
    emulator = Emulator(clock=clock or Clock(), upstream=upstream)
    emulator.store.owners |= {OWNER: "Organization", USER: "User"}
    emulator.access.pats[TOKEN] = Pat(TOKEN, USER, SCOPES)
    with serving(emulator, port) as address:
        ghcr = Ghcr(emulator, address)
        try:
            yield ghcr
        finally:
            ghcr.close()

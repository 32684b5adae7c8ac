"""A registry in memory; it and the real one pass the same contract test."""

import hashlib
from dataclasses import dataclass

from moorline.core.image import Digest, ImageRef
from moorline.core.manifest import OCI_MANIFEST, Manifest, Node, read_manifest
from moorline.errors import MoorlineError, NotFound, RegistryRefused

__all__ = ["FakeRegistry"]


@dataclass(frozen=True, slots=True)
class _StandIn(Manifest):
    """What a pin with a made-up digest is a manifest of."""

    stated: Digest

    @property
    def digest(self) -> Digest:
        return self.stated


class FakeRegistry:
    """See the port `Registry`."""

    def __init__(self) -> None:
        self.pins: set[str] = set()
        """Manifests that are there."""
        self.tagged: dict[str, Digest] = {}
        """`registry/repository:tag` → digest."""
        self.contents: dict[str, Manifest] = {}
        """Pin → manifest, of what was put with its bytes."""
        self.blobs: dict[str, bytes] = {}
        """`registry/repository@digest` → bytes."""
        self.deletes_tags = True
        """Whether one tag can be deleted; GHCR and CNCF distribution 2.8 cannot."""
        self.deletes_manifests = True
        self.changes: list[str] = []
        """Every change, in order: `put NAME:TAG DIGEST`, `delete NAME:TAG`, `delete PIN`."""
        self.error: MoorlineError | None = None
        """While set, every call raises it."""
        self.errors: dict[str, MoorlineError] = {}
        """Method, or method and image (`manifest ghcr.io/a/b@sha256:…`), → what it raises."""

    def put(self, image: ImageRef) -> None:
        """Push a pinned image, moving its tag if it has one."""
        self.pins.add(image.pin)
        if image.tag and image.digest:
            self.tagged[f"{image.name}:{image.tag}"] = image.digest

    def resolve(self, image: ImageRef) -> Digest:
        self._check("resolve", image)
        digest = image.digest or self.tagged.get(f"{image.name}:{image.tag or 'latest'}")
        if digest is None or image.pinned(digest).pin not in self.pins:
            raise NotFound(f"{image}: not in the registry")
        return digest

    def exists(self, image: ImageRef) -> bool:
        self._check("exists", image)
        try:
            self.resolve(image)
        except NotFound:
            return False
        return True

    def manifest(self, image: ImageRef) -> Manifest:
        self._check("manifest", image)
        pinned = image.pinned(self.resolve(image))
        return self.contents.get(pinned.pin) or _stand_in(pinned)

    def put_manifest(self, image: ImageRef, manifest: Manifest) -> None:
        self._check("put_manifest", image)
        if image.digest not in {None, manifest.digest}:
            raise RegistryRefused(f"{image}: these are the bytes of {manifest.digest}")
        self._check_references(image, manifest)
        pin = image.pinned(manifest.digest).pin
        self.pins.add(pin)
        self.contents[pin] = manifest
        if image.tag:
            self.tagged[f"{image.name}:{image.tag}"] = manifest.digest
        self.changes.append(f"put {image.name}:{image.tag or ''} {manifest.digest}")

    def put_blob(self, image: ImageRef, data: bytes) -> Digest:
        self._check("put_blob", image)
        digest = Digest(f"sha256:{hashlib.sha256(data).hexdigest()}")
        self.blobs[f"{image.name}@{digest}"] = data
        return digest

    def blob(self, image: ImageRef, digest: Digest) -> bytes:
        self._check("blob", image)
        try:
            return self.blobs[f"{image.name}@{digest}"]
        except KeyError:
            raise NotFound(f"{image.name}@{digest}: not in the registry") from None

    def tags(self, image: ImageRef) -> tuple[str, ...]:
        self._check("tags", image)
        if not any(pin.startswith(f"{image.name}@") for pin in self.pins):
            raise NotFound(f"{image.name}: not in the registry")
        return tuple(self.tags_of(image.name))

    def tags_of(self, name: str) -> dict[str, Digest]:
        """Tag → digest, of one repository."""
        start = f"{name}:"
        return {
            key.removeprefix(start): digest
            for key, digest in self.tagged.items()
            if key.startswith(start)
        }

    def referrers(self, image: ImageRef) -> tuple[Digest, ...]:
        self._check("referrers", image)
        subject = str(image.digest)
        return tuple(
            manifest.digest
            for pin, manifest in self.contents.items()
            if pin.startswith(f"{image.name}@") and _node(manifest).subject == subject
        )

    def delete_tag(self, image: ImageRef) -> None:
        self._check("delete_tag", image)
        if not self.deletes_tags:
            raise RegistryRefused(f"{image}: the registry cannot delete one tag")
        key = f"{image.name}:{image.tag}"
        if key not in self.tagged:
            raise NotFound(f"{image}: not in the registry")
        del self.tagged[key]
        self.changes.append(f"delete {key}")

    def delete_manifest(self, image: ImageRef) -> None:
        self._check("delete_manifest", image)
        if not self.deletes_manifests:
            raise RegistryRefused(f"{image}: the registry deletes nothing")
        if image.pin not in self.pins:
            raise NotFound(f"{image}: not in the registry")
        self.drop(image)

    def drop(self, image: ImageRef) -> None:
        """Take a manifest out, with all its tags."""
        self.pins.discard(image.pin)
        self.contents.pop(image.pin, None)
        gone = [tag for tag, digest in self.tags_of(image.name).items() if digest == image.digest]
        for tag in gone:
            del self.tagged[f"{image.name}:{tag}"]
        self.changes.append(f"delete {image.pin}")

    def close(self) -> None:
        """Nothing is open."""

    def _check(self, method: str, image: ImageRef) -> None:
        error = self.error or self.errors.get(method) or self.errors.get(f"{method} {image}")
        if error:
            raise error

    def _check_references(self, image: ImageRef, manifest: Manifest) -> None:
        if isinstance(manifest, _StandIn):
            return
        node = _node(manifest)
        manifests = {f"{image.name}@{child}" for child in node.children}
        blobs = {f"{image.name}@{blob.digest}" for blob in node.blobs}
        if missing := sorted((manifests - self.pins) | (blobs - self.blobs.keys())):
            raise RegistryRefused(f"{image}: MANIFEST_BLOB_UNKNOWN: {missing[0]}")


def _node(manifest: Manifest) -> Node:
    try:
        return read_manifest(manifest)
    except ValueError as error:
        raise RegistryRefused(f"MANIFEST_INVALID: {error}") from error


def _stand_in(image: ImageRef) -> Manifest:
    assert image.digest
    data = f'{{"schemaVersion": 2, "annotations": {{"stands.for": "{image.pin}"}}}}'
    return _StandIn(OCI_MANIFEST, data.encode(), image.digest)

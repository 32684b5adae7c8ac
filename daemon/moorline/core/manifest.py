"""Manifests: the exact bytes of one, and what they refer to.

OCI image specification 1.1 (image manifest, image index) and Docker's schema 2 forms of both.
Bytes are never written anew: the digest is of these bytes and no others.
"""

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from moorline.core.image import Digest, is_digest

__all__ = ["MANIFEST_TYPES", "Blob", "Manifest", "Node", "platform_text", "read_manifest"]

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
MANIFEST_TYPES = (OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST)
"""What is asked for. Without all of these, old registries convert one, and its digest changes."""

_SCHEMA_VERSION = 2
ATTESTATION = "unknown/unknown"
"""The platform that BuildKit gives to an attestation among the images of an index."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The bytes as a registry holds them, and the type that they were served with."""

    media_type: str
    data: bytes = field(repr=False)

    @property
    def digest(self) -> Digest:
        """SHA-256 of the bytes."""
        return Digest(f"sha256:{hashlib.sha256(self.data).hexdigest()}")


@dataclass(frozen=True, slots=True)
class Blob:
    """A config or a layer; `size` in bytes, as the manifest states it."""

    digest: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What one manifest refers to. `size` is that of its own bytes."""

    digest: str
    size: int
    children: tuple[str, ...] = ()
    """Digests of the manifests that an index lists, attestations among them."""
    platforms: tuple[str, ...] = ()
    """Of an index: `linux/amd64`, `linux/arm/v7`; attestations have none."""
    config: str = ""
    """Digest of an image's config blob; "" for an index."""
    blobs: tuple[Blob, ...] = ()
    """Config and layers."""
    subject: str = ""
    """Digest of the manifest that this one says something about (a signature, an SBOM)."""
    artifact_type: str = ""
    revision: str = ""
    """`org.opencontainers.image.revision`, where an annotation names the source commit."""
    created: str = ""
    """`org.opencontainers.image.created`, where an annotation says so."""


def read_manifest(manifest: Manifest) -> Node:
    """Read one; raises ValueError for what is no manifest. Unknown keys are passed over, and an
    entry without a digest is an error: what cannot be read must not count as referring to nothing.
    """
    value = _decoded(manifest.data)
    entries, config = _objects(value, "manifests"), _optional(value, "config")
    subject, annotations = _optional(value, "subject"), _mapping(value.get("annotations"))
    blobs = [*([config] if config else []), *_objects(value, "layers")]
    return Node(
        digest=str(manifest.digest),
        size=len(manifest.data),
        children=tuple(_digest(each) for each in entries),
        platforms=tuple(dict.fromkeys(p for each in entries if (p := _platform(each)))),
        config=_digest(config) if config else "",
        blobs=tuple(Blob(_digest(each), _size(each)) for each in blobs),
        subject=_digest(subject) if subject else "",
        artifact_type=str(value.get("artifactType") or config.get("mediaType") or ""),
        revision=str(annotations.get("org.opencontainers.image.revision", "")),
        created=str(annotations.get("org.opencontainers.image.created", "")),
    )


def platform_text(about: Mapping[str, object]) -> str:
    """`linux/arm/v7`, from the keys that an index's `platform` and an image's configuration
    share; "" where they say nothing.
    """
    words = [str(about.get(key) or "") for key in ("os", "architecture", "variant")]
    return "/".join(word for word in words if word)


def _decoded(data: bytes) -> Mapping[str, object]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None
    # version 1 has neither sizes nor a config
    if not isinstance(value, dict) or value.get("schemaVersion") != _SCHEMA_VERSION:
        raise ValueError("not a manifest of schema version 2")
    return value


def _optional(value: Mapping[str, object], key: str) -> Mapping[str, object]:
    """The object at `key`; an empty one where there is none. Anything else there is an error."""
    found = value.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict) or not found:
        raise ValueError(f"{key}: not an object")
    return found


def _objects(value: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    found = value.get(key)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ValueError(f"{key}: not a list of objects")
    return found


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _digest(entry: Mapping[str, object]) -> str:
    found = entry.get("digest")
    if not isinstance(found, str) or not is_digest(found):
        raise ValueError(f"not a sha256 digest: {str(found)[:80]!r}")
    # the same base layers come back in thousands of manifests
    return sys.intern(found)


def _size(entry: Mapping[str, object]) -> int:
    found = entry.get("size")
    if isinstance(found, bool) or not isinstance(found, int) or found < 0:
        raise ValueError(f"not a size: {str(found)[:80]!r}")
    return found


def _platform(entry: Mapping[str, object]) -> str:
    text = platform_text(_mapping(entry.get("platform")))
    return "" if text == ATTESTATION else text

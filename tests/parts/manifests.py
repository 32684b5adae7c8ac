"""Images, indexes and what refers to them, small enough to push to any registry in a test."""

import hashlib
import json
from collections.abc import Sequence

from moorline.adapters.registry_port import Registry
from moorline.core.image import ImageRef
from moorline.core.manifest import OCI_INDEX, OCI_MANIFEST, Manifest

CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"


def push_image(
    registry: Registry,
    image: ImageRef,
    seed: str = "",
    *,
    created: str = "2026-01-02T03:04:05Z",
    subject: Manifest | None = None,
    annotations: dict[str, str] | None = None,
) -> Manifest:
    """Push an image of one layer to the image's tag, or by its digest where there is no tag.

    The same `seed` and arguments are the same digest.
    """
    config = {"architecture": "amd64", "os": "linux", "created": created, "seed": seed}
    blobs = {CONFIG_TYPE: encoded(config), LAYER_TYPE: f"layer {seed}".encode()}
    for data in blobs.values():
        registry.put_blob(image, data)
    about, layer = (descriptor(kind, data) for kind, data in blobs.items())
    value: dict[str, object] = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": about}
    value["layers"] = [layer]
    if subject:
        value["subject"] = descriptor(subject.media_type, subject.data)
    if annotations:
        value["annotations"] = annotations
    manifest = Manifest(OCI_MANIFEST, encoded(value))
    registry.put_manifest(image, manifest)
    return manifest


def push_index(registry: Registry, image: ImageRef, children: Sequence[Manifest]) -> Manifest:
    """Push an index of manifests that are there already."""
    index = index_of(children)
    registry.put_manifest(image, index)
    return index


def index_of(children: Sequence[Manifest]) -> Manifest:
    """An index of these, in this order."""
    entries = [descriptor(each.media_type, each.data) for each in children]
    value = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    return Manifest(OCI_INDEX, encoded(value))


def descriptor(media_type: str, data: bytes) -> dict[str, object]:
    """How a manifest refers to these bytes."""
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    return {"mediaType": media_type, "digest": digest, "size": len(data)}


def encoded(value: object) -> bytes:
    """JSON, always the same."""
    return json.dumps(value, indent=1).encode()

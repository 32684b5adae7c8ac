"""Manifests: their bytes, and what they refer to."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorline.core.manifest import DOCKER_LIST, OCI_INDEX, OCI_MANIFEST, Blob, Manifest
from moorline.core.manifest import read_manifest as read

A, B, C = (f"sha256:{each * 64}" for each in "abc")


def manifest(value: object, media_type: str = OCI_MANIFEST) -> Manifest:
    return Manifest(media_type, json.dumps(value).encode())


def test_the_digest_is_of_the_very_bytes() -> None:
    data = b'{"schemaVersion":2,  "layers": []}'
    one = Manifest(OCI_MANIFEST, data)
    assert str(one.digest) == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert read(one).digest == str(one.digest)
    assert read(one).size == len(data)


def test_an_image_has_a_config_and_layers() -> None:
    value = {
        "schemaVersion": 2,
        "config": {
            "digest": A,
            "size": 7,
            "mediaType": "application/vnd.oci.image.config.v1+json",
        },
        "layers": [{"digest": B, "size": 100}, {"digest": C, "size": 0}],
        "annotations": {
            "org.opencontainers.image.revision": "047b82e",
            "org.opencontainers.image.created": "2026-11-23T10:15:00Z",
        },
    }
    node = read(manifest(value))
    assert node.config == A
    assert node.blobs == (Blob(A, 7), Blob(B, 100), Blob(C, 0))
    assert (node.children, node.subject) == ((), "")
    assert (node.revision, node.created) == ("047b82e", "2026-11-23T10:15:00Z")


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST])
def test_an_index_has_parts_and_their_platforms(media_type: str) -> None:
    parts = [
        {"digest": A, "platform": {"os": "linux", "architecture": "amd64"}},
        {"digest": B, "platform": {"os": "linux", "architecture": "arm", "variant": "v7"}},
        {"digest": C, "platform": {"os": "unknown", "architecture": "unknown"}},
        {"digest": A},
    ]
    node = read(manifest({"schemaVersion": 2, "manifests": parts}, media_type))
    assert node.children == (A, B, C, A)
    assert node.platforms == ("linux/amd64", "linux/arm/v7")
    assert (node.config, node.blobs) == ("", ())


def test_what_is_attached_names_its_subject_and_kind() -> None:
    value = {"schemaVersion": 2, "subject": {"digest": A}, "artifactType": "application/x.sbom"}
    assert read(manifest(value)).subject == A
    assert read(manifest(value)).artifact_type == "application/x.sbom"


def test_the_kind_of_an_older_artifact_is_its_config_type() -> None:
    value = {"schemaVersion": 2, "config": {"digest": A, "size": 2, "mediaType": "application/x"}}
    assert read(manifest(value)).artifact_type == "application/x"


@pytest.mark.parametrize(
    "value",
    [
        [],
        "text",
        {},
        {"schemaVersion": 1},
        {"schemaVersion": 2, "manifests": {}},
        {"schemaVersion": 2, "manifests": [A]},
        {"schemaVersion": 2, "manifests": [{}]},
        {"schemaVersion": 2, "manifests": [{"digest": "sha512:00"}]},
        {"schemaVersion": 2, "manifests": [{"digest": f"{A}\n"}]},
        {"schemaVersion": 2, "layers": [{"digest": A}]},
        {"schemaVersion": 2, "layers": [{"digest": A, "size": -1}]},
        {"schemaVersion": 2, "layers": [{"digest": A, "size": True}]},
        {"schemaVersion": 2, "config": "text"},
        {"schemaVersion": 2, "subject": {}},
        {"schemaVersion": 2, "subject": {"digest": 7}},
    ],
)
def test_what_cannot_be_read_never_counts_as_referring_to_nothing(value: object) -> None:
    with pytest.raises(ValueError, match="not "):
        read(manifest(value))


@given(st.binary())
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not "):
        read(Manifest(OCI_MANIFEST, data))


def test_endless_nesting_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON"):
        read(Manifest(OCI_MANIFEST, b"[" * 100_000))

"""What every registry owes the agent: the fake, a real one, and those that imitate others."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from moorline.adapters.registry import OciRegistry
from moorline.adapters.registry_port import Registry
from moorline.core.image import Digest, ImageRef
from moorline.errors import NotFound, RegistryRefused
from tests.fakes.registry import FakeRegistry
from tests.parts.dialects import DIALECTS, PASSWORD, USER, speaking
from tests.parts.manifests import index_of, push_image, push_index
from tests.parts.registry import write_login

ABSENT = Digest(f"sha256:{'0' * 64}")


@dataclass(frozen=True)
class World:
    """A registry, and an image with tag and digest that is in it."""

    registry: Registry
    image: ImageRef
    deletes_tags: bool = True
    lists_referrers: bool = True

    def ref(self, text: str) -> ImageRef:
        """Another reference into the same repository."""
        return ImageRef.parse(f"{self.image.name}{text}")


WORLDS = [
    "fake",
    *(dialect.name for dialect in DIALECTS),
    pytest.param("real", marks=pytest.mark.engine),
]


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with ExitStack() as stack:
        if request.param == "fake":
            image = ImageRef.parse("127.0.0.1:5000/web:plain-1")
            yield with_an_image(FakeRegistry(), image)
            return
        registry = OciRegistry(docker_config=tmp_path, timeout=10)
        stack.callback(registry.close)
        if request.param == "real":
            image = request.getfixturevalue("images")("plain")
            own = ImageRef.parse(f"{image.name}-{tmp_path.name}:plain-1".replace("_", "-").lower())
            yield with_an_image(registry, own, deletes_tags=False, lists_referrers=False)
            return
        [dialect] = [each for each in DIALECTS if each.name == request.param]
        server = stack.enter_context(speaking(dialect))
        write_login(tmp_path, server.address, USER, PASSWORD)
        yield with_an_image(
            registry,
            ImageRef.parse(f"{server.address}/team/web:plain-1"),
            deletes_tags=dialect.deletes_tags,
            lists_referrers=dialect.referrers,
        )


def with_an_image(registry: Registry, image: ImageRef, **abilities: bool) -> World:
    """The world with one image in it."""
    manifest = push_image(registry, image, "plain-1")
    return World(registry, image.pinned(manifest.digest), **abilities)


# --- looking ------------------------------------------------------------------------------------


def test_a_tag_resolves_to_its_digest(world: World) -> None:
    assert world.registry.resolve(world.ref(f":{world.image.tag}")) == world.image.digest


def test_a_digest_resolves_to_itself(world: World) -> None:
    assert world.registry.resolve(world.ref(f"@{world.image.digest}")) == world.image.digest


@pytest.mark.parametrize("text", [":no-such-tag", "", f"@{ABSENT}", f":plain-1@{ABSENT}"])
def test_what_is_not_there_is_not_found(world: World, text: str) -> None:
    for ask in (world.registry.resolve, world.registry.manifest):
        with pytest.raises(NotFound, match="not in the registry"):
            ask(world.ref(text))


def test_a_repository_that_is_not_there_is_not_found(world: World) -> None:
    absent = world.ref("/nothing:here")
    for ask in (world.registry.resolve, world.registry.manifest, world.registry.tags):
        with pytest.raises(NotFound):
            ask(absent)


def test_a_pinned_manifest_exists_or_does_not(world: World) -> None:
    assert world.registry.exists(world.image)
    assert not world.registry.exists(world.image.pinned(ABSENT))


def test_a_manifest_comes_byte_for_byte(world: World) -> None:
    for text in (f":{world.image.tag}", f"@{world.image.digest}"):
        manifest = world.registry.manifest(world.ref(text))
        assert manifest.digest == world.image.digest
        assert manifest.media_type == json.loads(manifest.data)["mediaType"]


def test_a_config_is_read_and_an_absent_one_is_not_found(world: World) -> None:
    manifest = json.loads(world.registry.manifest(world.image).data)
    config = Digest(manifest["config"]["digest"])
    assert json.loads(world.registry.blob(world.image, config))["seed"] == "plain-1"
    with pytest.raises(NotFound):
        world.registry.blob(world.image, ABSENT)


def test_all_tags_are_listed_however_many_fit_on_a_page(world: World) -> None:
    manifest = world.registry.manifest(world.image)
    names = {f"t{number}" for number in range(7)}
    for name in names:
        world.registry.put_manifest(world.ref(f":{name}"), manifest)
    found = world.registry.tags(world.image)
    assert len(found) == len(set(found))
    assert set(found) == {*names, world.image.tag}


# --- putting ------------------------------------------------------------------------------------


def test_the_same_bytes_on_another_tag_are_the_same_digest(world: World) -> None:
    world.registry.put_manifest(world.ref(":again"), world.registry.manifest(world.image))
    assert world.registry.resolve(world.ref(":again")) == world.image.digest


def test_a_tag_moves_and_what_it_named_stays(world: World) -> None:
    other = push_image(world.registry, world.ref(f":{world.image.tag}"), "newer")
    assert world.registry.resolve(world.ref(f":{world.image.tag}")) == other.digest
    assert world.registry.exists(world.image)


def test_a_manifest_without_a_tag_is_put_by_its_digest(world: World) -> None:
    manifest = push_image(world.registry, world.ref(""), "untagged")
    assert world.registry.exists(world.ref(f"@{manifest.digest}"))
    assert world.registry.tags(world.image) == (world.image.tag,)


def test_bytes_are_not_put_under_anothers_digest(world: World) -> None:
    manifest = world.registry.manifest(world.image)
    with pytest.raises(RegistryRefused, match="these are the bytes of"):
        world.registry.put_manifest(world.ref(f"@{ABSENT}"), manifest)


def test_what_a_manifest_refers_to_has_to_be_there(world: World) -> None:
    stranger = push_image(FakeRegistry(), world.ref(":stranger"), "stranger")
    with pytest.raises(RegistryRefused, match="MANIFEST_BLOB_UNKNOWN"):
        world.registry.put_manifest(world.ref(":stranger"), stranger)


def test_a_blob_that_is_there_may_be_put_again(world: World) -> None:
    digest = world.registry.put_blob(world.image, b"{}")
    assert world.registry.put_blob(world.image, b"{}") == digest
    assert world.registry.blob(world.image, digest) == b"{}"


# --- referrers ----------------------------------------------------------------------------------


def test_nothing_refers_to_a_plain_image(world: World) -> None:
    assert world.registry.referrers(world.image) == ()


def test_referrers_are_found_by_the_api_or_by_the_fallback_tag(world: World) -> None:
    subject = world.registry.manifest(world.image)
    signature = push_image(world.registry, world.ref(""), "signature", subject=subject)
    if not world.lists_referrers:  # then whoever signs keeps the list
        tag = str(subject.digest).replace(":", "-")
        push_index(world.registry, world.ref(f":{tag}"), [signature])
    assert world.registry.referrers(world.image) == (signature.digest,)


# --- deleting -----------------------------------------------------------------------------------


def test_a_deleted_manifest_is_gone_with_all_its_tags(world: World) -> None:
    other = push_image(world.registry, world.ref(":other"), "other")
    world.registry.put_manifest(world.ref(":more"), other)
    world.registry.delete_manifest(world.ref(f"@{other.digest}"))
    assert not world.registry.exists(world.ref(f"@{other.digest}"))
    assert world.registry.tags(world.image) == (world.image.tag,)
    with pytest.raises(NotFound):
        world.registry.delete_manifest(world.ref(f"@{other.digest}"))


def test_a_deleted_tag_leaves_its_manifest_or_nothing_happens(world: World) -> None:
    world.registry.put_manifest(world.ref(":extra"), world.registry.manifest(world.image))
    if world.deletes_tags:
        world.registry.delete_tag(world.ref(":extra"))
        assert set(world.registry.tags(world.image)) == {world.image.tag}
        with pytest.raises(NotFound):
            world.registry.delete_tag(world.ref(":extra"))
    else:
        with pytest.raises(RegistryRefused):
            world.registry.delete_tag(world.ref(":extra"))
        assert set(world.registry.tags(world.image)) == {world.image.tag, "extra"}
    assert world.registry.exists(world.image)


def test_an_index_goes_before_its_parts(world: World) -> None:
    parts = [push_image(world.registry, world.ref(""), seed) for seed in ("amd64", "arm64")]
    index = push_index(world.registry, world.ref(":multi"), parts)
    assert world.registry.manifest(world.ref(":multi")) == index_of(parts)
    for each in (index, *parts):
        world.registry.delete_manifest(world.ref(f"@{each.digest}"))
        assert not world.registry.exists(world.ref(f"@{each.digest}"))

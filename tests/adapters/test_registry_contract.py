"""What every registry owes the agent: the fake and the real one alike."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from moorline.adapters.registry import OciRegistry
from moorline.adapters.registry_port import Registry
from moorline.core.image import Digest, ImageRef
from moorline.errors import NotFound
from tests.fakes.registry import FakeRegistry

ABSENT = Digest(f"sha256:{'0' * 64}")


@dataclass(frozen=True)
class World:
    """A registry, and an image with tag and digest that is in it."""

    registry: Registry
    image: ImageRef

    def ref(self, text: str) -> ImageRef:
        """Another reference into the same repository."""
        return ImageRef.parse(f"{self.image.name}{text}")


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.engine)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "real":
        registry = OciRegistry(docker_config=tmp_path)
        yield World(registry, request.getfixturevalue("images")("plain"))
        registry.close()
        return
    fake = FakeRegistry()
    image = ImageRef.parse(f"127.0.0.1:5000/web:plain-1@sha256:{'a' * 64}")
    fake.put(image)
    yield World(fake, image)


def test_a_tag_resolves_to_its_digest(world: World) -> None:
    assert world.registry.resolve(world.ref(f":{world.image.tag}")) == world.image.digest


def test_a_digest_resolves_to_itself(world: World) -> None:
    assert world.registry.resolve(world.ref(f"@{world.image.digest}")) == world.image.digest


@pytest.mark.parametrize("text", [":no-such-tag", "", f"@{ABSENT}", f":plain-1@{ABSENT}"])
def test_what_is_not_there_is_not_found(world: World, text: str) -> None:
    with pytest.raises(NotFound, match="not in the registry"):
        world.registry.resolve(world.ref(text))


def test_a_repository_that_is_not_there_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        world.registry.resolve(world.ref("/nothing:here"))


def test_a_pinned_manifest_exists_or_does_not(world: World) -> None:
    assert world.registry.exists(world.image)
    assert not world.registry.exists(world.image.pinned(ABSENT))

"""What whoever lists and deletes versions owes retention: fakes, plain registries and GitHub."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from moorline.adapters.ghcr import GhcrPackages
from moorline.adapters.registry import OciPackages, OciRegistry
from moorline.adapters.registry_port import Packages, Registry
from moorline.core.image import Digest, ImageRef
from moorline.errors import NotFound, RegistryRefused
from tests.fakes.packages import FakePackages
from tests.fakes.registry import FakeRegistry
from tests.ghcr.emulator import TOKEN, running_ghcr
from tests.parts.manifests import push_image, push_index

ABSENT = Digest(f"sha256:{'0' * 64}")


@dataclass(frozen=True)
class World:
    """A registry and its packages, and a repository without anything in it."""

    registry: Registry
    packages: Packages
    image: ImageRef
    is_github: bool

    def at(self, tag: str) -> ImageRef:
        return replace(self.image, tag=tag)

    def push(self, *tags: str) -> Digest:
        """An image that is like no other, on these tags."""
        manifest = push_image(self.registry, self.at(tags[0]), seed=" ".join(tags))
        for tag in tags[1:]:
            self.registry.put_manifest(self.at(tag), manifest)
        return manifest.digest

    def listed(self) -> dict[str, tuple[str, ...]]:
        return {each.digest: each.tags for each in self.packages.versions(self.image)}


def real(name: str) -> object:
    return pytest.param(name, marks=pytest.mark.engine)


@pytest.fixture(
    params=["fake", "fake-plain", "ghcr", real("ghcr-on-a-registry"), real("a-registry")]
)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    kind: str = request.param
    repository = f"acme/{tmp_path.name.replace('_', '-').lower()}"
    if kind.startswith("fake"):
        fake = FakeRegistry()
        image = ImageRef.parse(f"ghcr.io/{repository}")
        packages = FakePackages(fake, github=kind == "fake")
        yield World(fake, packages, image, is_github=kind == "fake")
        return
    with ExitStack() as stack:
        oci = OciRegistry(docker_config=tmp_path, timeout=10)
        stack.callback(oci.close)
        if kind == "a-registry":
            image = ImageRef.parse(f"{request.getfixturevalue('registry')}/{repository}")
            yield World(oci, OciPackages(oci), image, is_github=False)
            return
        behind = request.getfixturevalue("registry") if kind == "ghcr-on-a-registry" else None
        upstream = f"http://{behind}" if behind else None
        ghcr = stack.enter_context(running_ghcr(upstream=upstream))
        ghcr.login(tmp_path)
        client = GhcrPackages(
            api=ghcr.api, registry=ghcr.registry, token=lambda: TOKEN, timeout=10
        )
        stack.callback(client.close)
        image = ImageRef.parse(f"{ghcr.registry}/{repository}")
        yield World(oci, client, image, is_github=True)


def test_each_digest_is_listed_once_with_all_its_tags(world: World) -> None:
    one, two = world.push("v1", "latest"), world.push("v2")
    assert world.listed() == {str(one): ("latest", "v1"), str(two): ("v2",)}


def test_progress_hears_of_each_version_in_the_end(world: World) -> None:
    world.push("v1")
    world.push("v2")
    heard: list[int] = []
    world.packages.versions(world.image, heard.append)
    assert heard[-1] == 2


def test_the_tag_and_digest_of_the_name_do_not_matter(world: World) -> None:
    world.push("v1")
    other = replace(world.image, tag="other", digest=ABSENT)
    assert world.packages.versions(other) == world.packages.versions(world.image)


def test_an_unknown_package_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        world.packages.versions(world.image)


def test_what_has_no_tag_is_listed_by_github_alone(world: World) -> None:
    child = push_image(world.registry, world.at("child"), "child")
    index = push_index(world.registry, world.at("v1"), [child])
    world.push("child", "newer")  # which takes the tag away
    listed = world.listed()
    assert listed[str(index.digest)] == ("v1",)
    assert (str(child.digest) in listed) == world.is_github
    assert listed.get(str(child.digest), ()) == ()


def test_looking_shows_the_tags_as_they_are_now(world: World) -> None:
    one = world.push("v1", "latest")
    [before] = world.packages.versions(world.image)
    two = world.push("latest", "v2")
    now = world.packages.look(world.image, before)
    assert now == replace(before, tags=("v1",))
    assert world.listed() == {str(one): ("v1",), str(two): ("latest", "v2")}


def test_a_version_is_found_by_its_digest(world: World) -> None:
    digest = world.push("v1")
    world.push("v2")
    found = world.packages.find(world.image, digest)
    assert found is not None
    assert (found.digest, found.tags) == (str(digest), ("v1",))
    assert found in world.packages.versions(world.image)
    assert world.packages.find(world.image, ABSENT) is None


def test_a_deleted_version_is_gone_with_all_its_tags_and_nothing_else_is(world: World) -> None:
    one, two = world.push("v1", "latest"), world.push("v2")
    version = world.packages.find(world.image, one)
    assert version is not None
    world.packages.delete(world.image, version)
    assert world.listed() == {str(two): ("v2",)}
    assert world.packages.look(world.image, version) is None
    assert world.packages.find(world.image, one) is None
    assert not world.registry.exists(world.at("latest"))
    assert not world.registry.exists(world.image.pinned(one))
    assert world.registry.exists(world.at("v2"))


def test_what_is_gone_already_is_not_found(world: World) -> None:
    world.push("v1")
    world.push("v2")
    version = world.packages.versions(world.image)[0]
    world.packages.delete(world.image, version)
    with pytest.raises(NotFound):
        world.packages.delete(world.image, version)


def test_taking_one_tag_off_leaves_the_version_or_is_refused(world: World) -> None:
    digest = world.push("v1", "v2")
    try:
        world.packages.untag(world.image, "v2")
    except RegistryRefused:
        expected: tuple[str, ...] = ("v1", "v2")
    else:
        assert not world.is_github
        expected = ("v1",)
    assert world.listed() == {str(digest): expected}


def test_what_was_deleted_comes_back_by_its_id_or_that_is_refused(world: World) -> None:
    digest = world.push("v1", "latest")
    world.push("v2")
    version = world.packages.find(world.image, digest)
    assert version is not None
    world.packages.delete(world.image, version)
    if not world.is_github:
        with pytest.raises(RegistryRefused):
            world.packages.restore(world.image, version)
        return
    world.packages.restore(world.image, version)
    assert world.packages.look(world.image, version) == version
    assert world.registry.resolve(world.at("latest")) == digest


def test_a_tag_that_was_taken_in_between_does_not_come_back(world: World) -> None:
    if not world.is_github:
        return
    digest = world.push("v1", "latest")
    world.push("v2")
    version = world.packages.find(world.image, digest)
    assert version is not None
    world.packages.delete(world.image, version)
    other = world.push("latest", "v3")
    world.packages.restore(world.image, version)
    assert world.listed()[str(digest)] == ("v1",)
    assert world.registry.resolve(world.at("latest")) == other


def test_what_was_never_deleted_cannot_be_restored(world: World) -> None:
    world.push("v1")
    [version] = world.packages.versions(world.image)
    stranger = replace(version, digest=str(ABSENT), id="4711" if version.id else "")
    with pytest.raises((NotFound, RegistryRefused)):
        world.packages.restore(world.image, stranger)


def test_after_closing_it_can_be_asked_again(world: World) -> None:
    world.push("v1")
    world.packages.close()
    assert len(world.packages.versions(world.image)) == 1

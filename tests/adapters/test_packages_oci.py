"""What a plain registry owes retention as a set of packages: the fake and the real thing alike."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from moorline.adapters.registry import OciPackages, OciRegistry
from moorline.adapters.registry_port import Packages, Registry
from moorline.core.image import Digest, ImageRef
from moorline.core.manifest import OCI_MANIFEST, Manifest
from moorline.core.retention.model import Version
from moorline.errors import NotFound, RegistryRefused, RegistryUnreachable
from tests.fakes.packages import FakePackages
from tests.fakes.registry import FakeRegistry
from tests.parts.dialects import DIALECTS, PASSWORD, USER, speaking
from tests.parts.manifests import descriptor, encoded, push_image, push_index
from tests.parts.registry import write_login

ABSENT = Digest(f"sha256:{'0' * 64}")
NEW_YEAR = 1_767_225_600.0
"""2026-01-01T00:00:00Z"""


@dataclass(frozen=True)
class World:
    """A registry, its packages, and a repository without anything in it."""

    registry: Registry
    packages: Packages
    name: str
    deletes_tags: bool = True

    def ref(self, text: str = "") -> ImageRef:
        return ImageRef.parse(f"{self.name}{text}")

    def tags_by_digest(self) -> dict[str, tuple[str, ...]]:
        """What is listed."""
        return {each.digest: each.tags for each in self.packages.versions(self.ref())}


WORLDS = [
    "fake",
    "over-fake",
    *(dialect.name for dialect in DIALECTS),
    pytest.param("real", marks=pytest.mark.engine),
]


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    kind = request.param
    if kind in {"fake", "over-fake"}:
        fake = FakeRegistry()
        packages = FakePackages(fake, github=False) if kind == "fake" else OciPackages(fake)
        yield World(fake, packages, "registry.example/team/web")
        return
    with ExitStack() as stack:
        registry = OciRegistry(docker_config=tmp_path, cache=tmp_path / "cache", timeout=10)
        stack.callback(registry.close)
        if kind == "real":
            address = request.getfixturevalue("registry")
            name = f"{address}/packages/{tmp_path.name.replace('_', '-').lower()}"
            yield World(registry, OciPackages(registry), name, deletes_tags=False)
            return
        [dialect] = [each for each in DIALECTS if each.name == kind]
        server = stack.enter_context(speaking(dialect))
        write_login(tmp_path, server.address, USER, PASSWORD)
        name = f"{server.address}/team/web"
        yield World(registry, OciPackages(registry), name, dialect.deletes_tags)


# --- listing ------------------------------------------------------------------------------------


def test_each_digest_is_listed_once_with_all_its_tags(world: World) -> None:
    one = push_image(world.registry, world.ref(":one"), "one")
    two = push_image(world.registry, world.ref(":two"), "two")
    for tag in ("latest", "main"):
        world.registry.put_manifest(world.ref(f":{tag}"), one)
    assert world.tags_by_digest() == {
        str(one.digest): ("latest", "main", "one"),
        str(two.digest): ("two",),
    }


def test_what_has_no_tag_is_not_listed(world: World) -> None:
    parts = [push_image(world.registry, world.ref(), seed) for seed in ("amd64", "arm64")]
    index = push_index(world.registry, world.ref(":multi"), parts)
    assert world.tags_by_digest() == {str(index.digest): ("multi",)}


def test_an_unknown_package_is_not_found(world: World) -> None:
    push_image(world.registry, world.ref(":one"), "one")
    with pytest.raises(NotFound):
        world.packages.versions(world.ref("/nothing"))


def test_progress_is_told(world: World) -> None:
    heard: list[int] = []
    for seed in ("one", "two"):
        push_image(world.registry, world.ref(f":{seed}"), seed)
    world.packages.versions(world.ref(), heard.append)
    assert heard[-1] == 2


# --- looking again ------------------------------------------------------------------------------


def test_a_version_is_seen_as_it_is_now(world: World) -> None:
    one = push_image(world.registry, world.ref(":one"), "one")
    push_image(world.registry, world.ref(":latest"), "two")
    [listed] = [v for v in world.packages.versions(world.ref()) if v.digest == str(one.digest)]
    assert world.packages.look(world.ref(), listed) == listed
    world.registry.put_manifest(world.ref(":keep-me"), one)
    after = world.packages.look(world.ref(), listed)
    assert after
    assert after.tags == ("keep-me", "one")


def test_a_tag_that_moved_away_is_seen(world: World) -> None:
    push_image(world.registry, world.ref(":one"), "one")
    [listed] = world.packages.versions(world.ref())
    push_image(world.registry, world.ref(":one"), "newer")
    after = world.packages.look(world.ref(), listed)
    assert after
    assert after.tags == ()


def test_a_version_that_is_gone_is_seen(world: World) -> None:
    one = push_image(world.registry, world.ref(":one"), "one")
    push_image(world.registry, world.ref(":two"), "two")
    [listed] = [v for v in world.packages.versions(world.ref()) if v.digest == str(one.digest)]
    world.registry.delete_manifest(world.ref(f"@{one.digest}"))
    assert world.packages.look(world.ref(), listed) is None


def test_a_version_is_found_by_its_digest(world: World) -> None:
    one = push_image(world.registry, world.ref(":one"), "one")
    found = world.packages.find(world.ref(), one.digest)
    assert found
    assert (found.digest, found.tags) == (str(one.digest), ("one",))
    assert world.packages.find(world.ref(), ABSENT) is None


def test_a_version_without_a_tag_is_found_too(world: World) -> None:
    one = push_image(world.registry, world.ref(), "one")
    found = world.packages.find(world.ref(), one.digest)
    assert found
    assert found.tags == ()


# --- deleting -----------------------------------------------------------------------------------


def test_a_deleted_version_is_gone_with_its_tags(world: World) -> None:
    push_image(world.registry, world.ref(":one"), "one")
    two = push_image(world.registry, world.ref(":two"), "two")
    world.registry.put_manifest(world.ref(":more"), two)
    version = Version(digest=str(two.digest), tags=("more", "two"))
    world.packages.delete(world.ref(":whatever"), version)
    assert list(world.tags_by_digest().values()) == [("one",)]
    with pytest.raises(NotFound):
        world.packages.delete(world.ref(), version)


def test_a_tag_is_taken_off_or_nothing_happens(world: World) -> None:
    one = push_image(world.registry, world.ref(":one"), "one")
    world.registry.put_manifest(world.ref(":extra"), one)
    if world.deletes_tags:
        world.packages.untag(world.ref(), "extra")
    else:
        with pytest.raises(RegistryRefused):
            world.packages.untag(world.ref(), "extra")
    left = ("one",) if world.deletes_tags else ("extra", "one")
    assert world.tags_by_digest() == {str(one.digest): left}


def test_nothing_is_restored_by_itself(world: World) -> None:
    with pytest.raises(RegistryRefused, match="put"):
        world.packages.restore(world.ref(), Version(digest=str(ABSENT)))


# --- the real thing alone -----------------------------------------------------------------------


@pytest.fixture
def alone() -> World:
    fake = FakeRegistry()
    return World(fake, OciPackages(fake), "registry.example/team/web")


def test_a_tag_that_vanishes_while_it_is_listed_is_left_out(alone: World) -> None:
    class Fading(FakeRegistry):
        def tags(self, image: ImageRef) -> tuple[str, ...]:
            return (*super().tags(image), "gone")

    registry = Fading()
    push_image(registry, alone.ref(":one"), "one")
    [version] = OciPackages(registry).versions(alone.ref())
    assert version.tags == ("one",)


@pytest.mark.parametrize("method", ["tags", "resolve", "manifest", "blob"])
def test_a_registry_that_fails_midway_lists_nothing(alone: World, method: str) -> None:
    registry = FakeRegistry()
    push_image(registry, alone.ref(":one"), "one")
    registry.errors[method] = RegistryUnreachable("away")
    with pytest.raises(RegistryUnreachable):
        OciPackages(registry).versions(alone.ref())


@pytest.mark.parametrize(
    ("created", "seconds"),
    [
        ("2026-01-01T00:00:00Z", NEW_YEAR),
        ("2026-01-01T01:00:00.123456789+01:00", NEW_YEAR + 0.123456),
        ("2026-01-01T00:00:00", NEW_YEAR),
        ("1970-01-01T00:00:00Z", 0),
        ("0001-01-01T00:00:00Z", 0),
        ("0001-01-01T00:00:00+14:00", 0),
        ("yesterday", 0),
        ("", 0),
    ],
)
def test_the_age_is_that_of_the_build(alone: World, created: str, seconds: float) -> None:
    push_image(alone.registry, alone.ref(":one"), "one", created=created)
    [version] = alone.packages.versions(alone.ref())
    assert version.created == pytest.approx(seconds)


def test_an_annotation_comes_before_the_config(alone: World) -> None:
    stated = {"org.opencontainers.image.created": "2026-01-01T00:00:00Z"}
    push_image(
        alone.registry, alone.ref(":one"), created="2020-01-01T00:00:00Z", annotations=stated
    )
    [version] = alone.packages.versions(alone.ref())
    assert version.created == NEW_YEAR


def test_an_index_is_as_old_as_its_parts(alone: World) -> None:
    part = push_image(alone.registry, alone.ref(), created="2026-01-01T00:00:00Z")
    inner = push_index(alone.registry, alone.ref(":inner"), [part])
    push_index(alone.registry, alone.ref(":outer"), [inner])
    assert {each.created for each in alone.packages.versions(alone.ref())} == {NEW_YEAR}


@pytest.mark.parametrize("config", [b"", b"[]", b"{}", b'{"created": 7}', b"[" * 100_000])
def test_an_age_that_is_not_said_is_unknown(alone: World, config: bytes) -> None:
    alone.registry.put_blob(alone.ref(), config)
    value = {"schemaVersion": 2, "config": descriptor("application/vnd.x+json", config)}
    manifest = Manifest(OCI_MANIFEST, encoded({**value, "layers": []}))
    alone.registry.put_manifest(alone.ref(":artifact"), manifest)
    [version] = alone.packages.versions(alone.ref())
    assert version.created == 0


def test_a_config_that_is_no_config_is_not_fetched(alone: World) -> None:
    registry = FakeRegistry()
    whole = push_image(registry, alone.ref(":one"), "one")
    value = json.loads(whole.data)
    value["config"]["size"] = 1 << 40
    registry.put_manifest(alone.ref(":one"), Manifest(OCI_MANIFEST, encoded(value)))
    registry.errors["blob"] = RegistryUnreachable("an answer of more than 4194304 bytes")
    assert [each.created for each in OciPackages(registry).versions(alone.ref())] == [0]


def test_a_manifest_that_is_gone_though_its_tag_stayed_is_listed(alone: World) -> None:
    registry = FakeRegistry()
    one = push_image(registry, alone.ref(":one"), "one")
    registry.errors[f"manifest {alone.name}@{one.digest}"] = NotFound("gone")
    [version] = OciPackages(registry).versions(alone.ref())
    assert version == Version(digest=str(one.digest), tags=("one",))


@pytest.mark.parametrize(("fresh", "tags"), [(0, ("latest", "one")), (3600, ("one",))])
def test_a_known_tag_that_moves_here_is_seen_when_the_survey_is_old(
    alone: World, fresh: float, tags: tuple[str, ...]
) -> None:
    packages = OciPackages(alone.registry, fresh=fresh)
    one = push_image(alone.registry, alone.ref(":one"), "one")
    push_image(alone.registry, alone.ref(":latest"), "two")
    listed = {each.digest: each for each in packages.versions(alone.ref())}[str(one.digest)]
    alone.registry.put_manifest(alone.ref(":latest"), one)
    assert packages.look(alone.ref(), listed) == replace(listed, tags=tags)

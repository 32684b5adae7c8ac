"""What has a digest never changes: it is asked for once, and kept on disk."""

import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from moorline.adapters.registry import OciRegistry
from moorline.core.image import Digest, ImageRef
from moorline.core.manifest import Manifest
from tests.parts.dialects import DIALECTS, Server, speaking
from tests.parts.manifests import push_image


@pytest.fixture
def server() -> Iterator[Server]:
    with speaking(next(each for each in DIALECTS if each.name == "zot")) as server:
        yield server


@pytest.fixture
def manifest(server: Server, tmp_path: Path) -> Manifest:
    """One that is in the registry, pushed by somebody else."""
    other = OciRegistry(docker_config=tmp_path)
    manifest = push_image(other, image(server), "one")
    other.close()
    server.stub.requests.clear()
    return manifest


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[OciRegistry]:
    registry = OciRegistry(docker_config=tmp_path, cache=tmp_path / "cache")
    yield registry
    registry.close()


def image(server: Server, reference: str = ":main") -> ImageRef:
    return ImageRef.parse(f"{server.address}/team/web{reference}")


def asked(server: Server) -> list[str]:
    """Methods of the requests since last time."""
    methods = [each.method for each in server.stub.requests]
    server.stub.requests.clear()
    return methods


def entry(folder: Path, digest: Digest) -> Path:
    hexadecimal = str(digest).removeprefix("sha256:")
    return folder / "cache" / "manifests" / hexadecimal[:2] / hexadecimal


def test_a_manifest_is_fetched_once(
    registry: OciRegistry, server: Server, manifest: Manifest, tmp_path: Path
) -> None:
    pinned = image(server, f"@{manifest.digest}")
    assert [registry.manifest(pinned) for _ in range(3)] == [manifest] * 3
    assert asked(server) == ["GET"]
    later = OciRegistry(docker_config=tmp_path, cache=tmp_path / "cache")
    assert later.manifest(pinned) == manifest
    assert asked(server) == []


def test_a_tag_costs_a_look_at_where_it_is(
    registry: OciRegistry, server: Server, manifest: Manifest
) -> None:
    for expected in (["HEAD", "GET"], ["HEAD"]):
        assert registry.manifest(image(server)) == manifest
        assert asked(server) == expected


def test_a_config_is_fetched_once(registry: OciRegistry, server: Server) -> None:
    digest = registry.put_blob(image(server), b"{}")
    asked(server)
    assert [registry.blob(image(server), digest) for _ in range(2)] == [b"{}"] * 2
    assert asked(server) == ["GET"]


def test_what_was_put_is_known(registry: OciRegistry, server: Server) -> None:
    manifest = push_image(registry, image(server), "two")
    asked(server)
    assert registry.manifest(image(server, f"@{manifest.digest}")) == manifest
    assert asked(server) == []


def test_whether_it_still_exists_is_always_asked(
    registry: OciRegistry, server: Server, manifest: Manifest
) -> None:
    pinned = image(server, f"@{manifest.digest}")
    registry.manifest(pinned)
    server.repositories.clear()
    assert not registry.exists(pinned)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "truncated": lambda content: content[:-1],
    "longer": lambda content: content + b" ",
    "other bytes": lambda content: content.replace(b"sha256", b"sha512"),
    "no type": lambda content: content.partition(b"\n")[2],
    "a type that cannot be": lambda content: b"nonsense\n" + content.partition(b"\n")[2],
    "a long type": lambda content: b"x" * 1000 + b"\n" + content.partition(b"\n")[2],
    "endless": lambda _: b"\0" * (8 << 20),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_entry_is_fetched_anew(
    registry: OciRegistry,
    server: Server,
    manifest: Manifest,
    tmp_path: Path,
    damage: Callable[[bytes], bytes],
) -> None:
    pinned = image(server, f"@{manifest.digest}")
    registry.manifest(pinned)
    path = entry(tmp_path, manifest.digest)
    path.write_bytes(damage(path.read_bytes()))
    asked(server)
    assert [registry.manifest(pinned) for _ in range(2)] == [manifest] * 2
    assert asked(server) == ["GET"]


def test_a_disk_that_cannot_be_written_costs_no_answer(
    registry: OciRegistry, server: Server, manifest: Manifest, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    assert registry.manifest(image(server, f"@{manifest.digest}")) == manifest


def test_a_full_disk_costs_no_answer(
    registry: OciRegistry, server: Server, manifest: Manifest, tmp_path: Path
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        assert registry.manifest(image(server, f"@{manifest.digest}")) == manifest
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(entry(tmp_path, manifest.digest).parent.iterdir()) == []


def test_a_folder_in_an_entrys_place_costs_no_answer(
    registry: OciRegistry, server: Server, manifest: Manifest, tmp_path: Path
) -> None:
    path = entry(tmp_path, manifest.digest)
    path.mkdir(parents=True)
    assert registry.manifest(image(server, f"@{manifest.digest}")) == manifest
    assert list(path.parent.iterdir()) == [path], "nothing half-written is left"


def test_the_cache_may_be_thrown_away(
    registry: OciRegistry, server: Server, manifest: Manifest, tmp_path: Path
) -> None:
    pinned = image(server, f"@{manifest.digest}")
    registry.manifest(pinned)
    shutil.rmtree(tmp_path / "cache")
    assert registry.manifest(pinned) == manifest

"""What was deleted comes back: by its id, or by putting its manifest again."""

from pathlib import Path

import pytest

from moorline.agent.retention.restore import restore
from moorline.core.image import Digest
from moorline.errors import NotFound, RegistryRefused
from tests.agent.retention_world import APP, RetentionWorld


def deleted(folder: Path, *, github: bool = True) -> RetentionWorld:
    """An index with two parts and a signature was deleted."""
    world = RetentionWorld(folder, github=github)
    world.push("amd64", age=300)
    world.push("arm64", age=300)
    world.push("index", "main-00000aa", age=300, parts=["amd64", "arm64"])
    signature = f"{str(world.names['index']).replace(':', '-')}.sig"
    world.push("signature", signature, age=300)
    world.push("running", "latest")
    world.policy()
    world.decide()
    world.pass_days(1)
    world.apply()
    assert world.left() == ["running"]
    return world


@pytest.fixture(params=[True, False], ids=["github", "plain"])
def world(tmp_path: Path, request: pytest.FixtureRequest) -> RetentionWorld:
    return deleted(tmp_path, github=request.param)


def test_an_index_comes_back_with_all_that_belongs_to_it(world: RetentionWorld) -> None:
    before = world.names.copy()
    sentence = restore(world.offices(), world.names["index"])
    assert world.left() == ["amd64", "arm64", "index", "signature", "running"]
    assert world.names == before
    assert world.tags()["main-00000aa"] == "index"
    assert f"{APP}@{world.names['index']} is back as main-00000aa with 3 manifests" in sentence


def test_it_can_be_restored_again(world: RetentionWorld) -> None:
    restore(world.offices(), world.names["index"])
    assert "is back as main-00000aa" in restore(world.offices(), world.names["index"])


def test_a_part_comes_back_alone(world: RetentionWorld) -> None:
    restore(world.offices(), world.names["arm64"])
    assert world.left() == ["arm64", "running"]


def test_a_tag_that_something_else_has_by_now_stays_there(world: RetentionWorld) -> None:
    world.registry.put(world.image("running", "main-00000aa"))
    restore(world.offices(), world.names["index"])
    assert world.tags()["main-00000aa"] == "running"
    assert "index" in world.left()


def test_what_was_never_deleted_is_not_found(world: RetentionWorld) -> None:
    with pytest.raises(NotFound, match="no record"):
        restore(world.offices(), Digest(f"sha256:{'0' * 64}"))


def test_a_part_that_is_lost_is_named(tmp_path: Path) -> None:
    world = deleted(tmp_path)
    lost = world.names["arm64"]
    for path in (world.state / "removed").glob(f"{str(lost)[7:]}-*"):
        path.unlink()
    assert f"but without {lost}" in restore(world.offices(), world.names["index"])


def test_a_plain_registry_that_collected_its_garbage_says_so(tmp_path: Path) -> None:
    world = deleted(tmp_path, github=False)
    world.registry.blobs.clear()
    with pytest.raises(RegistryRefused, match="build it again"):
        restore(world.offices(), world.names["index"])


def test_after_thirty_days_github_takes_the_manifest_again(tmp_path: Path) -> None:
    world = deleted(tmp_path)
    world.packages.deleted.clear()
    restore(world.offices(), world.names["index"])
    assert world.left() == ["amd64", "arm64", "index", "signature", "running"]


@pytest.mark.parametrize("github", [True, False], ids=["github", "plain"])
def test_from_another_host_only_an_id_helps(tmp_path: Path, *, github: bool) -> None:
    world = deleted(tmp_path, github=github)
    for path in (world.state / "removed").iterdir():
        path.unlink()
    world.decide()  # one that nothing came of yet
    if github:
        restore(world.offices(), world.names["index"])
        assert "index" in world.left()
        return
    with pytest.raises(RegistryRefused, match="on the host that deleted it"):
        restore(world.offices(), world.names["index"])

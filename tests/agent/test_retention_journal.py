"""The journal and what lies beside it: nothing half-written counts, and nothing is lost."""

from pathlib import Path

import pytest

from moorline.agent.retention.apply import apply_due
from moorline.agent.retention.journal import Journal, Line, Outgoing
from moorline.agent.retention.ledger import Memory, MemoryFile
from moorline.agent.retention.nodecache import NodeCache
from moorline.agent.retention.removed import KEPT, Removed, Saved
from moorline.core.manifest import Blob, Node
from moorline.errors import StorageFailed
from tests.agent.retention_world import RetentionWorld
from tests.core.retention_worlds import digest

BEGIN = Line(turn="begin", decision="20261123T020000Z-retention-3f9c2d1", at=5.0)
ENDED = Line(turn="ended", package="p", digest="d", result="deleted", tags=("a", "b"))


def lines(folder: Path) -> list[Line]:
    journal = Journal(folder)
    journal.load()
    return journal.lines


def with_one_due(folder: Path) -> RetentionWorld:
    """A world in which one version is to be deleted now."""
    world = RetentionWorld(folder)
    world.push("old", "main-00000aa", age=300)
    world.push("running", "latest", age=300)
    world.policy()
    world.decide()
    world.pass_days(1)
    return world


def test_a_journal_is_read_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "retention")
    journal.load()
    for line in (BEGIN, ENDED):
        journal.write(line)
    assert journal.lines == lines(tmp_path / "retention") == [BEGIN, ENDED]


@pytest.mark.parametrize("cut", range(1, 30))
def test_a_line_cut_off_by_a_crash_never_was(tmp_path: Path, cut: int) -> None:
    journal = Journal(tmp_path)
    journal.write(BEGIN)
    journal.write(ENDED)
    path = tmp_path / "journal.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    assert lines(tmp_path) == [BEGIN]
    again = Journal(tmp_path)
    again.load()
    again.write(ENDED)
    assert lines(tmp_path) == [BEGIN, ENDED]


def test_a_damaged_journal_is_a_matter_for_a_person(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_bytes(b'{"turn": "cooked"}\n')
    with pytest.raises(StorageFailed, match=r"journal.jsonl is damaged"):
        lines(tmp_path)


def test_clearing_goes_on_where_it_was_cut_off(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write(BEGIN)
    journal.hand_over(Outgoing(files={"a": "b"}, message="m"))
    (tmp_path / "journal.jsonl").unlink()
    assert journal.outgoing() == Outgoing(files={"a": "b"}, message="m")
    journal.clear()
    assert journal.outgoing() is None


def test_a_record_that_waits_for_git_is_filed_before_anything_else(tmp_path: Path) -> None:
    world = with_one_due(tmp_path)
    world.while_deleting("old", world.lose_git)
    with pytest.raises(Exception, match="no route"):
        world.apply()
    assert (world.state / "outgoing.json").exists()
    (world.state / "journal.jsonl").unlink()
    world.remote.trouble = None
    assert world.apply().count("deleted") == 1
    assert apply_due(world.offices()) is None
    assert not (world.state / "outgoing.json").exists()


def test_a_full_disk_deletes_nothing(tmp_path: Path) -> None:
    world = with_one_due(tmp_path)
    (world.state / "removed").write_text("in the way")
    with pytest.raises(StorageFailed):
        world.apply()
    assert world.deleted() == []


def test_memory_that_is_damaged_is_found_again(tmp_path: Path) -> None:
    file = MemoryFile(tmp_path)
    assert file.load() == Memory()
    file.remember(trouble="none really")
    assert file.load().trouble == "none really"
    (tmp_path / "state.json").write_text('{"looked": ')
    assert file.load() == Memory()


# --- manifests that were deleted, and those that were read --------------------------------------


def saved(package: str, at: float) -> Saved:
    return Saved(
        package=package,
        digest=digest("a"),
        id="1",
        tags=("t",),
        media_type="x/y",
        data="e30=",
        decision="d",
        at=at,
    )


def test_a_digest_is_kept_once_for_each_package(tmp_path: Path) -> None:
    removed = Removed(tmp_path)
    assert removed.find(digest("a")) == ()
    removed.save(saved("one", 10.0))
    removed.save(saved("two", 20.0))
    assert [each.package for each in removed.find(digest("a"))] == ["two", "one"]
    assert removed.of_package("one") == {digest("a"): saved("one", 10.0)}
    assert removed.find(digest("a"))[0].manifest.data == b"{}"


def test_what_nobody_can_bring_back_is_dropped(tmp_path: Path) -> None:
    removed = Removed(tmp_path)
    removed.forget(0.0)
    removed.save(saved("one", 10.0))
    removed.save(saved("two", 20.0))
    removed.forget(15.0 + KEPT)
    (tmp_path / "removed" / f"{digest('a')[7:]}-0.json").write_text("{")
    assert [each.package for each in removed.find(digest("a"))] == ["two"]


NODES = {
    digest("image"): Node(
        digest=digest("image"),
        size=7,
        config=digest("config"),
        blobs=(Blob(digest("config"), 3), Blob(digest("layer"), 4)),
        subject=digest("index"),
        artifact_type="a/b",
        revision="r",
        created="c",
    ),
    digest("index"): Node(
        digest=digest("index"),
        size=8,
        children=(digest("image"), digest("other")),
        platforms=("linux/amd64",),
    ),
    digest("other"): Node(digest=digest("other"), size=9, blobs=(Blob(digest("layer"), 4),)),
}


def test_nodes_are_read_back_and_share_their_blobs(tmp_path: Path) -> None:
    cache = NodeCache(tmp_path, "ghcr.io/acme/app")
    assert cache.load() == {}
    cache.save(NODES)
    found = cache.load()
    assert found == NODES
    assert found[digest("image")].blobs[1] is found[digest("other")].blobs[0]
    assert NodeCache(tmp_path, "ghcr.io/acme/other").load() == {}


@pytest.mark.parametrize("data", [b"", b"\x93", b"\x94\x02\x90\x90\x90", b"[]"])
def test_a_damaged_cache_is_read_from_the_registry_again(tmp_path: Path, data: bytes) -> None:
    cache = NodeCache(tmp_path, "ghcr.io/acme/app")
    cache.save({})
    next((tmp_path / "nodes").iterdir()).write_bytes(data)
    assert cache.load() == {}

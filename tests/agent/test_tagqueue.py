import threading
from pathlib import Path

import pytest

from moorline.agent.registry.tagqueue import TagQueue
from moorline.core.image import ImageRef
from moorline.core.tagging import TagMove
from moorline.errors import StorageFailed
from tests.core.builders import digest

NAME = "registry.example/acme/web"


def move(version: str, *, before: str = "", record: str = "1", tag: str = "current") -> TagMove:
    rollbacks = (f"{NAME}:production-rollback-{record}@{digest(before)}",) if before else ()
    return TagMove(
        current=ImageRef.parse(f"{NAME}:production-{tag}@{digest(version)}"),
        rollbacks=tuple(ImageRef.parse(each) for each in rollbacks),
        inherited="" if before else f"production-rollback-{record}",
        services=("web",),
        deployment=record,
    )


@pytest.fixture
def queue(tmp_path: Path) -> TagQueue:
    return TagQueue(tmp_path, "production")


def test_nothing_waits_at_first(queue: TagQueue) -> None:
    assert queue.waiting() == ()


def test_what_is_put_survives_the_process(queue: TagQueue, tmp_path: Path) -> None:
    moves = (move("1"), move("2", before="1", tag="api-current"))
    queue.put(moves)
    assert TagQueue(tmp_path, "production").waiting() == moves


def test_putting_the_same_again_changes_nothing(queue: TagQueue) -> None:
    first, second = move("1"), move("2", before="1", record="2")
    queue.put([first])
    queue.put([second])
    once = queue.entries()
    queue.refused(once[0].move, "no")
    refused = queue.entries()
    queue.put([second])
    assert queue.entries() == refused


def test_a_newer_move_replaces_an_older_one_and_keeps_its_rollback_tags(queue: TagQueue) -> None:
    queue.put([move("1", before="0")])
    queue.refused(queue.waiting()[0], "no")
    queue.put([move("2", before="1", record="2")])
    (entry,) = queue.entries()
    assert entry.move.current.digest == digest("2")
    assert [each.digest for each in entry.move.rollbacks] == [digest("0"), digest("1")]
    # what was wrong with the old one says nothing about the new one
    assert (entry.waits, entry.trouble) == ("", False)


def test_what_is_done_waits_no_more(queue: TagQueue) -> None:
    queue.put([move("1"), move("1", tag="api-current")])
    queue.done(move("1"))
    assert queue.waiting() == (move("1", tag="api-current"),)
    queue.done(move("1"))
    assert queue.waiting() == (move("1", tag="api-current"),)


def test_a_move_that_came_meanwhile_is_not_done(queue: TagQueue) -> None:
    queue.put([move("1")])
    queue.put([move("2", before="1", record="2")])
    queue.done(move("1"))
    queue.delayed(move("1"), "too late")
    (entry,) = queue.entries()
    assert (entry.move.current.digest, entry.waits) == (digest("2"), "")


def test_why_a_move_waits_is_kept(queue: TagQueue, tmp_path: Path) -> None:
    queue.put([move("1")])
    queue.delayed(move("1"), "away")
    assert [(each.waits, each.trouble) for each in queue.entries()] == [("away", False)]
    queue.refused(move("1"), "denied")
    (entry,) = TagQueue(tmp_path, "production").entries()
    assert (entry.waits, entry.trouble) == ("denied", True)


def test_saying_the_same_again_writes_nothing(queue: TagQueue, tmp_path: Path) -> None:
    queue.put([move("1")])
    queue.delayed(move("1"), "away")
    file = tmp_path / "tags" / "production.json"
    number = file.stat().st_ino
    queue.delayed(move("1"), "away")
    assert file.stat().st_ino == number


@pytest.mark.parametrize("damage", [b"", b"{", b'[{"current": "a b"}]', b'[{"current": 1}]'])
def test_a_damaged_file_is_named_and_the_next_put_replaces_it(
    queue: TagQueue, tmp_path: Path, damage: bytes
) -> None:
    queue.put([move("1")])
    (tmp_path / "tags" / "production.json").write_bytes(damage)
    with pytest.raises(StorageFailed, match=r"production\.json is damaged.*remove it"):
        queue.waiting()
    queue.put([move("2")])
    assert queue.waiting() == (move("2"),)


def test_threads_do_not_lose_each_others_moves(tmp_path: Path) -> None:
    def put(number: int) -> None:
        TagQueue(tmp_path, "production").put([move("1", tag=f"s{number}-current")])

    threads = [threading.Thread(target=put, args=(number,)) for number in range(12)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(TagQueue(tmp_path, "production").waiting()) == 12

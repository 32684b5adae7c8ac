"""When tags are moved: at once, later, or by a command that does not wait long."""

import math
import threading
from pathlib import Path

import pytest

from moorline.agent.registry.errands import TagErrands, flush_tags, queues_of, tagger_of
from moorline.agent.registry.tagging import Tagger
from moorline.agent.registry.tagqueue import TagQueue
from moorline.core.image import Digest, ImageRef
from moorline.core.tagging import TagMove
from moorline.errors import RateLimited, RegistryUnreachable
from tests.agent.tags import Tags, pin
from tests.fakes.registry import FakeRegistry


@pytest.fixture
def tags(tmp_path: Path) -> Tags:
    return Tags(tmp_path)


def errands(tags: Tags) -> TagErrands:
    return TagErrands(queues_of(tags.world.config), tags.tagger, tags.world.clock)


def test_nothing_is_due_and_nothing_opened_where_nothing_waits(tags: Tags) -> None:
    opened: list[str] = []

    def open_tagger() -> Tagger:
        opened.append("tagger")
        return tags.tagger()

    task = TagErrands(queues_of(tags.world.config), open_tagger, tags.world.clock)
    assert task.due_in() == math.inf
    assert opened == []
    tags.deploy("1", deliver=False)
    assert task.due_in() <= 0
    task.run()
    assert (opened, task.due_in()) == (["tagger"], math.inf)


def test_failures_are_tried_again_ever_more_rarely(tags: Tags) -> None:
    task = errands(tags)
    tags.deploy("1", deliver=False)
    tags.registry.error = RegistryUnreachable("away")
    delays = []
    for _ in range(12):
        task.run()
        delays.append(round(task.due_in(), 3))
        tags.world.clock.wait(delays[-1] + 0.001)
        assert task.due_in() <= 0
    assert delays[:4] == [2, 4, 8, 16]
    assert delays[-1] == 300
    tags.registry.error = None
    task.run()
    assert task.due_in() == math.inf


def test_a_new_move_does_not_wait_for_an_old_one(tags: Tags) -> None:
    task = errands(tags)
    tags.deploy("1", deliver=False)
    tags.registry.error = RegistryUnreachable("away")
    for _ in range(6):
        task.run()
    assert task.due_in() > 30
    tags.deploy("2", deliver=False)
    assert task.due_in() <= 0


def test_a_registry_that_asks_for_patience_gets_it(tags: Tags) -> None:
    task = errands(tags)
    tags.deploy("1", deliver=False)
    tags.registry.error = RateLimited("slow down", seconds=90)
    task.run()
    assert task.due_in() == 90
    two = tags.deploy("2", deliver=False)
    tags.registry.error = None
    assert 0 < task.due_in() <= 90
    tags.world.clock.wait(task.due_in())
    task.run()
    assert tags.found()["production-current"] == pin(two)


def test_a_registry_that_is_away_is_asked_once_in_a_round(tags: Tags) -> None:
    away = RegistryUnreachable("away")
    asked: list[str] = []

    class Counting(FakeRegistry):
        def resolve(self, image: ImageRef) -> Digest:
            asked.append(image.registry)
            if image.registry == "dead.example":
                raise away
            return super().resolve(image)

    registry = Counting()
    queue = TagQueue(Path(tags.world.config.state_dir), "production")
    moves = []
    for name in ("dead.example/a", "dead.example/b", "alive.example/c"):
        image = tags.world.image("1")
        registry.put(ImageRef.parse(f"{name}:1").pinned(pin(image)))
        current = ImageRef.parse(f"{name}:production-current").pinned(pin(image))
        moves.append(TagMove(current=current, services=("web",), deployment="1"))
    queue.put(moves)
    tagger_of(tags.world.config, registry, tags.notes, lambda: None).run({"production": queue})
    assert asked.count("dead.example") == 1
    assert [each.current.repository for each in queue.waiting()] == ["a", "b"]
    assert {each.waits for each in queue.entries()} == {"away"}


# --- without a daemon ----------------------------------------------------------------------------


def test_a_flush_moves_what_waits(tags: Tags) -> None:
    tags.deploy("1", deliver=False)
    left = flush_tags(tags.world.config, "production", lambda: tags.registry, within=30)
    assert left == ()
    assert "production-current" in tags.found()


def test_a_flush_opens_nothing_where_nothing_waits(tags: Tags) -> None:
    def refuse() -> FakeRegistry:
        raise AssertionError("opened")

    assert flush_tags(tags.world.config, "production", refuse, within=30) == ()


def test_a_flush_ends_in_time_and_what_it_left_is_done_later(tags: Tags) -> None:
    answers, left_off = threading.Event(), threading.Event()

    class Hanging(FakeRegistry):
        def resolve(self, image: ImageRef) -> Digest:
            answers.wait(30)
            left_off.set()
            return super().resolve(image)

    one = tags.deploy("1", deliver=False)
    hanging = Hanging()
    hanging.put(one)
    (entry,) = flush_tags(tags.world.config, "production", lambda: hanging, within=0.05)
    assert entry.move.current.digest == one.digest
    answers.set()
    assert left_off.wait(30)
    assert hanging.changes == []
    tags.deliver()
    assert "production-current" in tags.found()

"""Killed at every call to the registry and every write of the queue: the tags are right, once."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from moorline.agent.registry.tagqueue import Queued, TagQueue
from moorline.core.image import Digest, ImageRef
from moorline.core.manifest import Manifest
from tests.agent.tags import QUICK, Tags, pin
from tests.agent.test_crashes import Blade, CutJournal, CutMemory, Killed
from tests.fakes.engine import Script
from tests.fakes.registry import FakeRegistry


class CutRegistry(FakeRegistry):
    """A registry whose calls may be the last thing that happens."""

    def __init__(self, blade: Blade) -> None:
        super().__init__()
        self._blade = blade

    def resolve(self, image: ImageRef) -> Digest:
        with self._blade.around():
            return super().resolve(image)

    def manifest(self, image: ImageRef) -> Manifest:
        with self._blade.around():
            return super().manifest(image)

    def put_manifest(self, image: ImageRef, manifest: Manifest) -> None:
        with self._blade.around():
            super().put_manifest(image, manifest)


class CutQueue(TagQueue):
    """A queue whose writes may be."""

    def __init__(self, blade: Blade, folder: Path) -> None:
        super().__init__(folder, "production")
        self._blade = blade

    def _save(self, entries: Iterable[Queued]) -> None:
        with self._blade.around():
            super()._save(entries)


class House:
    """A host whose every durable step may be its last."""

    def __init__(self, folder: Path) -> None:
        self.blade = Blade()
        self.tags = Tags(folder)
        self.world = self.tags.world
        self.world.registry = CutRegistry(self.blade)
        state = Path(self.world.config.state_dir)
        self.world.ledger = replace(
            self.world.ledger,
            tags=CutQueue(self.blade, state),
            journal=CutJournal(self.blade, state),
            memory=CutMemory(self.blade, state),
        )
        self.world.start()

    def survive(self) -> None:
        """Work in one process after the other until one ends."""
        for _ in range(3):
            try:
                self.world.run()
                self.tags.tagger().run({"production": self.tags.queue})
            except Killed:
                self.world.clock.wait(5)
                self.world.start()
            else:
                return
        raise AssertionError("killed more than once")


def test_killed_anywhere_the_tags_are_right_in_the_end(tmp_path: Path) -> None:
    for number in range(1, 200):
        house = House(tmp_path / str(number))
        tags, world = house.tags, house.world
        one = tags.deploy("1")
        two = world.image("2", Script(behaviour="healthy"))
        world.push({"web": {"image": str(two), "x-moorline": {"health": QUICK}}})
        house.blade.left = number
        house.survive()
        was_reached = house.blade.left <= 0
        house.blade.left = 0
        assert tags.shape() == [("current", pin(two)), ("rollback", pin(one))]
        assert tags.queue.waiting() == ()
        assert [each.outcome for each in world.records()] == ["proven", "proven"]
        if not was_reached:
            assert number > 40
            return
    raise AssertionError("endless")


def test_killed_before_a_newer_commit_what_was_proven_in_between_keeps_its_tag(
    tmp_path: Path,
) -> None:
    seen = set()
    for number in range(1, 200):
        house = House(tmp_path / str(number))
        tags, world = house.tags, house.world
        one = tags.deploy("1")
        two, three = (world.image(each, Script(behaviour="healthy")) for each in ("2", "3"))
        second = world.push({"web": {"image": str(two), "x-moorline": {"health": QUICK}}})
        house.blade.left = number
        with suppress(Killed):
            world.run()
        was_reached = house.blade.left <= 0
        house.blade.left = 0
        world.clock.wait(5)
        world.push({"web": {"image": str(three), "x-moorline": {"health": QUICK}}})
        world.start()
        world.run()
        tags.deliver()
        proven = {each.commit for each in world.records() if each.outcome == "proven"}
        between = [two] if second in proven else []
        before = [("rollback", pin(each)) for each in (one, *between)]
        assert tags.shape() == [("current", pin(three)), *before], number
        seen.add(len(before))
        if not was_reached:
            assert seen == {1, 2}
            return
    raise AssertionError("endless")


def test_killed_in_a_relapse_current_goes_back(tmp_path: Path) -> None:
    for number in range(1, 200):
        house = House(tmp_path / str(number))
        tags, world = house.tags, house.world
        one = tags.deploy("1")
        tags.deploy("2")
        world.engine.turn("production-web-1", "unhealthy")
        house.blade.left = number
        house.survive()
        was_reached = house.blade.left <= 0
        house.blade.left = 0
        world.run()
        tags.deliver()
        assert tags.shape() == [("current", pin(one)), ("rollback", pin(one))], number
        assert tags.queue.waiting() == ()
        if not was_reached:
            assert number > 20
            return
    raise AssertionError("endless")

"""What is gone from the registry is told ahead of need, and only what is known to be gone."""

import math
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from moorline.agent.config import RegistryConfig
from moorline.agent.registry.checking import VanishedCheck
from moorline.agent.registry.vanished import VanishedFile
from moorline.agent.views.status import status_of
from moorline.core.image import ImageRef
from moorline.errors import AccessDenied, MoorlineError, RegistryUnreachable
from tests.agent.tags import QUICK, Tags, pin
from tests.fakes.engine import Script

HOUR = 3600


class Check:
    """A host with three proven versions, and its check."""

    def __init__(self, folder: Path) -> None:
        self.tags = Tags(folder)
        self.world = self.tags.world
        self.images = [self.tags.deploy(version) for version in ("1", "2", "3")]
        self.start()

    def start(self, interval: str = "6h") -> None:
        """Start the process anew."""
        registry = RegistryConfig(check_interval=interval)
        self.world.config = msgspec.structs.replace(self.world.config, registry=registry)
        self.world.start()
        self.world.host.repo.fetch()
        host = replace(self.world.host, reporter=self.tags.notes)
        self.task = VanishedCheck(host, lambda: self.tags.registry)

    @property
    def due(self) -> int:
        """Seconds until the next look."""
        return round(self.task.due_in())

    def look(self) -> None:
        self.world.clock.wait(max(0.0, self.task.due_in()))
        self.task.run()

    def troubles(self) -> list[str]:
        return list(status_of(self.world.host, self.world.ledger).troubles)

    @property
    def file(self) -> VanishedFile:
        return VanishedFile(Path(self.world.config.state_dir), "production")


@pytest.fixture
def check(tmp_path: Path) -> Check:
    return Check(tmp_path)


def test_where_all_is_there_nothing_is_said(check: Check) -> None:
    check.look()
    assert check.troubles() == []
    assert check.file.load().unknown == {}


def test_a_version_to_go_back_to_that_is_gone_is_a_trouble_until_it_is_back(check: Check) -> None:
    one, two, _ = check.images
    check.tags.registry.drop(two)
    check.tags.registry.drop(one)
    check.look()
    rollback = "a rollback to it works only as long as this host has its image"
    assert check.troubles() == [
        f"web: the version before, {two.pin}, is gone from the registry: {rollback}",
        f"web: an earlier version, {one.pin}, is gone from the registry: {rollback}",
    ]
    check.look()
    assert check.tags.notes.count("image gone from the registry") == 2
    check.tags.registry.put(one)
    check.tags.registry.put(two)
    check.look()
    assert check.troubles() == []
    assert check.tags.notes.count("image no longer missed") == 2


def test_what_runs_and_is_gone_is_a_trouble(check: Check) -> None:
    three = check.images[2]
    check.tags.registry.drop(three)
    check.look()
    (trouble,) = check.troubles()
    assert trouble.startswith(f"web: what is proven, {three.pin}, is gone from the registry: it c")


def test_what_is_pinned_and_not_there_is_a_trouble_jobs_included(check: Check) -> None:
    four = check.world.image("4", Script(behaviour="healthy"))
    job = ImageRef.parse("registry.example/acme/migrate:1").pinned(pin(four))
    migrate = {"name": "migrate", "image": str(job), "command": ["up"]}
    own = {"health": QUICK, "jobs": {"before": [migrate]}}
    check.world.push({"web": {"image": str(four), "x-moorline": own}})
    check.world.host.repo.fetch()
    check.tags.registry.drop(four)
    check.look()
    assert [(each.service, each.role) for each in check.file.load().gone] == [
        ("web", "what is pinned"),
        ("web/migrate", "what is pinned"),
    ]


@pytest.mark.parametrize("error", [RegistryUnreachable("away"), AccessDenied("who are you?")])
def test_no_answer_is_no_loss(check: Check, error: MoorlineError) -> None:
    check.tags.registry.error = error
    check.look()
    assert check.troubles() == []
    assert set(check.file.load().unknown.values()) == {str(error)}


@pytest.mark.parametrize("error", [RegistryUnreachable("away"), AccessDenied("who are you?")])
def test_what_was_lost_stays_lost_until_it_is_seen(check: Check, error: MoorlineError) -> None:
    check.tags.registry.drop(check.images[1])
    check.look()
    (before,) = check.file.load().gone
    check.tags.registry.error = error
    check.look()
    assert check.file.load().gone == (before,)


def test_a_registry_that_is_away_is_asked_once(check: Check) -> None:
    asked: list[str] = []
    registry = check.tags.registry

    def exists(image: ImageRef) -> bool:
        asked.append(str(image))
        raise RegistryUnreachable("away")

    registry.exists = exists  # type: ignore[method-assign]
    check.look()
    assert len(asked) == 1
    assert len(check.file.load().unknown) == 3


def test_it_is_asked_now_and_then_also_across_restarts(check: Check) -> None:
    assert check.due == 60
    check.look()
    assert check.due == 6 * HOUR
    check.world.clock.wait(5 * HOUR)
    check.start()
    assert check.due == HOUR
    check.world.clock.wait(2 * HOUR)
    check.start()
    assert check.due == 60


def test_a_clock_that_was_set_back_does_not_end_the_checks(check: Check) -> None:
    check.look()
    found = check.file.load()
    check.file.save(msgspec.structs.replace(found, looked="2099-01-01T00:00:00+00:00"))
    assert check.task.due_in() <= 0


def test_it_can_be_switched_off(check: Check) -> None:
    check.start("0s")
    assert check.task.due_in() == math.inf


def test_a_file_nobody_can_follow_hides_nothing_else(check: Check) -> None:
    check.world.push({"web": {"image": "UPPER:1"}})
    check.world.host.repo.fetch()
    check.tags.registry.drop(check.images[1])
    check.look()
    assert len(check.file.load().gone) == 1


def test_a_damaged_file_is_asked_for_anew(check: Check) -> None:
    check.tags.registry.drop(check.images[1])
    check.look()
    path = Path(check.world.config.state_dir, "tags", "production.vanished.json")
    path.write_text("{")
    assert check.troubles() == []
    check.look()
    assert len(check.troubles()) == 1

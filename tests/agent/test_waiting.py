"""A rollout that waits: for a canary's share to be judged, or for a person."""

from pathlib import Path

import pytest

from moorline.adapters.ingress_port import TrackStats
from moorline.agent.execution.promotion import Promotion
from moorline.agent.views.status import status_of
from moorline.core.image import ImageRef
from moorline.core.traffic import Track
from moorline.errors import InvalidEnvironment
from tests.agent.world import World
from tests.fakes.engine import Script
from tests.fakes.ingress import FakeIngress

STEPS = [{"weight": 5, "for": "10s"}, {"weight": 50, "pause": True}]


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, ingress=FakeIngress())
    world.deploy({"web": service(world.image("1"))})
    return world


def service(image: ImageRef) -> dict[str, object]:
    limits = {"error_rate": "2%", "min_requests": 10}
    own = {
        "health": {"stability": "1s", "deadline": "5s"},
        "strategy": "canary",
        "canary": {"steps": STEPS, "abort_on": limits},
    }
    return {"image": str(image), "ports": ["8080:80"], "x-moorline": own}


def ingress(world: World) -> FakeIngress:
    assert isinstance(world.ingress, FakeIngress)
    return world.ingress


def share(world: World) -> int:
    return ingress(world).observe("production")["web"].share


def cycles(world: World, number: int) -> list[str]:
    """Cycles a second apart."""
    words = []
    for _ in range(number):
        words.append(world.run().word)
        world.clock.elapsed += 1
    return words


def errors(world: World, track: Track) -> None:
    """The new version fails half of what it gets."""
    stats = ingress(world).stats("production", "web")[track]
    broken = TrackStats(requests=stats.requests + 100, errors=stats.errors + 50)
    ingress(world).count("production", "web", track, broken)


def promote(world: World, step: int) -> None:
    entry = world.ledger.journal.load()
    assert entry is not None
    Promotion(Path(world.config.state_dir), "production", "web").write(entry.id, step)


def test_a_step_that_lasts_leaves_the_rollout_open(world: World) -> None:
    commit = world.push({"web": service(world.image("2"))})
    outcome = world.run()
    assert (outcome.word, outcome.exit_code, outcome.seconds) == ("waiting", 4, 1.0)
    assert "5 %" in outcome.sentence
    entry = world.ledger.journal.load()
    assert entry is not None
    assert (entry.commit, entry.phase) == (commit, "touching")
    assert len(world.engine.running()) == 2
    assert len(world.records()) == 1


def test_it_goes_on_to_its_end(world: World) -> None:
    commit = world.push({"web": service(world.image("2"))})
    assert set(cycles(world, 15)) == {"waiting"}
    promote(world, 1)
    assert world.run().word == "proven"
    record = world.record(commit)
    web = record["services"]["web"]  # type: ignore[index]
    assert [each["ended"] for each in web["canary"]] == ["passed", "promoted"]
    # the gate's evidence is of the first cycle, and the record of the last
    assert web["verdict"] == "healthy"
    assert len(world.records("backup")) == 1
    assert world.engine.running() == ["production-web-1"]


def test_a_new_process_takes_it_up_again(world: World) -> None:
    world.push({"web": service(world.image("2"))})
    cycles(world, 11)
    entry = world.ledger.journal.load()
    world.start()
    assert world.run().word == "waiting"
    again = world.ledger.journal.load()
    assert entry is not None
    assert again is not None
    assert (again.id, again.plan, again.canaries["web"]["step"]) == (entry.id, entry.plan, 1)


def test_a_waiting_rollout_is_no_event_and_no_trouble(world: World) -> None:
    world.push({"web": service(world.image("2"))})
    before = world.ledger.memory.load()
    cycles(world, 3)
    memory = world.ledger.memory.load()
    assert (memory.trouble, memory.last_event) == ("", before.last_event)


def test_a_canary_that_fails_is_taken_back(world: World) -> None:
    commit = world.push({"web": service(world.image("2"))})
    before = share(world)
    cycles(world, 2)
    errors(world, "green" if before == 0 else "blue")
    outcome = world.run()
    assert outcome.word == "taken back"
    assert share(world) == before
    assert world.engine.running() == ["production-web-1"]
    record = world.record(commit)
    assert record["services"]["web"]["canary"][-1]["ended"] == "aborted"  # type: ignore[index]


def test_a_newer_commit_ends_it(world: World) -> None:
    commit = world.push({"web": service(world.image("2"))})
    cycles(world, 2)
    newer = world.push({"web": service(world.image("3"))})
    words = cycles(world, 2)
    assert words[-1] == "waiting"
    assert world.record(commit)["outcome"] == "superseded"
    entry = world.ledger.journal.load()
    assert entry is not None
    assert (entry.commit, entry.canaries["web"]["step"]) == (newer, 0)


def test_a_file_that_nobody_can_follow_does_not_end_it(world: World) -> None:
    world.push({"web": service(world.image("2"))})
    world.run()
    world.push({"web": {"image": "web:latest"}})
    outcome = world.run()
    assert isinstance(outcome.complaint, InvalidEnvironment)
    assert share(world) == 500
    assert len(world.engine.running()) == 2
    third = world.push({"web": service(world.image("3"))})
    assert world.run().word == "superseded" or world.run().word == "waiting"
    entry = world.ledger.journal.load()
    assert entry is not None
    assert entry.commit == third


def test_status_shows_how_far_it_came(world: World) -> None:
    world.push({"web": service(world.image("2"))})
    cycles(world, 3)
    (canary,) = status_of(world.host, world.ledger).canaries
    assert (canary.service, canary.step, canary.steps, canary.weight) == ("web", 1, 2, 5.0)
    assert (canary.paused, canary.until) == (False, "2026-11-23T10:00:12+00:00")
    cycles(world, 12)
    found = status_of(world.host, world.ledger)
    assert (found.canaries[0].paused, found.canaries[0].until) == (True, "")
    assert found.as_data()["canaries"] == [
        {
            "service": "web",
            "step": 2,
            "steps": 2,
            "weight": 50.0,
            "until": None,
            "paused": True,
            "requests": 0,
            "error_rate": 0.0,
            "old_error_rate": 0.0,
        }
    ]
    assert not found.in_step


def test_the_watch_begins_once_it_is_proven(world: World) -> None:
    first = world.records()[0].commit
    image = world.image("2", Script(behaviour="healthy"))
    world.push({"web": service(image)})
    cycles(world, 12)
    promote(world, 1)
    assert world.run().word == "proven"
    world.engine.turn("production-web-1", "unhealthy")
    assert world.run().word == "taken back"
    proven = world.ledger.memory.load().proven
    assert proven is not None
    assert proven.commit == first

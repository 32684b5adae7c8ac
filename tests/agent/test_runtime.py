"""The runtime watch: what fails while it serves, soon after its rollout and later."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from moorline.agent.durable.memory import Memory, MemoryFile
from moorline.agent.views.status import status_of
from moorline.core.image import ImageRef
from moorline.errors import Conflict, NotFound, StorageFailed
from tests.agent.world import PATH, World
from tests.fakes.engine import Script

QUICK = {"stability": "1s", "deadline": "5s"}
NAME = "production-web-1"
LATER = 700.0
"""Seconds after which nothing is watched any more."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def service(image: ImageRef, **keys: object) -> dict[str, object]:
    return {"image": str(image), "x-moorline": {"health": QUICK}, **keys}


def checked(world: World, version: str) -> ImageRef:
    """An image with a healthcheck."""
    return world.image(version, Script(behaviour="healthy", logs=(f"version {version}",)))


def deploy_two(world: World, **keys: object) -> tuple[str, str]:
    """Two versions, the second one just proven; returns their commits."""
    first = world.deploy({"web": service(checked(world, "1"), **keys)})
    return first, world.deploy({"web": service(checked(world, "2"), **keys)})


def pin(world: World) -> str:
    """What runs as the one service."""
    return str(world.engine.containers[_id(world)].body["Image"]).partition("@")[0]


def _id(world: World) -> str:
    return next(each.id for each in world.engine.containers.values() if each.name == NAME)


def crash(world: World, times: int, *, oom: bool = False) -> None:
    for _ in range(times):
        world.engine.crash(NAME, oom=oom)
        world.clock.elapsed += 1


# --- soon after the rollout ---


def test_what_turns_unhealthy_is_taken_back(world: World) -> None:
    first, second = deploy_two(world)
    world.engine.turn(NAME, "unhealthy")
    outcome = world.run()
    assert (outcome.word, outcome.exit_code) == ("taken back", 3)
    assert outcome.sentence == (
        f"production: {second[:7]} failed (web: unhealthy soon after it was proven); "
        f"taken back to {first[:7]}"
    )
    assert pin(world).endswith(":1")
    assert world.engine.running() == [NAME]
    assert len(world.engine.containers) == 1


def test_it_ends_as_any_failed_rollout(world: World) -> None:
    first, second = deploy_two(world)
    file = world.remote.show(first, PATH)
    world.engine.turn(NAME, "unhealthy")
    outcome = world.run()
    assert world.remote.show("main", PATH) == file
    assert len(world.rollbacks()) == 1
    records = world.records()
    assert [(each.commit, each.outcome) for each in records[1:]] == [
        (second, "proven"),
        (second, "taken back"),
    ]
    assert outcome.record == records[-1].id != records[-2].id
    memory = world.ledger.memory.load()
    assert memory.proven is not None
    assert (memory.proven.commit, memory.earlier) == (first, ())
    assert [each.commit for each in memory.quarantine] == [second]
    assert world.ledger.journal.load() is None
    # the rollback commit is the proven file: nothing is left to do
    assert world.run().word in {"proven", "converged"}
    assert pin(world).endswith(":1")


def test_the_evidence_is_on_record(world: World) -> None:
    deploy_two(world)
    world.engine.turn(NAME, "unhealthy")
    record = world.whole_record(world.run().record)
    evidence = record["services"]["web"]
    assert (evidence["verdict"], evidence["reason"]) == ("failed", "unhealthy")
    assert evidence["samples"][0]["detail"] == "fake: unhealthy"
    assert evidence["logs"] == ["version 2"]
    assert {"verdict", "restored"} <= record["timings"].keys()


@pytest.mark.parametrize(
    ("deaths", "oom", "word"),
    [(1, True, "taken back"), (3, False, "taken back"), (2, False, "converged")],
)
def test_a_loop_or_a_lack_of_memory_is_taken_back(
    world: World, deaths: int, word: str, *, oom: bool
) -> None:
    deploy_two(world, restart="always")
    crash(world, deaths, oom=oom)
    assert world.run().word == word


def test_a_loop_without_a_restart_policy_is_noticed_as_well(world: World) -> None:
    deploy_two(world)
    words = []
    for _ in range(3):
        world.engine.crash(NAME, exit_code=3)
        words.append(world.run().word)
        world.clock.elapsed += 2
    assert words == ["failed", "failed", "taken back"]
    assert pin(world).endswith(":1")
    assert world.ledger.memory.load().quarantine[0].reason.startswith("web: died 3 times")


def test_what_hands_do_is_no_failure(world: World) -> None:
    deploy_two(world, restart="always")
    for _ in range(5):
        world.engine.kill(NAME)
        assert world.run().word == "repaired"
        world.engine.stop(NAME, grace=1)
        assert world.run().word == "repaired"
        world.engine.remove(NAME)
        assert world.run().word == "repaired"
        world.engine.pause(NAME)
        assert world.run().word == "repaired"
    assert pin(world).endswith(":2")
    assert world.ledger.memory.load().restarts == {}


def test_deaths_before_the_proof_are_not_counted(world: World) -> None:
    world.deploy({"web": service(checked(world, "1"), restart="always")})
    crash(world, 2)
    # the same containers, so nothing is proven anew
    world.deploy({"web": service(checked(world, "2"), restart="always")})
    crash(world, 1)
    assert world.run().word == "converged"


def test_an_engine_that_was_restarted_condemns_nothing(world: World) -> None:
    deploy_two(world)
    crash(world, 1)
    world.start()  # its events are gone
    assert world.run().word == "repaired"
    assert world.ledger.memory.load().quarantine == ()


def test_a_slow_start_after_a_restart_is_no_failure_yet(world: World) -> None:
    deploy_two(world)
    world.clock.elapsed += 10
    world.engine.stop(NAME, grace=1)
    world.run()
    world.engine.turn(NAME, "unhealthy")
    assert world.run().word == "converged"
    world.clock.elapsed += 5  # its gate's deadline
    assert world.run().word == "taken back"


def test_a_watch_of_its_own_length(world: World) -> None:
    world.deploy({"web": service(checked(world, "1"))})
    own = {"x-moorline": {"watch": "0s"}}
    world.deploy({"web": service(checked(world, "2"))}, **own)
    world.engine.turn(NAME, "unhealthy")
    assert world.run().word == "failed"
    assert world.rollbacks() == []


def test_hold_only_acts_on_the_host(world: World) -> None:
    world.deploy({"web": service(checked(world, "1"))})
    second = world.deploy(
        {"web": service(checked(world, "2"))}, **{"x-moorline": {"on_failure": "hold"}}
    )
    world.engine.turn(NAME, "unhealthy")
    assert world.run().word == "taken back"
    assert world.rollbacks() == []
    outcome = world.run()
    assert outcome.word == "held"
    assert f"{second[:7]} failed here before" in outcome.sentence


def test_the_branch_that_refuses_the_commit_gets_a_proposal(world: World) -> None:
    deploy_two(world)
    world.engine.turn(NAME, "unhealthy")
    world.remote.protected.add("main")
    assert world.run().word == "taken back"
    assert any(name.startswith("moorline/rollback/") for name in world.remote.branches)


def test_other_words_in_the_file_do_not_watch_old_containers_anew(world: World) -> None:
    deploy_two(world)
    world.clock.elapsed += LATER
    world.deploy({"web": service(checked(world, "2"))}, **{"x-moorline": {"watch": "9m"}})
    world.engine.turn(NAME, "unhealthy")
    assert world.run().word == "failed"
    assert pin(world).endswith(":2")


def test_words_only_are_no_state_to_go_back_to(world: World) -> None:
    first, _ = deploy_two(world)
    world.deploy({"web": service(checked(world, "2"))}, **{"x-moorline": {"watch": "9m"}})
    world.engine.turn(NAME, "unhealthy")
    assert world.run().word == "taken back"
    assert pin(world).endswith(":1")
    proven = world.ledger.memory.load().proven
    assert proven is not None
    assert proven.commit == first


# --- no way back ---


def test_the_first_version_of_all_is_held_and_restarted(world: World) -> None:
    commit = world.deploy({"web": service(checked(world, "1"))})
    world.engine.turn(NAME, "unhealthy")
    outcome = world.run()
    assert (outcome.word, outcome.exit_code) == ("held", 4)
    assert "there is no earlier proven state to go back to" in outcome.sentence
    assert world.whole_record(outcome.record)["outcome"] == "failed"
    memory = world.ledger.memory.load()
    assert memory.hold is not None
    assert (memory.hold.commit, memory.quarantine) == (commit, ())
    # and is restarted all the same
    outcome = world.run()
    assert (outcome.word, outcome.exit_code) == ("failed", 4)
    assert world.ledger.memory.load().restarts == {"web": 1}
    assert [each.outcome for each in world.records()] == ["proven", "failed", "repaired"]


def test_what_a_one_way_job_went_before_is_held(world: World) -> None:
    world.deploy({"web": service(checked(world, "1"))})
    job_image = world.image("migrate", Script(behaviour="exits", exit_code=0))
    job = {"name": "up", "image": str(job_image), "command": ["up"], "forward_only": True}
    own = {"health": QUICK, "jobs": {"before": [job]}}
    world.deploy({"web": {"image": str(checked(world, "2")), "x-moorline": own}})
    world.engine.turn(NAME, "unhealthy")
    outcome = world.run()
    assert outcome.word == "held"
    assert "going back cannot undo the job web/up" in outcome.sentence
    assert pin(world).endswith(":2")
    assert world.rollbacks() == []


def test_a_new_commit_ends_the_hold(world: World) -> None:
    world.deploy({"web": service(checked(world, "1"))})
    world.engine.turn(NAME, "unhealthy")
    world.run()
    world.deploy({"web": service(checked(world, "2"))})
    assert world.ledger.memory.load().hold is None
    assert world.run().word == "converged"


# --- later ---


def test_later_it_is_restarted_and_told(world: World) -> None:
    deploy_two(world)
    world.clock.elapsed += LATER
    world.engine.turn(NAME, "unhealthy")
    outcome = world.run()
    assert (outcome.word, outcome.exit_code) == ("failed", 1)
    assert outcome.sentence == ("production: web #1: unhealthy; restarted with growing pauses")
    memory = world.ledger.memory.load()
    assert (memory.trouble, memory.restarts) == (outcome.sentence, {"web": 1})
    assert world.engine.running() == [NAME]
    world.engine.turn(NAME, "healthy")
    assert world.run().word == "converged"
    assert world.ledger.memory.load().trouble == ""


def test_the_pauses_between_restarts_grow(world: World) -> None:
    deploy_two(world)
    world.clock.elapsed += LATER
    pauses = []
    for _ in range(5):
        world.engine.crash(NAME)
        outcome = world.run()
        assert outcome.word == "failed"
        pauses.append(outcome.seconds or 0.0)
        if outcome.seconds:
            assert world.engine.running() == []
            world.clock.elapsed += outcome.seconds
            world.run()
        assert world.engine.running() == [NAME]
    assert pauses == [0, 1, 2, 4, 8]
    assert world.ledger.memory.load().restarts == {"web": 5}


def test_one_death_after_another_in_a_long_time_is_no_loop(world: World) -> None:
    deploy_two(world)
    world.clock.elapsed += LATER
    for _ in range(5):
        world.engine.crash(NAME)
        outcome = world.run()
        assert "died with exit code 3" in outcome.sentence
        assert outcome.seconds is None
        world.clock.elapsed += LATER


def test_its_pre_stop_hooks_run_before_a_restart(world: World) -> None:
    hooks = {"pre_stop": [{"command": ["down"]}]}
    deploy_two(world, **hooks)
    world.clock.elapsed += LATER
    world.engine.turn(NAME, "unhealthy")
    world.engine.calls.clear()
    world.run()
    calls = [each.split()[0] for each in world.engine.calls if "observe" not in each]
    assert calls.index("run_hook") < calls.index("stop") < calls.index("start")


def test_a_hook_that_comes_too_late_is_no_obstacle(world: World) -> None:
    deploy_two(world, pre_stop=[{"command": ["down"]}])
    world.clock.elapsed += LATER
    world.engine.turn(NAME, "unhealthy")
    world.engine.fail_next("run_hook", Conflict("not running"))
    assert world.run().word == "failed"
    assert world.engine.running() == [NAME]


def test_what_is_meant_to_end_may_end(world: World) -> None:
    job = world.image("job", Script(behaviour="exits", exit_code=0))
    waits = {"depends_on": {"init": {"condition": "service_completed_successfully"}}}
    world.deploy({"init": service(job), "web": service(checked(world, "1"), **waits)})
    assert world.run().word == "converged"


def test_a_clock_that_jumps_condemns_nothing_by_itself(world: World) -> None:
    deploy_two(world, restart="always")
    crash(world, 2)
    for hours in (3600.0, -3600.0, -3600.0):
        world.clock.elapsed += hours
        assert world.run().word == "converged"


def test_what_is_proven_says_when(world: World) -> None:
    deploy_two(world)
    proven = world.ledger.memory.load().proven
    assert proven is not None
    age = world.clock.now() - datetime.fromisoformat(proven.at)
    assert timedelta() <= age < timedelta(seconds=5)


def test_status_shows_the_watch_and_the_restarts(world: World) -> None:
    deploy_two(world)
    found = status_of(world.host, world.ledger)
    assert found.watched_until.startswith("2026-11-23T10:10:0")
    assert found.in_step
    world.clock.elapsed += LATER
    world.engine.turn(NAME, "unhealthy")
    world.run()
    found = status_of(world.host, world.ledger)
    assert (found.watched_until, found.restarts) == ("", {"web": 1})
    assert found.troubles == ("production: web #1: unhealthy; restarted with growing pauses",)
    assert found.as_data()["restarts"] == {"web": 1}


def test_a_full_disk_takes_nothing_back_and_restarts_all_the_same(world: World) -> None:
    _, second = deploy_two(world)
    world.engine.turn(NAME, "unhealthy")
    ledger = world.ledger
    full = FullMemory(Path(world.config.state_dir), "production")
    world.ledger = replace(ledger, memory=full)
    world.start()
    with pytest.raises(StorageFailed):
        world.run()
    assert world.engine.running() == [NAME]
    assert pin(world).endswith(":2")
    # there is space again
    world.ledger = ledger
    world.start()
    assert world.run().word == "taken back"
    assert [each.outcome for each in world.records() if each.commit == second] == [
        "proven",
        "taken back",
    ]


class FullMemory(MemoryFile):
    """A memory on a disk that has no space left."""

    def save(self, memory: Memory) -> None:
        raise StorageFailed(f"no space left for {memory.last_record or 'anything'}")


def test_a_container_that_goes_away_while_it_is_looked_at_is_no_obstacle(world: World) -> None:
    deploy_two(world)
    world.engine.turn(NAME, "unhealthy")
    world.engine.fail_next("inspect", NotFound("No such container"))
    world.run()
    assert world.run().word in {"taken back", "converged"}
    assert world.engine.running() == [NAME]


def test_evidence_can_be_missing(world: World) -> None:
    deploy_two(world, restart="always")
    crash(world, 3)
    world.engine.fail_next("inspect", NotFound("No such container"))
    outcome = world.run()
    assert outcome.word == "taken back"
    evidence = world.whole_record(outcome.record)["services"]["web"]
    assert evidence["reason"] == "died 3 times within 5 minutes"
    assert "logs" not in evidence

"""Cycles on a host of fakes: what is aimed at, what is held, what is said."""

from pathlib import Path

import pytest

from moorline.core.image import ImageRef
from moorline.errors import (
    AccessDenied,
    EngineRefused,
    EngineUnreachable,
    InvalidEnvironment,
    NotFound,
    RegistryUnreachable,
    RemoteUnreachable,
)
from tests.agent.world import PATH, World
from tests.fakes.engine import Script


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def service(image: ImageRef, **keys: object) -> dict[str, object]:
    quick = {"health": {"stability": "1s", "deadline": "5s"}}
    return {"image": str(image), "x-moorline": quick, **keys}


def bad(world: World) -> ImageRef:
    return world.image("bad", Script(behaviour="exits"))


def test_what_is_proven_and_in_step_is_not_said_twice(world: World) -> None:
    world.deploy({"web": service(world.image("1"))})
    calls = len(world.engine.calls)
    assert world.run().word == "converged"
    changes = {"start", "stop", "remove", "create_container", "rename"}
    assert not changes & {call.split()[0] for call in world.engine.calls[calls:]}
    assert len(world.records()) == 1


def test_drift_is_put_on_record_with_what_was_done(world: World) -> None:
    commit = world.deploy({"web": service(world.image("1"))})
    world.engine.kill("production-web-1")
    outcome = world.run()
    assert (outcome.word, outcome.sentence) == ("repaired", "production: repaired web #1")
    assert [(r.commit, r.outcome) for r in world.records()][1:] == [(commit, "repaired")]


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (RegistryUnreachable("no route"), "held"),
        (NotFound("manifest unknown"), "held"),
        (AccessDenied("unauthorized"), "held"),
        (EngineRefused("no matching manifest for linux/amd64"), "held"),
    ],
)
def test_a_pull_that_fails_is_no_verdict(world: World, error: Exception, word: str) -> None:
    first = world.deploy({"web": service(world.image("1"))})
    commit = world.push({"web": service(world.image("2"))})
    world.engine.fail_next("pull", error)  # type: ignore[arg-type]
    outcome = world.run()
    assert (outcome.word, outcome.complaint) == (word, error)
    assert world.engine.running() == ["production-web-1"]
    memory = world.ledger.memory.load()
    assert memory.quarantine == ()
    assert memory.proven is not None
    assert memory.proven.commit == first
    # and the next cycle takes it up again
    assert world.run().word == "proven"
    assert world.record(commit)["outcome"] == "proven"


def test_a_first_file_that_is_invalid_is_an_error_of_its_own(world: World) -> None:
    world.push({"web": {"image": "nginx"}})
    with pytest.raises(InvalidEnvironment, match="no digest"):
        world.run()
    assert "no digest" in world.ledger.memory.load().trouble


def test_trouble_is_over_when_it_is_over(world: World) -> None:
    world.deploy({"web": service(world.image("1"))})
    world.remote.trouble = RemoteUnreachable("no route")
    assert world.run().word == "held"
    assert world.ledger.memory.load().trouble == "no route"
    world.remote.trouble = None
    assert world.run().word == "converged"
    assert world.ledger.memory.load().trouble == ""


def test_an_engine_that_is_away_is_an_error(world: World) -> None:
    world.deploy({"web": service(world.image("1"))})
    world.engine.unreachable = True
    with pytest.raises(EngineUnreachable):
        world.run()


def test_a_commit_of_other_files_is_accepted_and_starts_nothing(world: World) -> None:
    world.deploy({"web": service(world.image("1"))})
    tip = world.remote.commit({"README.md": "words"})
    assert world.run().word == "converged"
    assert world.ledger.memory.load().accepted == tip
    assert len(world.records()) == 1


def test_the_commit_before_is_given_up_for_a_newer_one(world: World) -> None:
    world.deploy({"web": service(world.image("1"))})
    missing = world.push({"web": service(world.image("2"))})
    world.engine.registry.clear()
    world.run()
    newer = world.push({"web": service(world.image("3"))})
    assert world.run().word == "proven"
    assert world.record(missing)["outcome"] == "failed"
    assert world.record(newer)["outcome"] == "proven"


def test_a_reason_that_passed_is_not_why_it_was_given_up(world: World) -> None:
    world.deploy({"web": service(world.image("1"))})
    commit = world.push({"web": service(world.image("2"))})
    world.engine.fail_next("pull", NotFound("manifest unknown"))
    world.run()

    def on_call(method: str) -> None:
        if method == "start":
            world.engine.on_call = lambda _: None
            world.push({"web": service(world.image("3"))})

    world.engine.on_call = on_call
    assert world.run().word == "superseded"
    assert world.record(commit)["outcome"] == "superseded"


def test_the_rollback_restores_the_file_as_it_was(world: World) -> None:
    world.deploy({"web": service(world.image("1"))})
    before = world.remote.show("main", PATH)
    failed = world.push({"web": service(bad(world))})
    outcome = world.run()
    assert (outcome.word, outcome.record[-7:]) == ("taken back", failed[:7])
    assert world.remote.show("main", PATH) == before
    assert world.run().word == "converged"


def test_a_person_who_is_faster_than_the_rollback_wins(world: World) -> None:
    world.deploy({"web": service(world.image("1"))})
    world.push({"web": service(bad(world))})
    fixed: list[str] = []

    def on_call(method: str) -> None:
        # while it goes back
        if method == "remove" and not fixed:
            fixed.append(world.push({"web": service(world.image("3"))}))

    world.engine.on_call = on_call
    assert world.run().word == "taken back"
    assert world.rollbacks() == []
    assert world.run().word == "proven"
    assert world.ledger.memory.load().accepted == fixed[0]


def test_a_protected_branch_gets_a_proposal(world: World) -> None:
    world.deploy({"web": service(world.image("1"))})
    before = world.remote.show("main", PATH)
    failed = world.push({"web": service(bad(world))})
    world.remote.protected = {"main"}
    outcome = world.run()
    branch = f"moorline/rollback/{outcome.record}"
    assert world.remote.show(branch, PATH) == before
    assert world.remote.tip() == failed
    held = world.run()
    assert held.word == "held"
    assert "failed here before" in held.sentence


def test_a_pending_rollback_is_published_once_the_remote_is_back(world: World) -> None:
    world.deploy({"web": service(world.image("1"))})
    failed = world.push({"web": service(bad(world))})

    def on_call(method: str) -> None:
        if method == "start":
            world.remote.trouble = RemoteUnreachable("no route")

    world.engine.on_call = on_call
    assert world.run().word == "taken back"
    assert world.rollbacks() == []
    world.remote.trouble = None
    assert world.run().word == "converged"
    assert len(world.rollbacks()) == 1
    assert world.record(failed)["outcome"] == "taken back"
    assert world.run().word == "converged"
    assert len(world.rollbacks()) == 1


def test_what_failed_is_not_tried_again_until_a_person_commits(world: World) -> None:
    hold = {"x-moorline": {"on_failure": "hold"}}
    world.deploy({"web": service(world.image("1"))}, **hold)
    world.push({"web": service(bad(world))}, **hold)
    assert world.run().word == "taken back"
    world.start()
    assert world.run().word == "held"
    assert world.rollbacks() == []
    again = world.push({"web": service(bad(world), labels={"a": "b"})}, **hold)
    assert world.run().word == "taken back"
    assert world.record(again)["outcome"] == "taken back"


def test_a_reset_branch_is_held(world: World) -> None:
    first = world.deploy({"web": service(world.image("1"))})
    second = world.deploy({"web": service(world.image("2"))})
    world.remote.reset(first)
    held = world.run()
    assert held.word == "held"
    assert f"moorline accept production {first}" in held.sentence
    world.engine.kill("production-web-1")
    assert world.run().word == "repaired"
    assert world.ledger.memory.load().accepted == second
    world.ledger.acceptance.write(first)
    assert world.run().word == "proven"


def test_a_proven_commit_that_is_gone_is_not_what_is_complained_of(world: World) -> None:
    world.deploy({"web": service(world.image("1"))})
    world.remote.branches.clear()
    world.remote.commits.clear()
    world.push({"web": service(world.image("2"))})
    with pytest.raises(Exception, match="was reset or rewritten"):
        world.run()
    assert world.engine.running() == ["production-web-1"]

"""What waits for its time, and what failed where there is no way back."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from moorline.agent.views.status import status_of
from moorline.core.image import ImageRef
from moorline.errors import EngineUnreachable, Held, NotFound
from tests.agent.world import World
from tests.fakes.engine import Script

QUICK = {"stability": "1s", "deadline": "5s"}
NIGHT = {"days": "mon-fri", "from": "22:00", "to": "04:00", "timezone": "Europe/Berlin"}
HELD = "waits for its window, mon-fri 22:00-04:00 Europe/Berlin, which opens 2026-11-23T21:00:00Z"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def service(image: ImageRef, *jobs: dict[str, object]) -> dict[str, object]:
    own = {"health": QUICK, **({"jobs": {"before": list(jobs)}} if jobs else {})}
    return {"image": str(image), "x-moorline": own}


def migration(world: World, *, exit_code: int = 0, name: str = "migrate") -> dict[str, object]:
    script = Script(behaviour="exits", exit_code=exit_code, logs=("altering", "dropping"))
    image = world.image(f"{name}-{exit_code}", script)
    return {"name": name, "image": str(image), "command": ["up"], "forward_only": True}


def bad(world: World) -> ImageRef:
    return world.image("bad", Script(behaviour="exits"))


def at(world: World, text: str) -> None:
    """Have the clock show another time."""
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    world.clock.elapsed += (moment - world.clock.now()).total_seconds()


def deploy_held(world: World) -> tuple[str, str]:
    """A change that failed behind its migration; returns what was proven and what failed."""
    first = world.deploy({"web": service(world.image("1"))})
    failed = world.push({"web": service(bad(world), migration(world))})
    outcome = world.run()
    assert outcome.word == "held", outcome
    return first, failed


# --- pause and windows ---


def test_a_change_waits_for_its_window(world: World) -> None:
    world.deploy({"web": service(world.image("1"))})
    commit = world.push({"web": service(world.image("2"))}, **{"x-moorline": {"windows": [NIGHT]}})
    outcome = world.run()
    assert (outcome.word, outcome.exit_code) == ("held", 4)
    assert outcome.sentence == f"production: {commit[:7]} {HELD}"
    opens = datetime.fromisoformat("2026-11-23T21:00:00Z")
    assert outcome.seconds == (opens - world.clock.now()).total_seconds()
    memory = world.ledger.memory.load()
    assert (memory.trouble, world.ledger.journal.load()) == ("", None)
    assert len(world.records()) == 1


@pytest.mark.parametrize("moment", ["2026-11-23T21:00:00", "2026-11-24T02:59:59"])
def test_it_is_rolled_out_once_its_window_is_open(world: World, moment: str) -> None:
    world.deploy({"web": service(world.image("1"))})
    world.push({"web": service(world.image("2"))}, **{"x-moorline": {"windows": [NIGHT]}})
    assert world.run().word == "held"
    at(world, moment)
    assert world.run().word == "proven"


def test_a_clock_that_jumps_opens_and_closes_windows(world: World) -> None:
    world.deploy({"web": service(world.image("1"))})
    world.push({"web": service(world.image("2"))}, **{"x-moorline": {"windows": [NIGHT]}})
    at(world, "2026-11-23T22:00:00")
    at(world, "2026-11-23T20:59:59")
    outcome = world.run()
    assert (outcome.word, outcome.seconds) == ("held", 1.0)


def test_a_pause_is_held_until_a_commit_ends_it(world: World) -> None:
    world.deploy({"web": service(world.image("1"))})
    paused = world.push({"web": service(world.image("2"))}, **{"x-moorline": {"paused": True}})
    outcome = world.run()
    sentence = f"production: {paused[:7]} is paused, until a commit takes 'paused' out of its file"
    assert (outcome.word, outcome.sentence) == ("held", sentence)
    assert (outcome.seconds, outcome.exit_code) == (None, 4)
    world.push({"web": service(world.image("2"))})
    assert world.run().word == "proven"


def test_the_first_change_of_all_waits_as_well(world: World) -> None:
    world.push({"web": service(world.image("1"))}, **{"x-moorline": {"paused": True}})
    assert world.run().word == "held"
    assert world.engine.containers == {}


def test_drift_is_repaired_while_a_change_waits(world: World) -> None:
    world.deploy({"web": service(world.image("1"))})
    world.push({"web": service(world.image("2"))}, **{"x-moorline": {"windows": [NIGHT]}})
    world.engine.kill("production-web-1")
    outcome = world.run()
    assert (outcome.word, world.engine.running()) == ("repaired", ["production-web-1"])
    assert outcome.sentence.startswith("production: repaired web #1; production: ")
    assert outcome.seconds is not None
    assert world.run().word == "held"


def test_a_host_is_left_alone_where_the_file_that_waits_says_so(world: World) -> None:
    world.deploy({"web": service(world.image("1"))})
    own = {"x-moorline": {"paused": True, "repair": False}}
    world.push({"web": service(world.image("2"))}, **own)
    world.engine.kill("production-web-1")
    assert world.run().word == "held"
    assert world.engine.running() == []


def test_no_repair_has_no_effect_while_nothing_waits(world: World) -> None:
    world.deploy({"web": service(world.image("1"))}, **{"x-moorline": {"repair": False}})
    world.engine.kill("production-web-1")
    assert world.run().word == "repaired"


def test_a_rollout_under_way_goes_on_when_its_window_closes(world: World) -> None:
    world.deploy({"web": service(world.image("1"))})
    at(world, "2026-11-24T02:59:59")
    commit = world.push({"web": service(world.image("2"))}, **{"x-moorline": {"windows": [NIGHT]}})
    world.engine.fail_next("start", EngineUnreachable("away"))
    with pytest.raises(EngineUnreachable):
        world.run()
    at(world, "2026-11-24T12:00:00")
    assert world.run().word == "proven"
    assert world.record(commit)["outcome"] == "proven"


def test_taking_back_is_never_held(world: World) -> None:
    world.deploy({"web": service(world.image("1"))})
    at(world, "2026-11-24T02:59:59")
    world.push({"web": service(bad(world))}, **{"x-moorline": {"windows": [NIGHT]}})

    def on_call(method: str) -> None:
        if method == "start":
            world.engine.on_call = lambda _: None
            at(world, "2026-11-24T12:00:00")

    world.engine.on_call = on_call
    assert world.run().word == "taken back"


# --- no way back ---


def test_a_failure_behind_a_one_way_job_is_held(world: World) -> None:
    first, failed = deploy_held(world)
    record = world.record(failed)
    assert record["outcome"] == "failed"
    assert record["services"]["web"]["jobs"][0]["job"] == "migrate"  # type: ignore[index]
    assert "after the job web/migrate, which going back cannot undo" in str(record["sentence"])
    assert f"or restore what the job changed and revert to {first[:7]}" in str(record["sentence"])
    memory = world.ledger.memory.load()
    assert memory.hold is not None
    assert (memory.hold.commit, memory.forward_only) == (failed, "web/migrate")
    assert [each.commit for each in memory.quarantine] == [failed]
    assert memory.trouble == memory.hold.reason
    assert world.rollbacks() == []


def test_what_is_held_is_left_as_it_is(world: World) -> None:
    deploy_held(world)
    before = {each.id: each.state for each in world.engine.containers.values()}
    for _ in range(2):
        outcome = world.run()
        assert (outcome.word, outcome.exit_code) == ("held", 4)
        assert isinstance(outcome.complaint, Held)
        world.start()
    assert {each.id: each.state for each in world.engine.containers.values()} == before
    assert len(world.records()) == 2


def test_a_commit_of_other_files_does_not_end_a_hold(world: World) -> None:
    deploy_held(world)
    world.remote.commit({"README.md": "words"})
    assert world.run().word == "held"


def test_another_hosts_rollback_does_not_end_a_hold(world: World) -> None:
    first, _ = deploy_held(world)
    _roll_back_elsewhere(world, first)
    assert world.run().word == "held"


def test_an_invalid_file_does_not_end_a_hold(world: World) -> None:
    deploy_held(world)
    before = world.engine.running()
    world.push({"web": {"image": "nginx"}})
    outcome = world.run()
    assert (outcome.word, world.engine.running()) == ("held", before)
    assert "no digest" in outcome.sentence


def test_a_commit_forward_is_rolled_out(world: World) -> None:
    first, _ = deploy_held(world)
    forward = world.push({"web": service(world.image("3"), migration(world))})
    assert world.run().word == "proven"
    assert world.record(forward)["previous_commit"] == first
    memory = world.ledger.memory.load()
    assert memory.proven is not None
    assert (memory.hold, memory.forward_only, memory.trouble) == (None, "", "")
    assert memory.proven.forward_only == "web/migrate"
    assert world.run().word == "converged"


def test_a_commit_forward_that_fails_as_well_is_held_again(world: World) -> None:
    deploy_held(world)
    # without a job: but what the one before it did is done
    again = world.push({"web": service(world.image("worse", Script(behaviour="exits")))})
    assert world.run().word == "held"
    memory = world.ledger.memory.load()
    assert memory.hold is not None
    assert memory.hold.commit == again


def test_a_commit_forward_that_cannot_be_prepared_starts_no_repair(world: World) -> None:
    deploy_held(world)
    before = world.engine.running()
    world.push({"web": service(world.image("4"))})
    world.engine.fail_next("pull", NotFound("manifest unknown"))
    with pytest.raises(NotFound):
        world.run()
    assert world.engine.running() == before


def test_a_commit_that_waits_for_its_window_starts_no_repair(world: World) -> None:
    deploy_held(world)
    before = world.engine.running()
    world.push({"web": service(world.image("4"))}, **{"x-moorline": {"paused": True}})
    assert (world.run().word, world.engine.running()) == ("held", before)


def test_the_proven_file_ends_a_hold_knowingly(world: World) -> None:
    first, _ = deploy_held(world)
    world.remote.commit(
        {"environments/production.yaml": world.remote.show(first, "environments/production.yaml")}
    )
    assert world.run().word == "repaired"
    assert world.engine.running() == ["production-web-1"]
    memory = world.ledger.memory.load()
    assert (memory.hold, memory.forward_only) == (None, "")
    assert world.run().word == "converged"


def test_a_failure_before_a_one_way_job_is_taken_back(world: World) -> None:
    world.deploy({"web": service(world.image("1"))})
    check = {"name": "check", "image": migration(world, exit_code=1)["image"], "command": ["up"]}
    world.push({"web": service(world.image("2"), check, migration(world))})
    assert world.run().word == "taken back"
    assert world.ledger.memory.load().hold is None


def test_a_one_way_job_that_fails_itself_is_held(world: World) -> None:
    world.deploy({"web": service(world.image("1"))})
    failed = world.push({"web": service(world.image("2"), migration(world, exit_code=1))})
    outcome = world.run()
    assert outcome.word == "held"
    assert f"running now: web of {world.records()[0].commit[:7]}" in outcome.sentence
    job = world.record(failed)["services"]["web"]["jobs"][0]  # type: ignore[index]
    assert (job["exit_code"], job["logs"]) == (1, ["altering", "dropping"])


def test_a_rollout_given_up_behind_its_job_leaves_no_way_back_either(world: World) -> None:
    world.deploy({"web": service(world.image("1"))})
    world.push({"web": service(world.image("2"), migration(world))})

    def on_call(method: str) -> None:
        if method == "logs" and world.ledger.memory.load().forward_only:
            world.engine.on_call = lambda _: None
            world.push({"web": service(bad(world))})

    world.engine.on_call = on_call
    assert world.run().word == "superseded"
    assert world.run().word == "held"


def test_another_hosts_rollback_in_the_middle_is_held(world: World) -> None:
    first = world.deploy({"web": service(world.image("1"))})
    world.push({"web": service(world.image("2"), migration(world))})
    taken_back = []

    def on_call(method: str) -> None:
        if method == "logs" and world.ledger.memory.load().forward_only:
            world.engine.on_call = lambda _: None
            taken_back.append(_roll_back_elsewhere(world, first))

    world.engine.on_call = on_call
    assert world.run().word == "superseded"
    outcome = world.run()
    assert outcome.word == "held"
    assert "another host took the change back" in outcome.sentence
    world.deploy({"web": service(world.image("3"))})


def _roll_back_elsewhere(world: World, restored: str) -> str:
    """What the agent of another host commits."""
    path, tip = "environments/production.yaml", world.remote.branches["main"]
    world.host.repo.fetch()
    blob = world.host.repo.read(tip, path)
    assert blob is not None
    message = f"Roll back\n\nwords\n\nRollback-Of: {tip}\nAgent-Host: web-2\n"
    file = world.remote.show(restored, path).encode()
    return world.host.repo.replace(path, file, expected=blob.oid, message=message)


def test_where_nothing_was_proven_the_sentence_says_so(world: World) -> None:
    world.push({"web": service(bad(world), migration(world))})
    outcome = world.run()
    assert outcome.word == "held"
    assert outcome.sentence.endswith("running now: nothing; push a commit that goes forward")
    assert world.run().word == "held"


def test_an_engine_that_is_away_does_not_keep_a_hold_from_being_remembered(world: World) -> None:
    world.deploy({"web": service(world.image("1"))})
    world.push({"web": service(bad(world), migration(world))})

    def on_call(method: str) -> None:
        if method == "observe" and world.ledger.journal.load() is not None:
            entry = world.ledger.journal.load()
            world.engine.unreachable = entry is not None and entry.phase == "holding"

    world.engine.on_call = on_call
    outcome = world.run()
    assert outcome.word == "held"
    assert "what runs is not known" in outcome.sentence


# --- what status says ---


def test_status_shows_what_waits_and_until_when(world: World) -> None:
    world.deploy({"web": service(world.image("1"))})
    commit = world.push({"web": service(world.image("2"))}, **{"x-moorline": {"windows": [NIGHT]}})
    world.run()
    found = status_of(world.host, world.ledger)
    assert (found.held, found.troubles) == (f"production: {commit[:7]} {HELD}", ())
    assert found.held_until == "2026-11-23T21:00:00+00:00"
    assert (found.is_proven, found.in_step) == (False, False)
    # the next cycle looks after what is proven, and that is in step
    assert found.drift is not None
    assert not found.drift


def test_status_promises_no_repair_where_there_will_be_none(world: World) -> None:
    world.deploy({"web": service(world.image("1"))})
    own = {"x-moorline": {"paused": True, "repair": False}}
    world.push({"web": service(world.image("2"))}, **own)
    world.run()
    world.engine.kill("production-web-1")
    found = status_of(world.host, world.ledger)
    assert (found.drift, found.held_until) == (None, "")
    assert "is paused" in found.held


def test_status_shows_a_hold(world: World) -> None:
    deploy_held(world)
    found = status_of(world.host, world.ledger)
    assert "which going back cannot undo" in found.held
    assert found.held in found.troubles
    assert (found.drift, found.in_step) == (None, False)


def test_status_of_what_waits_survives_a_proven_state_that_cannot_be_read(world: World) -> None:
    path = world.folder / "secret"
    path.write_text("word")
    with_file = {"secrets": {"s": {"file": str(path)}}}
    web = {**service(world.image("1")), "secrets": ["s"]}
    world.deploy({"web": web}, **with_file)
    world.push({"web": service(world.image("2"))}, **{"x-moorline": {"paused": True}})
    assert world.run().word == "held"
    path.unlink()
    found = status_of(world.host, world.ledger)
    assert (found.drift, found.watched_until) == (None, "")
    assert found.troubles

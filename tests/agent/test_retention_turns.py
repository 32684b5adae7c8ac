"""What happens while a decision is carried out: commits, tags that move, git away, a stop."""

from collections.abc import Callable
from pathlib import Path

import pytest

from moorline.errors import (
    AccessDenied,
    Interrupted,
    InvalidPolicy,
    MoorlineError,
    RemoteUnreachable,
    UnsafeRetention,
)
from tests.agent.retention_world import RetentionWorld, four_versions


@pytest.fixture
def world(tmp_path: Path) -> RetentionWorld:
    return four_versions(tmp_path)


def test_a_tag_that_moves_at_the_last_moment_is_a_veto(world: RetentionWorld) -> None:
    world.decide()
    world.pass_days(1)
    world.while_deleting("older", lambda: world.registry.put(world.image("old", "hotfix")))
    told = world.says(world.apply())
    assert told["old"].startswith("vetoed: its tags changed: hotfix, main-00000aa")
    assert "old" in world.left()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda world: world.pin("running", "old"), "kept now: "),
        (lambda world: world.policy(protect=[str(world.names["old"])]), "kept now: the policy"),
        (lambda world: world.policy(enabled=False), "the policy does not say enabled: true"),
    ],
)
def test_a_commit_while_it_runs_is_a_veto(
    world: RetentionWorld, change: Callable[[RetentionWorld], object], reason: str
) -> None:
    world.policy(pace="40s")
    world.decide()
    world.pass_days(1)
    world.while_deleting("older", lambda: change(world))
    told = world.says(world.apply())
    assert told["older"] == "deleted"
    assert told["old"].startswith(f"vetoed: {reason}")


def test_the_state_branch_is_looked_at_every_half_minute_at_most(world: RetentionWorld) -> None:
    world.policy(pace="1s")
    world.decide()
    world.pass_days(1)
    world.while_deleting("older", lambda: world.pin("running", "old"))
    assert world.says(world.apply())["old"] == "deleted"


def test_an_index_pushed_while_it_runs_keeps_its_parts(world: RetentionWorld) -> None:
    world.push("part", age=300)
    world.policy(pace="61s")
    world.decide()
    world.pass_days(1)
    world.while_deleting(
        "older", lambda: world.push("rebuilt", "main-00000af", age=0, parts=["part"])
    )
    told = world.says(world.apply())
    assert told["older"] == told["old"] == "deleted"
    assert told["part"] == "vetoed: kept now: part of rebuilt"


@pytest.mark.parametrize(
    ("harm", "error"),
    [
        (lambda world: world.remote.reset(world.remote.shas()[-1]), UnsafeRetention),
        (
            lambda world: world.remote.commit({"policies/retention.yaml": "rules: ["}),
            InvalidPolicy,
        ),
        (lambda world: setattr(world.remote, "trouble", AccessDenied("no")), UnsafeRetention),
    ],
    ids=["rewritten", "policy broken", "git says no"],
)
def test_where_pins_cannot_be_known_any_more_it_ends(
    world: RetentionWorld, harm: Callable[[RetentionWorld], object], error: type[MoorlineError]
) -> None:
    world.policy(pace="40s")
    world.decide()
    world.pass_days(1)
    world.while_deleting("older", lambda: harm(world))
    with pytest.raises(error):
        world.apply()
    assert world.deleted() == ["older"]


def test_without_git_it_stops_and_goes_on_later(world: RetentionWorld) -> None:
    world.policy(pace="40s")
    world.decide()
    world.pass_days(1)
    world.while_deleting("older", world.lose_git)
    with pytest.raises(RemoteUnreachable):
        world.apply()
    assert world.deleted() == ["older"]
    world.remote.trouble = None
    assert world.says(world.apply()) == {"older": "deleted", "old": "deleted"}
    assert world.deleted() == ["older", "old"]


def test_five_hundred_deletions_are_paced_and_can_be_interrupted(tmp_path: Path) -> None:
    world = RetentionWorld(tmp_path)
    names = world.commits(500)
    world.push("running", "production-current")
    world.pin("running")
    world.policy(pace="2s")
    world.decide()
    world.pass_days(1)
    began = world.clock.elapsed

    def stop() -> None:
        if world.clock.elapsed - began >= 400:
            raise Interrupted("told to stop")

    world.check_stop = stop
    with pytest.raises(Interrupted):
        world.apply()
    assert world.deleted() == names[:200]
    world.check_stop = lambda: None
    applied = world.apply()
    assert world.deleted() == names
    assert applied.count("deleted") == 500
    assert world.clock.elapsed - began == 1000

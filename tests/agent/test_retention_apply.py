"""A decision is carried out: what goes, and what is vetoed by what happened since."""

from dataclasses import replace
from pathlib import Path

import pytest

from moorline.agent.retention.apply import apply_due
from moorline.agent.retention.ledger import (
    load_applied,
    load_decision,
    newest_decision,
    pending_decision,
)
from tests.agent.retention_world import APP, RetentionWorld, four_versions


@pytest.fixture
def world(tmp_path: Path) -> RetentionWorld:
    return four_versions(tmp_path)


def test_what_is_due_goes_after_the_grace_oldest_first(world: RetentionWorld) -> None:
    world.decide()
    assert apply_due(world.offices()) is None
    world.pass_days(1)
    applied = world.apply()
    assert world.deleted() == ["older", "old"]
    assert world.left() == ["fresh", "running"]
    assert world.says(applied) == {"older": "deleted", "old": "deleted"}
    assert apply_due(world.offices()) is None


def test_both_records_are_in_git(world: RetentionWorld) -> None:
    decision = world.decide()
    world.pass_days(1)
    applied = world.apply()
    assert load_decision(world.repo, decision.id).decisions[0].package == APP
    assert load_applied(world.repo, decision.id) == applied
    assert world.records() == [decision.path.replace(".yaml", "-applied.yaml"), decision.path]


def test_a_dry_run_never_becomes_due(world: RetentionWorld) -> None:
    world.policy(enabled=False)
    decision = world.decide()
    assert decision.due is None
    world.pass_days(400)
    assert apply_due(world.offices()) is None
    assert newest_decision(world.repo)
    assert pending_decision(world.repo, "web-1") is None


def test_a_newer_decision_takes_an_older_ones_place(world: RetentionWorld) -> None:
    first = world.decide()
    world.pass_days(0.5)
    second = world.decide()
    world.pass_days(1)
    assert world.apply().id == second.id != first.id
    assert apply_due(world.offices()) is None


def test_another_hosts_decision_is_left_to_it(world: RetentionWorld) -> None:
    world.decide()
    world.pass_days(1)
    other = replace(world, folder=world.folder / "other", host="web-2")
    assert apply_due(other.offices()) is None


def test_a_pin_in_between_is_a_veto(world: RetentionWorld) -> None:
    world.decide()
    world.pin("running", "old")
    world.pass_days(1)
    told = world.says(world.apply())
    assert told["older"] == "deleted"
    assert told["old"].startswith("vetoed: kept now: ")
    assert "old" in world.left()


def test_a_protect_line_in_between_is_a_veto(world: RetentionWorld) -> None:
    world.decide()
    world.policy(protect=[str(world.names["old"]), f"{APP}:main-00000ab"])
    world.pass_days(1)
    assert set(world.says(world.apply()).values()) == {"vetoed: kept now: the policy protects it"}
    assert world.deleted() == []


def test_a_tag_in_between_is_a_veto(world: RetentionWorld) -> None:
    world.decide()
    world.registry.put(world.image("old", "main-00000ff"))
    world.pass_days(1)
    told = world.says(world.apply())
    assert told["old"] == (
        "vetoed: its tags changed: main-00000aa, main-00000ff instead of main-00000aa"
    )
    assert world.deleted() == ["older"]


def test_a_policy_switched_off_in_between_is_a_veto(world: RetentionWorld) -> None:
    world.decide()
    world.policy(enabled=False)
    world.pass_days(1)
    told = world.says(world.apply())
    assert set(told.values()) == {"vetoed: the policy does not say enabled: true any more"}
    assert world.deleted() == []


def test_a_package_taken_out_of_the_policy_is_left_alone(world: RetentionWorld) -> None:
    world.decide()
    world.policy(packages=["ghcr.io/acme/other"])
    world.pass_days(1)
    told = world.says(world.apply())
    assert set(told.values()) == {"vetoed: the policy does not name the package any more"}


def test_what_was_not_condemned_before_does_not_go(world: RetentionWorld) -> None:
    world.decide()
    world.push("oldest", "main-00000af", age=500)
    world.pass_days(1)
    assert "oldest" not in world.says(world.apply())
    assert "oldest" in world.left()


def test_parts_of_an_index_that_stays_stay_too(world: RetentionWorld) -> None:
    world.push("part", age=300)
    world.decide()
    # condemned afresh as well, but not on record: it stays for now
    world.push("index", "main-00000af", age=300, parts=["part"])
    world.pass_days(1)
    told = world.says(world.apply())
    assert told["part"] == "vetoed: needed by index, which stays"
    assert {"part", "index"} <= set(world.left())


def test_what_is_gone_already_is_no_failure(world: RetentionWorld) -> None:
    world.decide()
    world.registry.drop(world.image("old"))
    world.pass_days(1)
    assert world.says(world.apply()) == {"older": "deleted", "old": "gone"}

"""After a run: what must be there is looked at; and several runs at once."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from moorline.agent.durable.lock import state_lock
from moorline.agent.retention.ledger import MemoryFile, trouble
from moorline.errors import (
    AccessDenied,
    Locked,
    MoorlineError,
    RateLimited,
    RegistryUnreachable,
    Stalled,
)
from tests.agent.retention_world import APP, BRANCH, HOUR, RetentionWorld, four_versions


@pytest.fixture
def world(tmp_path: Path) -> RetentionWorld:
    return four_versions(tmp_path)


def test_what_must_be_there_is_looked_at_afterwards(world: RetentionWorld) -> None:
    world.push("part", age=300)
    world.push("release", "v1.2.3", age=300, parts=["part"])
    world.pin("running", "release")
    world.decide()
    world.pass_days(1)
    applied = world.apply()
    # the tags production-current and v1.2.3, both digests, and the part
    assert applied.verified == 5
    assert applied.missing == ()
    assert trouble(Path(world.config.state_dir)) == ""


@pytest.mark.parametrize("name", ["part", "running"])
def test_something_missing_afterwards_is_loud(world: RetentionWorld, name: str) -> None:
    world.push("part", age=300)
    world.push("release", "v1.2.3", age=300, parts=["part"])
    world.pin("running", "release")
    world.decide()
    world.pass_days(1)
    world.while_deleting("old", lambda: world.registry.drop(world.image(name)))
    applied = world.apply()
    lost = f"{APP}@{world.names[name]}"
    assert lost in applied.missing
    assert lost in trouble(Path(world.config.state_dir))
    assert ("MISSING AFTER RETENTION", lost) in [
        (event, values.get("image")) for event, values in world.telling.events
    ]


def test_what_cannot_be_looked_at_afterwards_counts_as_missing(world: RetentionWorld) -> None:
    world.decide()
    world.pass_days(1)
    world.registry.errors[f"exists {APP}:production-current"] = AccessDenied("no pull")
    assert world.apply().missing == (f"{APP}:production-current (no pull)",)


def test_a_package_with_nothing_to_do_is_not_even_listed(world: RetentionWorld) -> None:
    other = "ghcr.io/acme/other"
    world.push("theirs", "latest", package=other)
    world.policy(packages=[other, APP])
    world.decide()
    world.pass_days(1)
    world.packages.errors[f"versions {other}"] = AccessDenied("no")
    applied = world.apply()
    assert [each.problem for each in applied.packages] == ["", ""]
    assert applied.count("deleted") == 2


def test_a_registry_that_cannot_be_asked_afterwards_is_asked_later(world: RetentionWorld) -> None:
    world.decide()
    world.pass_days(1)
    world.registry.errors["exists"] = RegistryUnreachable("HTTP 500")
    with pytest.raises(RegistryUnreachable):
        world.apply()
    assert world.deleted() == ["older", "old"]
    world.pass_days(1.1)
    assert world.apply().missing == ("nobody knows: HTTP 500",)


def test_freed_bytes_are_those_of_the_deleted(world: RetentionWorld) -> None:
    decision = world.decide().decisions[0]
    world.pass_days(1)
    package = world.apply().packages[0]
    assert (package.freed_least, package.freed_most) == (decision.freed_least, decision.freed_most)
    assert package.freed_most > 2000


def test_freed_bytes_are_those_of_all_attempts(world: RetentionWorld) -> None:
    decision = world.decide().decisions[0]
    world.pass_days(1)
    world.while_deleting("old", raising(RateLimited("an hour", seconds=HOUR)))
    with pytest.raises(RateLimited):
        world.apply()
    assert world.deleted() == ["older"]
    assert world.apply().packages[0].freed_most == decision.freed_most


def test_the_memory_forgets_what_was_carried_out(world: RetentionWorld) -> None:
    decision = world.decide()
    memory = MemoryFile(world.state)
    memory.remember(pending=decision.id, due=decision.due, decided=decision.decided)
    world.pass_days(1)
    world.apply()
    assert (memory.load().pending, memory.load().due) == ("", 0.0)


# --- several at once ----------------------------------------------------------------------------


def test_two_runs_on_one_host_take_turns(world: RetentionWorld) -> None:
    world.decide()
    world.pass_days(1)
    with state_lock(world.state, "retention"), pytest.raises(Locked):
        world.apply()
    assert world.apply().count("deleted") == 2


def test_two_hosts_at_once_do_no_harm(world: RetentionWorld) -> None:
    other = replace(world, folder=world.folder / "other", host="web-2", names=world.names)
    other.packages = world.packages
    world.decide()
    other.pass_days(0.01)
    other.decide()
    world.pass_days(1.5)
    told: list[dict[str, str]] = []
    world.while_deleting("older", lambda: told.append(other.says(other.apply())))
    told.append(world.says(world.apply()))
    assert told == [
        {"older": "deleted", "old": "deleted"},
        {"older": "gone", "old": "gone"},
    ]
    assert world.left() == ["fresh", "running"]
    assert len(world.records()) == 4


def test_a_record_of_somebody_else_is_never_overwritten(world: RetentionWorld) -> None:
    decision = world.decide()
    world.pass_days(1)
    path = decision.path.replace(".yaml", "-applied.yaml")

    def forge() -> None:
        world.remote.commit({path: "kind: other"}, branch=BRANCH)

    world.while_deleting("older", forge)
    with pytest.raises(Stalled):
        world.apply()
    assert world.remote.show(BRANCH, path) == "kind: other"


def raising(error: MoorlineError) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail

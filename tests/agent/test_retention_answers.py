"""What a registry says to a deletion, and what is made of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from moorline.agent.retention.apply import apply_due
from moorline.errors import (
    AccessDenied,
    MoorlineError,
    NotFound,
    RateLimited,
    RegistryRefused,
    RegistryUnreachable,
)
from tests.agent.retention_world import APP, HOUR, RetentionWorld, four_versions

OTHER = "ghcr.io/acme/other"
LAST_TAGGED = "You cannot delete the last tagged version of a package"
POPULAR = "Publicly visible package versions with more than 5000 downloads cannot be deleted"


@pytest.fixture
def world(tmp_path: Path) -> RetentionWorld:
    return four_versions(tmp_path)


@pytest.mark.parametrize("reason", [LAST_TAGGED, POPULAR])
def test_a_refusal_is_recorded_and_the_rest_goes_on(world: RetentionWorld, reason: str) -> None:
    world.decide()
    world.pass_days(1)
    world.fail("delete", "older", RegistryRefused(reason))
    assert world.says(world.apply()) == {"older": f"refused: {reason}", "old": "deleted"}


def test_parts_of_an_index_that_was_refused_stay(world: RetentionWorld) -> None:
    world.push("part", age=300)
    world.push("index", "main-00000af", age=300, parts=["part"])
    world.push("signature", age=300, subject="index")
    world.decide()
    world.pass_days(1)
    world.fail("delete", "index", RegistryRefused(POPULAR))
    told = world.says(world.apply())
    assert told["index"] == f"refused: {POPULAR}"
    assert told["part"] == told["signature"] == "vetoed: needed by index, which stays"
    assert world.deleted() == ["older", "old"]


def test_a_version_that_is_listed_and_not_found_is_passed_over(world: RetentionWorld) -> None:
    world.decide()
    world.pass_days(1)
    world.fail("delete", "older", NotFound("Package version not found"))
    told = world.says(world.apply())
    assert "a token that may not delete" in told["older"]
    assert told["old"] == "deleted"


def test_a_version_that_goes_at_the_last_moment_is_gone(world: RetentionWorld) -> None:
    world.decide()
    world.pass_days(1)
    world.while_deleting("older", lambda: world.registry.drop(world.image("older")))
    assert world.says(world.apply())["older"] == "gone"


def test_short_patience_is_had(world: RetentionWorld) -> None:
    world.decide()
    world.pass_days(1)
    began = world.clock.elapsed
    world.while_deleting("older", raising(RateLimited("slow down", seconds=120)))
    assert set(world.says(world.apply()).values()) == {"deleted"}
    assert world.clock.elapsed - began == 122


def due_with_another_package(world: RetentionWorld) -> None:
    """Something is due in two packages."""
    world.push("their old", "main-00000aa", age=300, package=OTHER)
    world.push("their new", "latest", package=OTHER)
    world.policy(packages=[APP, OTHER])
    world.decide()
    world.pass_days(1)


@pytest.mark.parametrize(
    "error", [RateLimited("an hour", seconds=HOUR), RegistryUnreachable("HTTP 500")]
)
def test_a_registry_that_needs_long_is_left_open_and_others_go_on(
    world: RetentionWorld, error: MoorlineError
) -> None:
    due_with_another_package(world)
    world.while_deleting("older", raising(error))
    with pytest.raises(RegistryUnreachable):
        world.apply()
    assert world.left(OTHER) == ["their new"]
    assert world.deleted() == []
    applied = world.apply()
    assert applied.count("deleted") == 3
    assert len(world.records()) == 2


def test_a_registry_that_is_away_for_a_day_ends_the_run(world: RetentionWorld) -> None:
    world.decide()
    world.pass_days(1)
    world.packages.errors["delete"] = RegistryUnreachable("HTTP 500")
    with pytest.raises(RegistryUnreachable):
        world.apply()
    world.pass_days(1.1)
    applied = world.apply()
    assert applied.packages[0].problem == "HTTP 500"
    assert world.says(applied) == {"older": "failed: HTTP 500", "old": "failed: HTTP 500"}


def test_a_token_that_may_not_delete_stops_its_package_alone(world: RetentionWorld) -> None:
    due_with_another_package(world)
    world.fail("delete", "older", AccessDenied("needs delete:packages"))
    applied = world.apply()
    assert applied.packages[0].problem == "needs delete:packages"
    assert world.says(applied) == {
        "older": "failed: needs delete:packages",
        "old": "failed: needs delete:packages",
        "their old": "deleted",
    }


def test_a_package_that_cannot_be_listed_keeps_everything(world: RetentionWorld) -> None:
    world.decide()
    world.pass_days(1)
    world.packages.errors["versions"] = AccessDenied("needs read:packages")
    applied = world.apply()
    assert applied.packages[0].problem == "needs read:packages"
    assert world.deleted() == []


def test_an_unreadable_manifest_by_then_keeps_everything(world: RetentionWorld) -> None:
    world.decide()
    world.pass_days(1)
    world.push("broken", "main-00000ae", age=10)
    world.break_manifest("broken")
    told = world.says(world.apply())
    assert set(told.values()) == {"vetoed: cannot read the manifest of broken"}


def test_the_last_image_by_then_stays(world: RetentionWorld) -> None:
    world.decide()
    world.pass_days(1)
    for name in ("fresh", "running"):
        world.registry.drop(world.image(name))
    world.remote.commit({"environments/production.yaml": "name: production"})
    assert set(world.says(world.apply()).values()) == {"vetoed: every image would be deleted"}


def test_the_last_image_goes_where_that_is_meant(world: RetentionWorld) -> None:
    world.decide()
    world.pass_days(1)
    for name in ("fresh", "running"):
        world.registry.drop(world.image(name))
    world.remote.commit({"environments/production.yaml": "name: production"})
    world.apply(force_empty=True)
    assert world.left() == []


def test_nothing_is_deleted_whose_manifest_cannot_be_kept(world: RetentionWorld) -> None:
    world.decide()
    assert apply_due(world.offices()) is None
    world.pass_days(1)
    world.while_deleting("older", lambda: world.fail("manifest", "old", NotFound("no manifest")))
    told = world.says(world.apply())
    assert told["old"] == "vetoed: its manifest cannot be read, and so not be kept"
    assert world.deleted() == ["older"]


def raising(error: MoorlineError) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail

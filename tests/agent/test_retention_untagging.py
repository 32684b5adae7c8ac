"""One tag goes and its version stays, also where a registry cannot take off a single tag."""

from pathlib import Path

import pytest

from moorline.agent.retention.untagging import dummy_manifest
from moorline.core.image import ImageRef
from moorline.core.manifest import read_manifest
from moorline.core.retention.outcomes import AppliedRecord
from moorline.errors import AccessDenied, NotFound, RegistryRefused, RegistryUnreachable
from tests.agent.retention_world import APP, RetentionWorld

TAG = "production-rollback-20260101T000000Z"
RULES = [
    {"name": "rollbacks", "match": "*-rollback-*", "keep": "30d", "untag": True},
    {"name": "latest", "match": "latest", "keep": "forever"},
]


@pytest.fixture(params=[True, False], ids=["github", "plain"])
def world(tmp_path: Path, request: pytest.FixtureRequest) -> RetentionWorld:
    """A version that runs, and has an old rollback tag."""
    return ready(RetentionWorld(tmp_path, github=request.param))


@pytest.fixture
def github(tmp_path: Path) -> RetentionWorld:
    return ready(RetentionWorld(tmp_path))


def ready(world: RetentionWorld) -> RetentionWorld:
    world.push("running", "latest", TAG, age=200)
    world.push("other", "v1", age=200)
    world.pin("running")
    world.policy(rules=RULES)
    world.decide()
    world.pass_days(1)
    return world


def outcome(applied: AppliedRecord) -> str:
    (found,) = applied.packages[0].untagged
    return f"{found.result}: {found.reason}" if found.reason else found.result


def test_a_tag_that_is_due_is_taken_off(world: RetentionWorld) -> None:
    applied = world.apply()
    assert outcome(applied) == "deleted"
    assert world.tags() == {"latest": "running", "v1": "other"}
    assert world.left() == ["running", "other"]
    assert len(world.registry.pins) == 2
    assert (
        "1 taken off" in world.remote.commits[world.remote.branches["history/retention"]].message
    )


def test_a_tag_that_moved_meanwhile_stays(world: RetentionWorld) -> None:
    world.registry.put(world.image("other", TAG))
    assert outcome(world.apply()).startswith("vetoed: it names ")
    assert world.tags()[TAG] == "other"


def test_a_tag_that_is_gone_already_is_no_failure(world: RetentionWorld) -> None:
    del world.registry.tagged[f"{APP}:{TAG}"]
    assert outcome(world.apply()) == "gone"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"enabled": False}, "the policy does not say enabled: true any more"),
        ({"protect": [f"{APP}:{TAG}"]}, "not to be taken off any more"),
    ],
)
def test_a_policy_changed_meanwhile_is_a_veto(
    world: RetentionWorld, changes: dict[str, object], reason: str
) -> None:
    world.policy(rules=RULES, **changes)
    assert outcome(world.apply()) == f"vetoed: {reason}"
    assert world.tags()[TAG] == "running"


def test_a_dummy_is_unlike_any_other_and_says_what_it_is() -> None:
    one, other = dummy_manifest("a", "t"), dummy_manifest("a", "u")
    assert one.digest != other.digest
    assert read_manifest(one).artifact_type == "application/vnd.moorline.untag.v1+json"


def test_a_registry_that_takes_no_dummy_keeps_its_tag(github: RetentionWorld) -> None:
    github.registry.errors["put_manifest"] = RegistryRefused("read only")
    assert outcome(github.apply()) == "refused: read only"
    assert github.tags()[TAG] == "running"


def test_a_dummy_that_cannot_be_deleted_gives_the_tag_back(github: RetentionWorld) -> None:
    github.packages.errors["delete"] = RegistryRefused("the last tagged version")
    assert outcome(github.apply()) == "refused: the last tagged version"
    assert github.tags()[TAG] == "running"


def test_a_token_that_may_not_delete_gives_the_tag_back(github: RetentionWorld) -> None:
    github.packages.errors["delete"] = AccessDenied("needs delete:packages")
    applied = github.apply()
    assert applied.packages[0].problem == "needs delete:packages"
    assert github.tags()[TAG] == "running"


def test_a_tag_on_a_dummy_is_finished_later(github: RetentionWorld) -> None:
    github.packages.errors["delete"] = RegistryUnreachable("HTTP 500")
    with pytest.raises(RegistryUnreachable):
        github.apply()
    assert github.tags()[TAG] == "?"
    github.packages.errors.clear()
    assert outcome(github.apply()) == "deleted"
    assert github.tags() == {"latest": "running", "v1": "other"}


def test_a_tag_that_left_its_dummy_meanwhile_is_left_alone(github: RetentionWorld) -> None:
    github.packages.errors["delete"] = RegistryUnreachable("HTTP 500")
    with pytest.raises(RegistryUnreachable):
        github.apply()
    github.packages.errors.clear()
    github.registry.put(github.image("other", TAG))
    assert outcome(github.apply()).startswith("vetoed: it names ")
    assert github.tags()[TAG] == "other"
    assert len(github.registry.pins) == 2


def test_a_dummy_that_nobody_remembers_is_known_by_its_type(github: RetentionWorld) -> None:
    left = dummy_manifest("another run", "gone")
    image = ImageRef.parse(APP)
    github.registry.put_blob(image, b"{}")
    github.registry.put_manifest(image.pinned(left.digest), left)
    github.apply()
    assert len(github.registry.pins) == 2


def test_a_dummy_that_is_not_listed_yet_is_waited_for(github: RetentionWorld) -> None:
    dummy = dummy_manifest(github.records()[0].rpartition("/")[2].removesuffix(".yaml"), TAG)
    pin = f"{APP}@{dummy.digest}"
    find, looks = github.packages.find, []

    def lagging(image: ImageRef, digest: object) -> object:
        looks.append(digest)
        return find(image, dummy.digest) if len(looks) > 3 else None

    github.packages.find = lagging  # type: ignore[method-assign,assignment]
    assert outcome(github.apply()) == "deleted"
    assert pin not in github.registry.pins
    assert len(looks) == 4


def test_a_dummy_that_is_never_listed_is_a_matter_for_the_next_run(
    github: RetentionWorld,
) -> None:
    find = github.packages.find
    github.packages.find = lambda *_: None  # type: ignore[method-assign]
    with pytest.raises(RegistryUnreachable, match="a dummy that is not listed yet"):
        github.apply()
    github.packages.find = find  # type: ignore[method-assign]
    assert outcome(github.apply()) == "deleted"


def test_a_dummy_that_somebody_else_deletes_is_no_failure(github: RetentionWorld) -> None:
    github.packages.before_delete = lambda version: github.registry.drop(
        ImageRef.parse(f"{APP}@{version.digest}")
    )
    assert outcome(github.apply()) == "deleted"


def test_a_tag_that_goes_at_the_last_moment_is_gone(world: RetentionWorld) -> None:
    world.packages.errors["untag"] = NotFound("no such tag")
    assert outcome(world.apply()) == "gone"


def test_of_several_tags_each_is_taken_off_once(world: RetentionWorld) -> None:
    second = TAG.replace("2026", "2025")
    world.registry.put(world.image("running", second))
    world.decide()
    world.pass_days(1)
    world.packages.errors[f"untag {APP}:{TAG}"] = RegistryUnreachable("HTTP 500")
    with pytest.raises(RegistryUnreachable):
        world.apply()
    world.packages.errors.clear()
    applied = world.apply()
    assert [each.result for each in applied.packages[0].untagged] == ["deleted", "deleted"]
    assert world.tags() == {"latest": "running", "v1": "other"}

"""The plan: surveys that fail closed, what is refused, and what goes on record."""

from pathlib import Path

import pytest

from moorline.agent.retention.ledger import decisions, load_applied, load_decision, newest_decision
from moorline.agent.retention.plan import plan_retention, record_plan
from moorline.agent.retention.survey import survey
from moorline.core.image import ImageRef
from moorline.core.manifest import Manifest
from moorline.core.retention.model import Version
from moorline.errors import (
    AccessDenied,
    Conflict,
    Interrupted,
    InvalidPolicy,
    MoorlineError,
    NotFound,
    RateLimited,
    RegistryUnreachable,
    RemoteUnreachable,
    Stalled,
    UnsafeRetention,
    UsageError,
)
from tests.agent.retention_world import APP, BRANCH, RetentionWorld
from tests.fakes.registry import FakeRegistry

OTHER = "ghcr.io/acme/other"


@pytest.fixture
def world(tmp_path: Path) -> RetentionWorld:
    """One version that is due, and one that runs; a second package likewise."""
    world = RetentionWorld(tmp_path)
    world.push("old", "main-00000aa", age=300)
    world.push("running", "latest", age=300)
    world.push("their old", "main-00000aa", age=300, package=OTHER)
    world.push("their new", "latest", package=OTHER)
    world.pin("running")
    world.policy(packages=[APP, OTHER])
    return world


class Counting(FakeRegistry):
    """Counts what is asked for, and may fail at the n-th manifest."""

    def __init__(self, plain: FakeRegistry) -> None:
        self.__dict__.update(plain.__dict__)
        self.asked: list[ImageRef] = []

    def manifest(self, image: ImageRef) -> Manifest:
        self.asked.append(image)
        return super().manifest(image)


def doomed(world: RetentionWorld, package: int = 0) -> list[str]:
    names = {str(digest): name for name, digest in world.names.items()}
    plan = plan_retention(world.offices())
    return [names[each.version.digest] for each in plan.decisions[package].doomed]


def problems(world: RetentionWorld) -> list[str]:
    return [each.problem for each in plan_retention(world.offices()).decisions]


def test_a_second_run_reads_no_manifest_twice(world: RetentionWorld) -> None:
    registry = Counting(world.registry)
    plan_retention(world.offices(registry=registry))
    assert len(registry.asked) == 4
    world.push("new", "main-00000ab", age=10)
    plan_retention(world.offices(registry=registry))
    assert len(registry.asked) == 5
    plan_retention(world.offices(registry=registry))
    assert len(registry.asked) == 5


def test_progress_is_told(world: RetentionWorld) -> None:
    told: list[tuple[str, int, int]] = []
    plan_retention(world.offices(), progress=lambda *each: told.append(each))
    assert told == [(APP, 2, 0), (APP, 2, 2), (OTHER, 2, 0), (OTHER, 2, 2)]


@pytest.mark.parametrize(
    "error",
    [
        AccessDenied("needs read:packages"),
        RegistryUnreachable("HTTP 500 on page 7"),
        RateLimited("come back in an hour", seconds=3600),
        NotFound("no such package"),
    ],
)
def test_a_package_that_cannot_be_listed_is_skipped_and_others_are_not(
    world: RetentionWorld, error: MoorlineError
) -> None:
    world.packages.errors[f"versions {APP}"] = error
    assert problems(world) == [str(error), ""]
    assert doomed(world, 1) == ["their old"]


def test_an_unreadable_manifest_skips_its_package(world: RetentionWorld) -> None:
    world.break_manifest("running")
    assert problems(world) == [f"cannot read the manifest of {world.names['running']}", ""]


def test_an_unreadable_manifest_that_is_protected_does_not(world: RetentionWorld) -> None:
    world.break_manifest("running")
    world.policy(protect=[str(world.names["running"])], packages=[APP, OTHER])
    assert problems(world) == ["", ""]
    assert doomed(world) == ["old"]


def test_a_version_that_is_listed_and_gone_is_dropped(world: RetentionWorld) -> None:
    pin = f"{APP}@{world.names['old']}"
    listed = world.packages.versions
    stale = Version(digest=str(world.names["old"]), tags=("main-00000aa",), created=1.0, id="9")
    world.registry.drop(ImageRef.parse(pin))

    def lagging(image: ImageRef, progress: object = None) -> tuple[Version, ...]:
        del progress
        return (*listed(image), *([stale] if image.name == APP else []))

    world.packages.versions = lagging  # type: ignore[method-assign,assignment]
    assert problems(world) == ["", ""]
    assert doomed(world) == []


def test_a_manifest_that_is_gone_while_its_version_is_there_skips_the_package(
    world: RetentionWorld,
) -> None:
    world.fail("manifest", "running", NotFound("MANIFEST_UNKNOWN"))
    assert problems(world) == [f"cannot read the manifest of {world.names['running']}", ""]


def test_a_registry_that_asks_for_a_minute_gets_it(world: RetentionWorld) -> None:
    limits = [RateLimited("slow down", seconds=60)] * 2
    versions = world.packages.versions

    def limited(image: ImageRef, progress: object = None) -> object:
        del progress
        if limits:
            raise limits.pop()
        return versions(image)

    world.packages.versions = limited  # type: ignore[method-assign,assignment]
    assert problems(world) == ["", ""]
    assert world.clock.elapsed == 120


def test_one_that_asks_for_it_on_and_on_does_not(world: RetentionWorld) -> None:
    world.packages.errors["versions"] = RateLimited("slow down", seconds=60)
    assert problems(world) == ["slow down", "slow down"]


def test_parts_that_a_plain_registry_does_not_list_are_found(tmp_path: Path) -> None:
    world = RetentionWorld(tmp_path, github=False)
    for part in ("amd64", "arm64"):
        world.push(part)
    world.push("inner", parts=["amd64"])
    world.push("index", "main-00000aa", age=300, parts=["inner", "arm64"])
    world.push("running", "latest")
    world.policy()
    versions, nodes = survey(world.offices(), APP)
    assert {each.digest for each in versions} == {str(each) for each in world.names.values()}
    assert nodes.keys() == {each.digest for each in versions}
    names = doomed(world)
    assert set(names) == {"index", "inner", "amd64", "arm64"}
    assert names.index("index") < names.index("inner") < names.index("amd64")


def test_a_pinned_index_without_a_tag_keeps_its_parts_on_a_plain_registry(tmp_path: Path) -> None:
    world = RetentionWorld(tmp_path, github=False)
    world.push("amd64")
    world.push("older", age=400, parts=["amd64"])
    world.push("old", "main-00000aa", age=300, parts=["amd64"])
    world.push("running", "latest")
    world.pin("older")
    world.policy()
    assert doomed(world) == ["old"]


def test_a_part_that_was_never_pushed_is_no_problem(tmp_path: Path) -> None:
    world = RetentionWorld(tmp_path, github=False)
    world.push("arm64")
    world.push("index", "main-00000aa", age=300, parts=["arm64"])
    world.push("running", "latest")
    world.registry.drop(world.image("arm64"))
    world.policy()
    assert problems(world) == [""]
    assert doomed(world) == ["index"]


def test_an_unreadable_part_skips_the_package(tmp_path: Path) -> None:
    world = RetentionWorld(tmp_path, github=False)
    world.push("arm64")
    world.push("index", "main-00000aa", age=300, parts=["arm64"])
    world.break_manifest("arm64")
    world.policy()
    assert problems(world) == [f"cannot read the manifest of {world.names['arm64']}"]


# --- what the plan refuses ----------------------------------------------------------------------


def test_a_policy_that_would_delete_everything_is_refused(world: RetentionWorld) -> None:
    everything = [{"name": "all", "match": "*", "keep": "1d"}]
    world.remote.commit({"environments/production.yaml": "name: production"})
    world.policy(rules=everything, revert_window="1d", packages=[APP])
    world.pass_days(30)
    [refused] = plan_retention(world.offices()).decisions
    assert (refused.problem, refused.doomed) == ("every image would be deleted", ())
    plan = plan_retention(world.offices(), force_empty=True)
    assert len(plan.decisions[0].doomed) == 2


def test_a_package_that_would_be_emptied_is_no_reason_to_skip_the_others(
    world: RetentionWorld,
) -> None:
    other = "registry.example/acme/other"
    world.policy(packages=[APP, other])
    decisions = plan_retention(world.offices()).decisions
    assert [each.package for each in decisions] == [APP, other]
    assert decisions[0].problem == ""


def test_without_a_policy_nothing_is_deleted(tmp_path: Path) -> None:
    world = RetentionWorld(tmp_path)
    world.remote.commit({"README.md": "hello"})
    plan = plan_retention(world.offices())
    assert plan.decisions == ()
    assert plan.says == "there is no policies/retention.yaml: nothing is ever deleted"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, ""),
        ({"enabled": False}, "a dry run: the policy does not say enabled: true"),
        ({"packages": []}, "the policy names no packages"),
    ],
)
def test_a_plan_says_what_it_is(
    world: RetentionWorld, changes: dict[str, object], sentence: str
) -> None:
    world.policy(**changes)
    assert plan_retention(world.offices()).says == sentence


def test_a_plan_ends_when_it_is_told_to(world: RetentionWorld) -> None:
    def stop() -> None:
        raise Interrupted("told to stop")

    world.check_stop = stop
    with pytest.raises(Interrupted):
        plan_retention(world.offices())


def test_a_branch_that_moves_while_it_is_read_is_read_again(world: RetentionWorld) -> None:
    commits = iter(range(100))
    fetch, moves = world.repo.fetch, [3]

    def busy() -> str:
        if moves[0]:
            moves[0] -= 1
            world.remote.commit({"README.md": str(next(commits))})
        return fetch()

    world.repo.fetch = busy  # type: ignore[method-assign]
    assert plan_retention(world.offices()).commit == world.remote.tip()
    moves[0] = 99
    with pytest.raises(Conflict):
        plan_retention(world.offices())


def test_a_broken_policy_decides_nothing(world: RetentionWorld) -> None:
    world.policy(rules="all of them")
    with pytest.raises(InvalidPolicy):
        plan_retention(world.offices())


def test_without_git_nothing_is_decided(world: RetentionWorld) -> None:
    world.lose_git()
    with pytest.raises(RemoteUnreachable):
        plan_retention(world.offices())


def test_a_rewritten_history_decides_nothing(world: RetentionWorld) -> None:
    world.decide()
    world.remote.reset(world.remote.shas()[-1])
    world.policy()
    with pytest.raises(UnsafeRetention, match="rewritten"):
        plan_retention(world.offices())


def test_one_package_can_be_asked_about(world: RetentionWorld) -> None:
    plan = plan_retention(world.offices(), only=OTHER)
    assert [each.package for each in plan.decisions] == [OTHER]
    with pytest.raises(UsageError, match="is no package of the policy"):
        plan_retention(world.offices(), only="ghcr.io/acme/third")


def test_a_number_of_days_can_be_tried(world: RetentionWorld) -> None:
    world.push("recent", "main-00000ab", age=20)
    assert doomed(world) == ["old"]
    plan = plan_retention(world.offices(), retention_days=10)
    assert len(plan.decisions[0].doomed) == 2


# --- what goes on record ------------------------------------------------------------------------


def test_a_plan_on_record_is_read_back(world: RetentionWorld) -> None:
    plan = plan_retention(world.offices())
    record = record_plan(world.offices(), plan)
    found = load_decision(world.repo, record.id)
    assert (found.id, found.commit, found.host) == (plan.id, plan.commit, "web-1")
    assert found.due == plan.made + 86400
    going = [each.version.digest for each in found.decisions[0].doomed]
    assert going == [str(world.names["old"])]
    assert load_decision(world.repo, record.id).policy_blob == plan.policy_blob


def test_ids_go_on_also_where_a_clock_was_set_back(world: RetentionWorld) -> None:
    first = world.decide()
    world.pass_days(-3)
    second = world.decide()
    assert second.id > first.id
    found = newest_decision(world.repo)
    assert found is not None
    assert found.id == second.id


def test_decisions_are_listed_with_what_came_of_them(world: RetentionWorld) -> None:
    first = world.decide()
    world.pass_days(1)
    world.apply()
    second = world.decide()
    listed = decisions(world.repo, 5)
    assert [each.decided.id for each in listed] == [second.id, first.id]
    assert listed[0].applied is None
    assert listed[1].applied is not None
    assert len(decisions(world.repo, 1)) == 1
    # without the versions
    assert dict(listed[1].decided.packages[0])["deleted"] == 1


def test_very_many_decisions_are_paged_through(world: RetentionWorld) -> None:
    ids = []
    for _ in range(20):
        world.pass_days(1 / 24)
        ids.append(world.decide().id)
    assert [each.decided.id for each in decisions(world.repo, 30)] == ids[::-1]
    assert load_decision(world.repo, ids[0]).id == ids[0]


def test_a_record_that_is_not_there_is_not_found(world: RetentionWorld) -> None:
    record = world.decide()
    with pytest.raises(NotFound):
        load_decision(world.repo, "20200101T000000Z-retention-0000000")
    world.remote.commit({record.path: "kind: retention\npackages: 3\n"}, branch=BRANCH)
    world.repo.fetch()
    with pytest.raises(Stalled, match="cannot be read"):
        load_decision(world.repo, record.id)
    path = record.path.replace(".yaml", "-applied.yaml")
    world.remote.commit({path: "kind: retention-applied\npackages: 3\n"}, branch=BRANCH)
    world.repo.fetch()
    with pytest.raises(Stalled, match="cannot be read"):
        load_applied(world.repo, record.id)

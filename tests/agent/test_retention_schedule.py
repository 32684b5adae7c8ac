"""When retention runs: at the policy's hours, when a grace ends, and after whatever kept it."""

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from moorline.agent.config_model import RetentionConfig
from moorline.agent.retention.ledger import MemoryFile, trouble
from moorline.agent.retention.schedule import LATER, LONGEST, SOON, next_hour
from moorline.core.retention.records import read_summary
from moorline.errors import AccessDenied, Interrupted, RateLimited, RegistryUnreachable
from tests.agent.retention_world import APP, BRANCH, HOUR, RetentionWorld


@pytest.fixture
def world(tmp_path: Path) -> RetentionWorld:
    """The clock stands at 10:00; the policy's hour is 02:00."""
    world = RetentionWorld(tmp_path)
    world.push("old", "main-00000aa", age=300)
    world.push("running", "latest", age=300)
    world.pin("running")
    world.policy()
    world.repo.fetch()
    return world


def pass_time(world: RetentionWorld, hours: float) -> list[str]:
    """Let the clerk look for so many hours; returns when something ended up on record."""
    schedule, until = world.schedule(), world.clock.elapsed + hours * HOUR
    seen, moments = len(world.records()), []
    while world.clock.elapsed < until:
        seconds = schedule.due_in()
        if seconds <= 0:
            schedule.run()
        world.clock.elapsed = min(until, world.clock.elapsed + max(1.0, seconds))
        if len(world.records()) > seen:
            seen = len(world.records())
            moments.append(f"{world.clock.now():%d %H}")
    return moments


def kinds(world: RetentionWorld) -> list[str]:
    tip = world.remote.branches[BRANCH]
    files = sorted(world.remote.commits[tip].files.items(), key=lambda each: each[0][-60:])
    found = [read_summary(data) for _, data in files]
    return [each.kind for each in found if each]


def test_a_host_that_was_not_asked_to_runs_nothing(world: RetentionWorld) -> None:
    world.config = msgspec.structs.replace(world.config, retention=RetentionConfig(run=False))
    assert world.schedule().due_in() == math.inf


def test_the_first_run_waits_for_its_hour(world: RetentionWorld) -> None:
    assert pass_time(world, 15.9) == []
    assert pass_time(world, 0.2) == ["24 02"]


def test_decided_at_two_and_carried_out_a_day_later_when_it_decides_again(
    world: RetentionWorld,
) -> None:
    assert pass_time(world, 17) == ["24 02"]
    assert world.deleted() == []
    assert pass_time(world, 24) == ["25 02"]
    assert world.deleted() == ["old"]
    assert len(world.records()) == 3
    assert pass_time(world, 24) == ["26 02"]
    # a decision with nothing to do has no end that could be told
    assert len(world.records()) == 4


def test_a_dry_run_decides_each_day_and_deletes_nothing(world: RetentionWorld) -> None:
    world.policy(enabled=False)
    assert pass_time(world, 3 * 24) == ["24 02", "25 02", "26 02"]
    assert world.deleted() == []


def test_a_long_grace_holds_one_decision_at_a_time(world: RetentionWorld) -> None:
    world.policy(grace="72h")
    assert pass_time(world, 6 * 24) == ["24 02", "27 02"]
    assert kinds(world).count("retention") == 2


def test_an_hour_that_was_slept_through_is_made_up_for_once(world: RetentionWorld) -> None:
    world.policy(enabled=False)
    pass_time(world, 17)
    world.pass_days(9.1)
    assert pass_time(world, 1) == ["03 05"]
    assert pass_time(world, 19) == []


def test_an_hour_is_that_of_the_policy_now(world: RetentionWorld) -> None:
    world.policy(enabled=False, schedule="30 12 * * *")
    world.repo.fetch()
    assert pass_time(world, 3) == ["23 12"]
    # nobody fetched meanwhile: the clerk looks at the mirror
    world.policy(enabled=False, schedule="0 14 * * *")
    world.repo.fetch()
    assert pass_time(world, 3) == ["23 14"]


@pytest.mark.parametrize("days", [-400, -1, 400])
def test_a_clock_that_jumps_does_no_harm(world: RetentionWorld, days: float) -> None:
    world.policy(enabled=False)
    pass_time(world, 24)
    world.pass_days(days)
    assert len(pass_time(world, 48)) in {2, 3}


def test_a_decision_from_the_future_is_void(world: RetentionWorld) -> None:
    world.pass_days(400)
    pass_time(world, 24)
    world.pass_days(-400)
    pass_time(world, 12)
    assert world.deleted() == []
    pass_time(world, 48)
    assert world.deleted() == ["old"]


def test_without_a_policy_nothing_is_put_on_record(tmp_path: Path) -> None:
    world = RetentionWorld(tmp_path)
    world.remote.commit({"README.md": "hello"})
    assert pass_time(world, 72) == []
    assert trouble(tmp_path / "state") == ""


def test_a_killed_run_is_gone_on_with_at_the_next_start(world: RetentionWorld) -> None:
    pass_time(world, 17)

    def stop() -> None:
        raise Interrupted("told to stop")

    world.while_deleting("old", stop)
    with pytest.raises(Interrupted):
        pass_time(world, 24)
    pass_time(world, 0.1)
    assert world.deleted() == ["old"]


def test_what_passes_is_tried_again_soon(world: RetentionWorld) -> None:
    pass_time(world, 15.9)
    world.lose_git()
    pass_time(world, 0.2)
    assert trouble(Path(world.config.state_dir)) == "no route to host"
    assert 0 < world.schedule().due_in() <= SOON
    world.remote.trouble = None
    assert pass_time(world, 0.2) == ["24 02"]
    assert trouble(Path(world.config.state_dir)) == ""


def test_what_a_person_has_to_mend_is_tried_again_later(world: RetentionWorld) -> None:
    world.policy(rules="none")
    pass_time(world, 16.1)
    assert "policies/retention.yaml" in trouble(Path(world.config.state_dir))
    assert SOON < world.schedule().due_in() <= LATER
    world.policy()
    assert pass_time(world, 1.1) == ["24 03"]


def test_a_registry_is_asked_again_when_it_said(world: RetentionWorld) -> None:
    pass_time(world, 16.9)
    world.while_deleting("old", raise_limit)
    pass_time(world, 23.2)
    assert "an hour" in trouble(Path(world.config.state_dir))
    assert world.deleted() == []
    pass_time(world, 1)
    assert world.deleted() == ["old"]


def raise_limit() -> None:
    raise RateLimited("come back in an hour", seconds=3000)


def test_a_package_that_was_skipped_is_trouble(world: RetentionWorld) -> None:
    world.packages.errors["versions"] = AccessDenied("needs read:packages")
    pass_time(world, 17)
    assert trouble(Path(world.config.state_dir)) == f"{APP}: needs read:packages"
    world.packages.errors.clear()
    pass_time(world, 24)
    assert trouble(Path(world.config.state_dir)) == ""


def test_something_missing_is_trouble_until_a_run_finds_all(world: RetentionWorld) -> None:
    pass_time(world, 17)
    world.while_deleting("old", lambda: world.registry.drop(world.image("running")))
    pass_time(world, 24)
    assert "missing in the registry" in trouble(Path(world.config.state_dir))


def test_a_wait_is_never_so_long_that_a_change_goes_unnoticed(world: RetentionWorld) -> None:
    assert world.schedule().due_in() == LONGEST


def test_it_is_known_what_waits(world: RetentionWorld) -> None:
    pass_time(world, 17)
    memory = MemoryFile(world.state).load()
    assert memory.pending.endswith(f"-retention-{world.remote.branches['main'][:7]}")
    assert datetime.fromtimestamp(memory.due, UTC).hour == 2


def test_hours_are_utc() -> None:
    noon = datetime(2026, 3, 29, 12, tzinfo=UTC)
    assert next_hour("0 2 * * *", noon.timestamp()) == (noon + timedelta(hours=14)).timestamp()


def test_a_registry_that_is_away_is_asked_again_soon(world: RetentionWorld) -> None:
    pass_time(world, 17)
    world.packages.errors["delete"] = RegistryUnreachable("HTTP 500")
    pass_time(world, 24)
    assert trouble(Path(world.config.state_dir)) == "HTTP 500"
    world.packages.errors.clear()
    pass_time(world, 0.2)
    assert world.deleted() == ["old"]


def test_a_decision_is_found_again_where_a_crash_forgot_it(world: RetentionWorld) -> None:
    pass_time(world, 17)
    (world.state / "state.json").unlink()
    assert pass_time(world, 22) == []
    assert pass_time(world, 2) == ["25 02"]
    assert world.deleted() == ["old"]
    assert len(world.records()) == 3


def test_a_short_grace_ends_between_two_hours(world: RetentionWorld) -> None:
    world.policy(grace="3h")
    assert pass_time(world, 30) == ["24 02", "24 05"]
    assert world.deleted() == ["old"]

"""A wall clock that jumps changes nothing but the times on record."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from moorline.agent.daemon.desk import Desk
from moorline.agent.daemon.fetching import PolledFetch
from moorline.agent.daemon.pacing import Pacing
from moorline.agent.daemon.wake import Wake
from moorline.agent.report import SilentReporter
from tests.agent.world import World
from tests.fakes.engine import Script
from tests.fakes.host import FakeClock

HOUR = 3600.0


@dataclass(slots=True)
class JumpingClock(FakeClock):
    """Its wall clock is `off` by so many seconds; the monotonic one is right."""

    off: float = 0.0

    def now(self) -> datetime:
        return FakeClock.now(self) + timedelta(seconds=self.off)


@pytest.fixture
def clock() -> JumpingClock:
    return JumpingClock()


@pytest.fixture
def world(tmp_path: Path, clock: JumpingClock) -> World:
    return World(tmp_path, clock=clock)


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
def test_the_loop_sleeps_as_long_as_ever(world: World, clock: JumpingClock, jump: float) -> None:
    commit = world.push({"web": {"image": str(world.image("1"))}})
    wake = Wake()
    pacing = Pacing(30.0, lambda delay: delay)
    desk = Desk("production", world.cycle, wake, pacing, clock=clock, reporter=SilentReporter())
    wake.remote_moved()
    assert desk.look() == 30.0
    clock.off += jump
    clock.elapsed += 29.0
    assert desk.look() == pytest.approx(1.0)
    clock.elapsed += 1.0
    assert desk.look() == 30.0
    assert [each.commit for each in world.records()] == [commit]


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
def test_the_remote_is_asked_as_often_as_ever(
    world: World, clock: JumpingClock, jump: float
) -> None:
    first = world.push({"web": {"image": str(world.image("1"))}})
    fetch = PolledFetch(world.host.repo, clock, SilentReporter(), interval=30)
    fetch()
    newer = world.push({"web": {"image": str(world.image("2"))}})
    clock.off += jump
    clock.elapsed += 29
    fetch()
    assert world.host.repo.tip() == first
    clock.elapsed += 1
    fetch()
    assert world.host.repo.tip() == newer


def test_records_keep_their_order(world: World, clock: JumpingClock) -> None:
    commits: list[str] = []
    for number, jump in enumerate([0.0, -HOUR, HOUR, -HOUR, -HOUR]):
        clock.off += jump
        commits.append(world.deploy({"web": {"image": str(world.image(str(number)))}}))
    # sorted by id
    assert [each.commit for each in world.records()] == commits


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
def test_a_gate_takes_no_notice(world: World, clock: JumpingClock, jump: float) -> None:
    world.deploy({"web": {"image": str(world.image("1"))}})

    def leap() -> None:
        clock.off += jump

    clock.on_wait = leap
    world.deploy({"web": {"image": str(world.image("2"))}})
    assert clock.off == jump, "it jumped while somebody waited"
    clock.on_wait = leap
    bad = world.push({"web": {"image": str(world.image("3", Script(behaviour="exits")))}})
    assert world.run().word == "taken back"
    assert world.record(bad)["outcome"] == "taken back"

"""Clocks that jump, and people who push faster than anything can be proven."""

import time
from collections import Counter

import pytest

from tests.e2e.settled import rollouts, settled_well
from tests.e2e.stage import FAULTY, Stage, eventually
from tests.e2e.strategies import Strategy, each_strategy
from tests.e2e.visitor import unnoticed
from tests.parts.images import Images

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

HOUR = 3600
PUSHES = 100
PUSHING = 10.0


@each_strategy
@pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["an-hour-ahead", "an-hour-back"])
def test_a_clock_that_jumps_in_the_gate(
    stage: Stage, images: Images, port: int, strategy: Strategy, jump: int
) -> None:
    old, new, bad = images("healthy", "1"), images("healthy", "2"), images("crash", "2")
    stage.start(FAULTY)
    first = stage.deploy(strategy.services(old, port))
    with unnoticed(port, seamless=strategy.seamless):
        second = stage.push(strategy.services(new, port, stability="1s"))
        eventually(lambda: new.pin in stage.running("web"), "the new version to run")
        (stage.folder / "clock").write_text(str(jump))
        stage.wait_deployed(second)
        # what comes after is newer, whatever the clock says
        failed = stage.push(strategy.services(bad, port))
        stage.wait_deployed(failed, "taken back")
        third = stage.deploy(strategy.services(old, port))
        settled_well(stage, first, second, failed, third)
    assert [each["state_commit"] for each in rollouts(stage)] == [first, second, failed, third]
    assert stage.settled("web", old)
    # a time in the record may be wrong by the jump, as the host's clock was, but never absurd
    times = [seconds for each in rollouts(stage) for seconds in dict(each["timings"]).values()]
    assert min(times) >= 0, times


@each_strategy
def test_a_hundred_pushes_in_ten_seconds_end_at_the_last(
    stage: Stage, images: Images, port: int, strategy: Strategy
) -> None:
    image = images("healthy", "1")
    stage.start()
    began = time.monotonic()
    for number in range(PUSHES):
        pushed = stage.push(strategy.services(image, port, labels={"n": str(number)}))
        rest = began + (number + 1) * PUSHING / PUSHES - time.monotonic()
        # the only way to spread them; whoever is late pushes at once
        time.sleep(max(0.0, rest))
    stage.wait_deployed(pushed)
    settled_well(stage, pushed)
    for service in ("web", "side"):
        assert stage.container(service)["Config"]["Labels"]["n"] == str(PUSHES - 1)
    ends = Counter(str(each["outcome"]) for each in rollouts(stage))
    assert set(ends) <= {"proven", "superseded"}, ends
    assert stage.rollbacks() == []

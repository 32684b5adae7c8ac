"""Rollouts that nobody notices: whoever asks while they happen gets an answer each time."""

import shutil

import pytest
import yaml

from tests.e2e.settled import settled_well
from tests.e2e.stage import Stage, eventually
from tests.e2e.strategies import STRATEGIES, Strategy
from tests.e2e.visitor import Visitor
from tests.parts.images import Images

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

SEAMLESS = tuple(each for each in STRATEGIES if each.seamless)
each_seamless = pytest.mark.parametrize("strategy", SEAMLESS, ids=[each.name for each in SEAMLESS])
only_blue_green = pytest.mark.parametrize(
    "strategy", [each for each in SEAMLESS if each.name == "blue-green"]
)


@each_seamless
def test_a_new_version_takes_over_without_one_failed_request(
    stage: Stage, images: Images, port: int, strategy: Strategy
) -> None:
    stage.start()
    first = stage.deploy(strategy.services(images("healthy", "1"), port))
    visitor = Visitor(port)
    second = stage.deploy(strategy.services(images("healthy", "2"), port))
    visits = visitor.leave()
    assert visits.failed == ()
    assert visits.answers >= {"version=2"}
    settled_well(stage, first, second)


@each_seamless
def test_a_version_that_never_gets_well_is_taken_back_and_nobody_saw_it(
    stage: Stage, images: Images, port: int, strategy: Strategy
) -> None:
    stage.start()
    first = stage.deploy(strategy.services(images("healthy", "1"), port))
    visitor = Visitor(port)
    bad = stage.push(strategy.services(images("unhealthy", "2"), port, deadline="2s"))
    stage.wait_deployed(bad, "taken back")
    visits = visitor.leave()
    assert visits.failed == ()
    assert visits.answers == {"version=1"}
    settled_well(stage, first, bad)


@only_blue_green
def test_a_smoke_test_that_fails_takes_the_traffic_back(
    stage: Stage, images: Images, port: int, strategy: Strategy
) -> None:
    smoke = {"name": "smoke", "command": ["sh", "-c", "echo no good >&2; exit 7"]}
    stage.start()
    stage.deploy(strategy.services(images("healthy", "1"), port))
    services = strategy.services(images("healthy", "2"), port)
    web = services["web"]
    assert isinstance(web, dict)
    web["x-moorline"]["jobs"] = {"after": [smoke]}
    visitor = Visitor(port)
    bad = stage.push(services)
    stage.wait_deployed(bad, "taken back")
    eventually(lambda: stage.answer(port) == "version=1", "the old version to serve again")
    visits = visitor.leave()
    assert visits.failed == ()
    record = stage.record(bad)
    assert "smoke exited with 7" in record["sentence"]
    assert "no good" in yaml.safe_dump(record["services"]["web"])
    assert len(stage.rollbacks()) == 1


@only_blue_green
def test_a_lost_container_comes_back_into_the_traffic(
    stage: Stage, images: Images, port: int, strategy: Strategy
) -> None:
    stage.start()
    stage.deploy(strategy.services(images("healthy", "1"), port))
    stage.api.remove_container(stage.container("web")["Id"], force=True)
    eventually(lambda: stage.answer(port) == "version=1", "it to serve again")


@only_blue_green
def test_a_daemon_that_is_away_keeps_nobody_from_being_served(
    stage: Stage, images: Images, port: int, strategy: Strategy
) -> None:
    daemon = stage.start()
    stage.deploy(strategy.services(images("healthy", "1"), port))
    visitor = Visitor(port)
    daemon.kill()
    eventually(lambda: not daemon.alive, "the daemon to be gone")
    second = stage.push(strategy.services(images("healthy", "2"), port))
    stage.start()
    stage.wait_deployed(second)
    visits = visitor.leave()
    assert visits.failed == ()


@only_blue_green
def test_a_strategy_may_change_both_ways(
    stage: Stage, images: Images, port: int, strategy: Strategy
) -> None:
    recreate = next(each for each in STRATEGIES if each.name == "recreate")
    stage.start()
    for each, version in ((recreate, "1"), (strategy, "2"), (recreate, "1"), (strategy, "2")):
        commit = stage.deploy(each.services(images("healthy", version), port))
        eventually(lambda v=version: stage.answer(port) == f"version={v}", f"{version} to serve")
        settled_well(stage, commit)


@only_blue_green
def test_an_ingress_that_lost_everything_is_made_anew_from_what_runs(
    stage: Stage, images: Images, port: int, strategy: Strategy
) -> None:
    daemon = stage.start()
    stage.deploy(strategy.services(images("healthy", "1"), port))
    stage.deploy(strategy.services(images("healthy", "2"), port))
    daemon.kill()
    stage.api.remove_container(stage.ingress, force=True)
    shutil.rmtree(stage.state / "ingress")
    assert stage.answer(port) == ""
    stage.start()
    eventually(lambda: stage.answer(port) == "version=2", "it to serve again")
    assert len(stage.running("web")) == 1

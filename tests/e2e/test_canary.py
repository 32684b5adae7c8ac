"""A canary is judged by what it does with its share of the requests."""

from collections.abc import Iterator

import pytest

from tests.e2e.settled import settled_well
from tests.e2e.stage import Stage, eventually
from tests.e2e.strategies import Strategy
from tests.e2e.visitor import Visitor
from tests.parts.images import Images, Variant

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

asked = pytest.mark.usefixtures("visitor")
PAGE = "/cgi-bin/page"
LONG = [{"weight": 50, "for": "10m"}]
PAUSED = [{"weight": 10, "pause": True}, {"weight": 50, "for": "300ms"}]
ABORT_ON = {"error_rate": "10%", "p95": "300ms", "min_requests": 20}


def canary(steps: list[dict[str, object]], **abort_on: object) -> Strategy:
    keys = {"canary": {"steps": steps, "abort_on": abort_on}, "ingress": {"mode": "http"}}
    return Strategy("canary", keys)


@pytest.fixture
def strategy() -> Strategy:
    return canary(LONG, **ABORT_ON)


@pytest.fixture
def visitor(stage: Stage, images: Images, port: int, strategy: Strategy) -> Iterator[Visitor]:
    """Someone who asks all the time, of a first version that is well."""
    stage.start()
    stage.deploy(strategy.services(images("healthy", "1"), port))
    made = Visitor(port, path=PAGE)
    yield made
    made.leave()


@asked
@pytest.mark.parametrize(
    ("variant", "reason"), [("faulty", "requests failed"), ("sluggish", "took longer")]
)
def test_one_that_does_worse_than_the_old_version_is_taken_back(
    stage: Stage, images: Images, port: int, variant: Variant, reason: str
) -> None:
    bad = stage.push(canary(LONG, **ABORT_ON).services(images(variant, "2"), port))
    stage.wait_deployed(bad, "taken back", within=60)
    record = stage.record(bad)
    assert reason in record["sentence"]
    assert record["services"]["web"]["canary"]
    assert len(stage.rollbacks()) == 1
    settled_well(stage, bad)


@asked
def test_one_that_does_as_well_goes_on_at_its_pace(
    stage: Stage, images: Images, port: int
) -> None:
    steps = [{"weight": 20, "for": "1s"}, {"weight": 60, "for": "1s"}]
    services = canary(steps, **ABORT_ON).services(images("healthy", "2"), port)
    commit = stage.push(services)
    stage.wait_deployed(commit, within=60)
    shares = [each["weight"] for each in stage.record(commit)["services"]["web"]["canary"]]
    assert shares == sorted(shares)
    assert len(shares) == len(steps)
    settled_well(stage, commit)


@asked
def test_one_that_pauses_waits_for_a_person(stage: Stage, images: Images, port: int) -> None:
    strategy = canary(PAUSED, **ABORT_ON)
    commit = stage.push(strategy.services(images("healthy", "2"), port))
    eventually(lambda: "promote" in _said(stage), "the pause to be shown", within=60)
    early = stage.moorline("promote", stage.environment, "side")
    assert early.returncode != 0
    done = stage.moorline("promote", stage.environment, "web")
    assert done.returncode == 0, done.stderr
    stage.wait_deployed(commit, within=60)
    settled_well(stage, commit)


@asked
def test_a_newer_commit_ends_a_pause(stage: Stage, images: Images, port: int) -> None:
    strategy = canary(PAUSED, **ABORT_ON)
    paused = stage.push(strategy.services(images("healthy", "2"), port))
    eventually(lambda: "promote" in _said(stage), "the pause to be shown", within=60)
    newer = stage.push(
        canary([{"weight": 50, "for": "300ms"}]).services(images("healthy", "3"), port)
    )
    stage.wait_deployed(newer, within=60)
    assert stage.record(paused)["outcome"] == "superseded"
    settled_well(stage, paused, newer)


@asked
def test_a_restarted_daemon_goes_on_where_the_canary_stands(
    stage: Stage, images: Images, port: int
) -> None:
    strategy = canary(PAUSED, **ABORT_ON)
    commit = stage.push(strategy.services(images("healthy", "2"), port))
    eventually(lambda: "promote" in _said(stage), "the pause to be shown", within=60)
    stage.daemons[-1].kill()
    before = stage.ids()
    stage.start()
    stage.moorline("promote", stage.environment, "web")
    stage.wait_deployed(commit, within=60)
    assert set(before.values()) >= set(stage.ids().values())
    settled_well(stage, commit)


def _said(stage: Stage) -> str:
    return stage.moorline("status", stage.environment).stdout

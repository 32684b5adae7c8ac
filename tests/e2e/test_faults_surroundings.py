"""A registry or git remote that is gone at any moment of a rollout: it ends well, once, later."""

from collections.abc import Iterator
from functools import partial

import pytest

from tests.e2e.settled import settled_well
from tests.e2e.stage import FAULTY, Stage, eventually
from tests.e2e.strategies import Strategy, each_strategy
from tests.e2e.visitor import unnoticed
from tests.parts.githttp import GitHttpServer, git_http_server
from tests.parts.images import Images
from tests.parts.registry import running_registry

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

PHASES = (
    "journal.save",
    "engine.create_container",
    "engine.start",
    "engine.remove",
    "outbox.put",
    "repo.append",
)
"""The first change of each phase of a rollout."""


@pytest.fixture
def remote(stage: Stage) -> Iterator[GitHttpServer]:
    """The state repo over HTTP."""
    with git_http_server(stage.folder) as running:
        stage.configure(url=running.url("state.git"), poll="300ms")
        yield running


@each_strategy
def test_a_git_remote_that_vanishes_in_any_phase(
    stage: Stage, images: Images, remote: GitHttpServer, port: int, strategy: Strategy
) -> None:
    commits: list[str] = []
    stage.start(FAULTY)
    commits.append(stage.deploy(strategy.services(images("healthy", "1"), port)))
    settled_well(stage, *commits)
    for number, phase in enumerate(PHASES):
        image = images("healthy", str(2 - number % 2))
        services = strategy.services(image, port)
        with unnoticed(port, seamless=strategy.seamless):
            commits.append(stage.paused_at(phase, partial(stage.push, services)))
            remote.status = 503
            stage.unpause()
            stage.wait_settled("web", image)
            stage.wait_settled("side", image)
            # the record is kept, and the rollout is over: git is not needed for either
            eventually(lambda: stage.status()["records_waiting"], f"{phase}: a record to wait")
            assert len(stage.deployments()) == len(commits) - 1, phase
            remote.status = 0
            stage.wait_deployed(commits[-1])
            settled_well(stage, *commits)


@each_strategy
def test_a_git_remote_that_vanishes_while_a_version_fails(
    stage: Stage, images: Images, remote: GitHttpServer, port: int, strategy: Strategy
) -> None:
    good, bad = images("healthy", "1"), images("crash", "2")
    stage.start(FAULTY)
    first = stage.deploy(strategy.services(good, port))
    file = stage.remote.show("main", stage.path)
    failed = stage.paused_at("engine.start", lambda: stage.push(strategy.services(bad, port)))
    with unnoticed(port, seamless=strategy.seamless):
        remote.status = 503
        stage.unpause()
        stage.wait_settled("web", good)
        stage.wait_settled("side", good)
        eventually(lambda: stage.memory()["pending_rollback"], "a rollback in waiting")
        remote.status = 0
        stage.wait_deployed(failed, "taken back")
        eventually(lambda: stage.remote.show("main", stage.path) == file, "the rollback on main")
        settled_well(stage, first, failed)
    assert len(stage.rollbacks()) == 1


@each_strategy
def test_a_registry_that_is_gone_before_the_rollout_holds_it(
    stage: Stage, port: int, other_port: int, strategy: Strategy
) -> None:
    with running_registry(port=other_port) as address:
        own = Images(address)
        old, new = own("healthy", "1"), own("healthy", "2")
        stage.start(FAULTY)
        first = stage.deploy(strategy.services(old, port))
        own.remove(new)
    try:
        before = stage.ids()
        held = stage.push(strategy.services(new, port))
        stage.wait_trouble("pulling")
        assert stage.ids() == before
        assert stage.memory()["quarantine"] == []
        # nobody brings the registry back: a person's answer is another commit
        mended = stage.deploy(strategy.services(old, port, labels={"n": "2"}))
        settled_well(stage, first, held, mended)
        assert stage.settled("web", old)
        assert stage.record(held)["outcome"] == "superseded"
    finally:
        own.close()


@each_strategy
def test_a_registry_that_vanishes_after_the_pull_is_not_missed(
    stage: Stage, port: int, other_port: int, strategy: Strategy
) -> None:
    with running_registry(port=other_port) as address:
        own = Images(address)
        old, new = own("healthy", "1"), own("healthy", "2")
        stage.start(FAULTY)
        first = stage.deploy(strategy.services(old, port))
        own.remove(new)
        second = stage.paused_at(
            "engine.create_container", lambda: stage.push(strategy.services(new, port))
        )
    try:
        stage.unpause()
        stage.wait_deployed(second)
        settled_well(stage, first, second)
        assert stage.settled("web", new)
    finally:
        own.close()

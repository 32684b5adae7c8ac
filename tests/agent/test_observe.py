"""What a look at the engine adds to its list of containers."""

from pathlib import Path

import pytest

from moorline.agent.execution.observe import observe
from moorline.agent.load import Loader
from moorline.core.model import ObservedContainer
from tests.agent.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.deploy({"web": {"image": str(world.image("1"))}})
    return world


def looked_at(world: World, *, suspect: bool) -> ObservedContainer:
    """The container as a look shows it whose list was taken right before somebody paused it."""
    behind = world.engine.observe("production", ())
    world.engine.pause(behind.containers[0].id)
    loader = Loader(world.config, world.host.repo, world.host.files)
    desired = loader.load("production", world.host.repo.fetch())
    seen = observe(
        world.engine, world.ingress, desired, suspect=lambda _: suspect, snapshot=behind
    )
    return seen.containers[0]


def test_a_list_that_is_behind_the_event_hides_no_pause(world: World) -> None:
    assert looked_at(world, suspect=True).state == "paused"


def test_only_what_is_suspect_costs_a_call_of_its_own(world: World) -> None:
    before = world.engine.calls.count("inspect")
    looked_at(world, suspect=False)
    assert world.engine.calls.count("inspect") == before

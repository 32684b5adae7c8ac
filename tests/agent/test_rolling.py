"""Replicas replaced in turn: each is healthy and in the traffic before the next one goes."""

from pathlib import Path

import pytest

from tests.agent.world import World
from tests.fakes.engine import Script
from tests.fakes.ingress import FakeIngress


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, ingress=FakeIngress())
    world.deploy({"web": service(world, "1")})
    return world


def service(world: World, version: str, script: Script | None = None) -> dict[str, object]:
    own = {"health": {"stability": "1s", "deadline": "5s"}, "strategy": "rolling"}
    return {
        "image": str(world.image(version, script)),
        "ports": ["8080:80"],
        "deploy": {"replicas": 3},
        "x-moorline": own,
    }


def versions(world: World) -> list[str]:
    """The versions that take requests."""
    assert isinstance(world.ingress, FakeIngress)
    servers = world.ingress.observe("production")["web"].servers
    images = [str(world.engine.containers[each.container].body["Image"]) for each in servers]
    return sorted(image.partition("@")[0].rpartition(":")[2] for image in images)


def test_every_replica_takes_requests_in_the_end(world: World) -> None:
    assert versions(world) == ["1", "1", "1"]
    world.deploy({"web": service(world, "2", Script(behaviour="healthy", after=2))})
    assert versions(world) == ["2", "2", "2"]
    assert len(world.engine.containers) == 3
    assert world.run().word == "converged"


def test_there_are_never_fewer_than_the_file_asks_for(world: World) -> None:
    seen: list[int] = []
    world.engine.on_call = lambda _method: seen.append(len(versions(world)))
    world.deploy({"web": service(world, "2")})
    assert min(seen) == 3


def test_a_bad_version_reaches_no_request(world: World) -> None:
    reached: list[list[str]] = []
    world.engine.on_call = lambda _method: reached.append(versions(world))
    commit = world.push({"web": service(world, "2", Script(behaviour="unhealthy"))})
    assert world.run().word == "taken back"
    assert all(each == ["1", "1", "1"] for each in reached)
    assert "its healthcheck" in str(world.record(commit)["sentence"])

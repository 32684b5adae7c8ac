"""An error of the surroundings at every single call is no verdict, and leaves nothing half done.

Each sweep lives in one world: deploy the next version with the fault at the n-th engine call, run
cycles until one ends, look; until a rollout has no n-th call any more.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from moorline.core.image import ImageRef
from moorline.errors import (
    Conflict,
    EngineUnreachable,
    Interrupted,
    RemoteUnreachable,
    Transient,
)
from tests.agent.world import World
from tests.fakes.engine import Script

Fault = Callable[[World, str], None]
BACK = {"networks": ["back"]}
QUICK = {"health": {"stability": "1s", "deadline": "5s"}}


def away(_world: World, _method: str) -> None:
    raise EngineUnreachable("the engine went away before it heard")


def answer_lost(world: World, method: str) -> None:
    error = EngineUnreachable("the engine went away before it answered")
    world.engine.fail_next(method, error, after_effect=True)


def moved(_world: World, _method: str) -> None:
    raise Conflict("somebody was faster")


def stopped(world: World, _method: str) -> None:
    def stop() -> None:
        world.check_stop = lambda: None
        raise Interrupted("told to stop")

    world.check_stop = stop


def git_away(world: World, _method: str) -> None:
    world.remote.trouble = RemoteUnreachable("no route to the remote")


def sweep(world: World, fault: Fault, attempt: Callable[[int], bool]) -> int:
    """Call `attempt` with the fault at the first call, the second … until it is not reached."""
    for number in range(1, 500):
        left = number

        def on_call(method: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                fault(world, method)

        world.engine.on_call = on_call
        attempt(number)
        world.engine.on_call = lambda _: None
        if left > 0:
            return number - 1
    raise AssertionError("endless")


def until_it_ends(world: World) -> None:
    """Run cycles as the loop does: again after an error, in a new process after a stop."""
    for _ in range(10):
        try:
            outcome = world.run()
        except Interrupted:
            world.start()
        except Transient:
            continue
        else:
            # the remote comes back for the records, at the latest
            world.remote.trouble = None
            if outcome.word == "converged":
                return
    raise AssertionError("no end")


def services(
    image: ImageRef, last: ImageRef, number: object
) -> Mapping[str, Mapping[str, object]]:
    """An environment with some of everything; `last` is what its last service runs."""
    hooks = {"post_start": [{"command": ["up"]}], "pre_stop": [{"command": ["down"]}]}
    needs = {"db": {"condition": "service_healthy", "restart": True}}
    common = {"image": str(image), "labels": {"n": str(number)}, "x-moorline": QUICK}
    return {
        "db": {**common, "volumes": ["data:/data"], "ports": ["5432:5432"], **hooks} | BACK,
        "web": {**common, "depends_on": needs, "networks": ["front", "back"]},
        "side": {"image": str(last), "network_mode": "service:web", "x-moorline": QUICK},
    }


def resources(number: object) -> dict[str, object]:
    """Networks of which one changes with each version."""
    back = {"labels": {"n": str(number)}}
    return {"networks": {"front": {}, "back": back}, "volumes": {"data": {}}}


@pytest.mark.parametrize("fault", [away, answer_lost, moved, stopped, git_away])
def test_a_good_rollout_reaches_its_end(tmp_path: Path, fault: Fault) -> None:
    world = World(tmp_path)
    image = world.image("1")
    world.deploy(services(image, image, 0), **resources(0))

    def attempt(number: int) -> None:
        commit = world.push(services(image, image, number), **resources(number))
        until_it_ends(world)
        _assert_settled(world, str(number))
        record = world.record(commit)
        assert record["outcome"] == "proven"
        assert {"db", "web", "side"} == set(record["services"])

    assert sweep(world, fault, attempt) > 20
    assert world.rollbacks() == []


@pytest.mark.parametrize("fault", [away, answer_lost, moved, stopped, git_away])
def test_a_failed_rollout_is_taken_back_once(tmp_path: Path, fault: Fault) -> None:
    world = World(tmp_path)
    image = world.image("1")
    bad = world.image("2", Script(behaviour="exits", logs=("cannot go on",)))
    world.deploy(services(image, image, 0), **resources(0))
    file = world.remote.show("main", "environments/production.yaml")

    def attempt(number: int) -> None:
        rollbacks = len(world.rollbacks())
        failed = world.push(services(image, bad, number), **resources(number))
        until_it_ends(world)
        _assert_settled(world, "0")
        record = world.record(failed)
        assert record["outcome"] == "taken back"
        assert record["services"]["side"]["logs"] == ["cannot go on"]
        assert len(world.rollbacks()) == rollbacks + 1
        assert world.remote.show("main", "environments/production.yaml") == file

    assert sweep(world, fault, attempt) > 20


def _assert_settled(world: World, number: str) -> None:
    engine = world.engine
    names = sorted(each.name for each in engine.containers.values())
    assert (
        names == engine.running() == ["production-db-1", "production-side-1", "production-web-1"]
    )
    by_name = {each.name: each for each in engine.containers.values()}
    assert by_name["production-web-1"].labels["n"] == number
    owner = by_name["production-web-1"].id
    mode = by_name["production-side-1"].host_config["NetworkMode"]
    assert mode == f"container:{owner}"
    ours = [name for name in engine.networks if name.startswith("production_")]
    assert sorted(by_name["production-web-1"].endpoints) == sorted(ours)
    assert world.ledger.journal.load() is None
    assert world.ledger.outbox.waiting() == {}
    assert world.ledger.memory.load().trouble == ""

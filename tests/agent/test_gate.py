"""The gate in whole cycles: what a version must pass, and what ends its wait."""

from pathlib import Path

import pytest
import yaml

from moorline.core.image import ImageRef
from tests.agent.world import PATH, World
from tests.fakes.engine import Script


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def service(image: ImageRef, **health: str) -> dict[str, object]:
    quick = {"stability": "1s", "deadline": "5s"}
    return {"image": str(image), "x-moorline": {"health": quick | health}}


def reason(world: World, commit: str, name: str = "web") -> str:
    services = world.record(commit)["services"]
    assert isinstance(services, dict)
    return str(services[name].get("reason", ""))


@pytest.mark.parametrize(
    ("script", "keys", "expected"),
    [
        (Script(behaviour="exits", exit_code=7), {}, "exited with code 7"),
        (
            Script(behaviour="exits"),
            {"restart": "always"},
            "crash loop: restarted 3 times",
        ),
        (
            Script(behaviour="unhealthy"),
            {},
            "still waiting for its healthcheck (unhealthy: fake: unhealthy) after 5 s",
        ),
        (
            Script(behaviour="healthy", after=10_000),
            {},
            "still waiting for its healthcheck (starting: fake: starting) after 5 s",
        ),
    ],
)
def test_a_version_that_is_not_well_fails_with_its_reason(
    world: World, script: Script, keys: dict[str, object], expected: str
) -> None:
    commit = world.push({"web": service(world.image("1", script)) | keys})
    assert world.run().word == "taken back"
    assert reason(world, commit) == expected
    assert world.engine.containers == {}


def test_a_slow_start_within_the_deadline_is_well(world: World) -> None:
    world.deploy({"web": service(world.image("1", Script(behaviour="healthy", after=20)))})


def test_an_outside_probe_must_answer(world: World) -> None:
    world.push({"web": service(world.image("1"), http="http://:3000/health")})
    world.run()
    found = {each for each in world.prober.probed if each.endswith(":3000/health")}
    assert len(found) == 1, "the container's own address"
    world.prober.answer(found.pop().replace(".1:", ".2:"), 503, 200)
    commit = world.push({"web": service(world.image("2"), http="http://:3000/health")})
    assert world.run().word == "proven"
    services = world.record(commit)["services"]
    assert isinstance(services, dict)
    assert [each["probe"] for each in services["web"]["samples"]][:2] == ["failing", "ok"]


def test_a_probe_that_never_answers_is_the_reason(world: World) -> None:
    commit = world.push({"web": service(world.image("1"), tcp=":5432")})
    assert world.run().word == "taken back"
    assert reason(world, commit) == ("still waiting for its probe: Connection refused after 5 s")


def test_a_container_that_is_removed_in_the_gate_is_made_again(world: World) -> None:
    removed: list[str] = []

    def on_call(method: str) -> None:
        if method == "inspect" and world.engine.running() and not removed:
            removed.extend(world.engine.running())
            world.engine.remove(removed[0])

    world.engine.on_call = on_call
    world.deploy({"web": service(world.image("1"))})
    assert removed == world.engine.running() == ["production-web-1"]


def test_a_newer_commit_ends_the_wait(world: World) -> None:
    world.deploy({"web": service(world.image("1"))})
    slow = world.push({"web": service(world.image("2", Script(behaviour="unhealthy")))})
    world.clock.on_wait = lambda: world.push({"web": service(world.image("3"))})
    assert world.run().word == "superseded"
    assert world.clock.elapsed < 5
    assert world.record(slow)["outcome"] == "superseded"
    assert world.run().word == "proven"
    assert world.rollbacks() == []


@pytest.mark.parametrize("text", ["services: [", yaml.safe_dump({"services": {"web": {}}})])
def test_a_newer_commit_that_is_invalid_ends_nothing(world: World, text: str) -> None:
    world.deploy({"web": service(world.image("1"))})
    commit = world.push({"web": service(world.image("2", Script(behaviour="healthy", after=20)))})
    world.clock.on_wait = lambda: world.remote.commit({PATH: text})
    assert world.run().word == "proven"
    assert world.record(commit)["outcome"] == "proven"
    assert world.run().word == "held"


def test_a_job_is_proven_by_its_success_and_not_run_again(world: World) -> None:
    needs = {"job": {"condition": "service_completed_successfully"}}
    job = service(world.image("job", Script(behaviour="exits", exit_code=0)))
    web = service(world.image("1")) | {"depends_on": needs}
    world.deploy({"job": job, "web": web})
    starts = [call for call in world.engine.calls if call.startswith("start")]
    assert len(starts) == 2
    assert world.run().word == "converged"
    world.deploy({"job": job, "web": web | {"labels": {"a": "b"}}})
    starts = [call for call in world.engine.calls if call.startswith("start")]
    assert len(starts) == 3


def test_a_job_that_fails_leaves_who_waits_for_it_alone(world: World) -> None:
    needs = {"job": {"condition": "service_completed_successfully"}}
    good = service(world.image("job", Script(behaviour="exits", exit_code=0)))
    bad = service(world.image("bad-job", Script(behaviour="exits", exit_code=4)))
    world.deploy({"job": good, "web": service(world.image("1")) | {"depends_on": needs}})
    calls = len(world.engine.calls)
    changed = service(world.image("2")) | {"depends_on": needs}
    commit = world.push({"job": bad, "web": changed})
    assert world.run().word == "taken back"
    assert reason(world, commit, "job") == "exited with code 4"
    stops = [call for call in world.engine.calls[calls:] if call.startswith("stop")]
    assert stops == []

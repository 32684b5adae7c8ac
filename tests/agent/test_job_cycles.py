"""Jobs in whole cycles: what they hold up, and what their failure takes back."""

from pathlib import Path
from typing import Any

import pytest

from moorline.errors import Interrupted
from tests.agent.world import World
from tests.fakes.engine import Script
from tests.fakes.ingress import FakeIngress

QUICK = {"stability": "1s", "deadline": "5s"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """The first version serves behind the ingress."""
    world = World(tmp_path, ingress=FakeIngress())
    world.deploy({"web": service(world, "1")})
    return world


def service(world: World, version: str, **jobs: dict[str, object]) -> dict[str, object]:
    own: dict[str, object] = {"health": QUICK, "strategy": "blue-green"}
    if jobs:
        own["jobs"] = {when: [each] for when, each in jobs.items()}
    return {"image": str(world.image(version)), "ports": ["8080:80"], "x-moorline": own}


def job(world: World, name: str, *, exit_code: int = 0, after: int = 2) -> dict[str, object]:
    logs = (f"{name} begins", f"{name} ends")
    script = Script(behaviour="exits", after=after, exit_code=exit_code, logs=logs)
    return {"name": name, "image": str(world.image(name, script)), "command": [name]}


def serving(world: World) -> str:
    """The image that all requests go to."""
    assert isinstance(world.ingress, FakeIngress)
    route = world.ingress.observe("production")["web"]
    track = "green" if route.share else "blue"
    [on] = [each.container for each in route.servers if each.track == track]
    return str(world.engine.containers[on].body["Image"])


def jobs_on_record(world: World, commit: str) -> list[dict[str, Any]]:
    services = world.record(commit)["services"]
    assert isinstance(services, dict)
    found = services["web"]["jobs"]
    assert isinstance(found, list)
    return found


def test_jobs_run_before_and_after_and_leave_only_their_evidence(world: World) -> None:
    jobs = {"before": job(world, "migrate"), "after": job(world, "smoke")}
    commit = world.deploy({"web": service(world, "2", **jobs)})
    told = [
        (each["when"], each["job"], each["exit_code"]) for each in jobs_on_record(world, commit)
    ]
    assert told == [("before", "migrate", 0), ("after", "smoke", 0)]
    assert jobs_on_record(world, commit)[0]["logs"] == ["migrate begins", "migrate ends"]
    assert [each.name for each in world.engine.containers.values()] == ["production-web-1"]
    assert world.run().word == "converged"


def test_a_job_that_fails_before_keeps_every_request_where_it_was(world: World) -> None:
    assert isinstance(world.ingress, FakeIngress)
    calls = world.ingress.calls
    calls.clear()
    commit = world.push({"web": service(world, "2", before=job(world, "migrate", exit_code=1))})
    assert world.run().word == "taken back"
    assert calls == []
    assert ":1@" in serving(world)
    assert "job migrate exited with 1: migrate ends" in str(world.record(commit)["sentence"])
    assert jobs_on_record(world, commit)[0]["exit_code"] == 1


def test_a_job_that_fails_after_takes_the_traffic_back(world: World) -> None:
    commit = world.push({"web": service(world, "2", after=job(world, "smoke", exit_code=4))})
    assert world.run().word == "taken back"
    assert ":1@" in serving(world)
    assert world.engine.running() == ["production-web-1"]
    assert [each["exit_code"] for each in jobs_on_record(world, commit)] == [4]


def test_a_restart_of_the_daemon_goes_on_with_the_job_that_runs(world: World) -> None:
    migrate = job(world, "migrate", after=6)
    commit = world.push({"web": service(world, "2", before=migrate)})

    def stop() -> None:
        if any("-job-" in name for name in world.engine.running()):
            raise Interrupted("told to stop")

    world.check_stop = stop
    with pytest.raises(Interrupted):
        world.run()
    world.check_stop = lambda: None
    world.start()
    began = len(world.engine.calls)
    assert world.run().word == "proven"
    started = [each for each in world.engine.calls[began:] if each.startswith("start ")]
    assert len(started) == 1, "the new version, and not the job"
    assert [each["exit_code"] for each in jobs_on_record(world, commit)] == [0]


def test_a_job_is_not_run_again_for_what_is_proven(world: World) -> None:
    world.deploy({"web": service(world, "2", before=job(world, "migrate"))})
    world.engine.remove("production-web-1")
    began = len(world.engine.calls)
    assert world.run().word == "repaired"
    assert not any("-job-" in each for each in world.engine.calls[began:])

"""Running jobs: once, to the end, and with their result on record."""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from moorline.adapters.ports import Clock
from moorline.agent.clock import SystemClock
from moorline.agent.execution.gate import VersionFailed
from moorline.agent.execution.jobs import JobRunner
from moorline.agent.report import SilentReporter
from moorline.core.actions import RunJob
from moorline.core.desired import Desired
from moorline.core.jobs import job_name
from moorline.core.labels import JOB
from moorline.core.strategy import Job
from moorline.errors import Conflict, EngineRefused, Interrupted, NotFound, Superseded
from tests.adapters.engine_worlds import World, fake_world, real_world
from tests.core.builders import desired, service
from tests.fakes.engine import FakeEngine, Script
from tests.fakes.host import FakeClock
from tests.fakes.notes import FakeNotes

OUTPUT = ("applying 0007", "token=hunter2")


@dataclass
class Stage:
    """A service with one job, on an engine; `change` replaces parts of either."""

    world: World
    clock: Clock
    script: Callable[[int], Mapping[str, Any]]
    """Exit code → the parts of a job that prints OUTPUT and ends with it."""
    hangs: Mapping[str, Any]
    notes: FakeNotes = field(default_factory=FakeNotes)
    check: Callable[[], None] = lambda: None
    job: Job = field(init=False)
    more: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.job = Job(name="migrate", when="before", image=self.world.image("plain"))
        self.ends(0)

    def ends(self, code: int) -> None:
        self.job = replace(self.job, **self.script(code))

    @property
    def name(self) -> str:
        return job_name(self.world.project, "web", self.job.name, "c0ffee")

    @property
    def desired(self) -> Desired:
        fields = {"image": self.world.image("plain"), "jobs": (self.job,), **self.more}
        return desired(
            service("web", **fields), name=self.world.project, sensitive=frozenset({"hunter2"})
        )

    def action(self) -> RunJob:
        return RunJob(
            service="web",
            job=self.job.name,
            target=self.name,
            image=self.job.image,
            networks=tuple((each, self.world.name(each)) for each in ("front", "back")),
            why="asked",
        )

    def run(self, action: RunJob | None = None) -> None:
        runner = JobRunner(
            self.world.engine,
            self.clock,
            SilentReporter(),
            desired=self.desired,
            notes=self.notes,
            check=self.check,
        )
        runner.run(action or self.action())

    @property
    def fake(self) -> FakeEngine:
        assert isinstance(self.world.engine, FakeEngine)
        return self.world.engine

    @property
    def starts(self) -> int:
        return sum(each.startswith("start ") for each in self.fake.calls)


def fake_stage() -> Stage:
    world = fake_world()
    assert isinstance(world.engine, FakeEngine)
    scripts = world.engine.scripts

    def script(code: int) -> Mapping[str, Any]:
        image = world.image("slow")
        scripts[image.pin] = Script(behaviour="exits", after=3, exit_code=code, logs=OUTPUT)
        return {"image": image}

    return Stage(world, FakeClock(), script, {"image": world.image("healthy")})


@pytest.fixture
def stage() -> Stage:
    return fake_stage()


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.engine)])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    """A stage on either engine."""
    if request.param == "fake":
        yield fake_stage()
        return

    def script(code: int) -> Mapping[str, Any]:
        lines = "; ".join(f"echo {each}" for each in OUTPUT)
        return {"config": {"Cmd": ["sh", "-c", f"{lines}; exit {code}"]}}

    with real_world(request.getfixturevalue("images"), docker_config=tmp_path) as world:
        hangs = {"config": {"Cmd": ["/serve"]}}
        yield Stage(world, SystemClock(threading.Event()), script, hangs)


# --- both engines -------------------------------------------------------------------------------


def test_a_job_runs_to_its_end_with_evidence(either: Stage) -> None:
    either.run()
    [evidence] = either.notes.jobs
    seconds = evidence["seconds"]
    assert isinstance(seconds, float)
    assert seconds < 10
    assert evidence == {
        "service": "web",
        "job": "migrate",
        "when": "before",
        "image": either.job.image.pin,
        "exit_code": 0,
        "seconds": seconds,
        "logs": ["applying 0007", "token=***"],
    }


def test_its_container_is_observed_as_a_job_of_the_service(either: Stage) -> None:
    either.run()
    [seen] = either.world.engine.observe(either.world.project, ()).containers
    assert (seen.name, seen.service, seen.job) == (either.name, "web", "migrate")
    assert (seen.state, seen.exit_code, seen.commit, seen.ours) == ("exited", 0, "c0ffee", True)


def test_a_job_that_fails_condemns_the_version_with_its_last_line(either: Stage) -> None:
    either.ends(7)
    with pytest.raises(VersionFailed) as caught:
        either.run()
    assert str(caught.value) == "web: job migrate exited with 7: token=***"
    assert [each["exit_code"] for each in either.notes.jobs] == [7]


def test_a_job_that_does_not_end_is_stopped(either: Stage) -> None:
    either.job = replace(either.job, timeout=0.5, **either.hangs)
    with pytest.raises(VersionFailed, match=r"migrate did not end within 0\.5 s and was stopped"):
        either.run()
    [seen] = either.world.engine.observe(either.world.project, ()).containers
    assert seen.state == "exited"


def test_a_job_joins_the_networks_of_its_service_without_a_name_there(either: Stage) -> None:
    engine = either.world.engine
    either.more = {"networks": ("front", "back")}
    either.job = replace(either.job, timeout=0.5, **either.hangs)
    for key in ("front", "back"):
        engine.create_network(either.world.name(key), {})
    seen: list[frozenset[str]] = []

    def look() -> None:
        seen.append(frozenset(engine.inspect(either.name).addresses))

    either.check = look
    with pytest.raises(VersionFailed):
        either.run()
    assert seen[0] == {either.world.name("front"), either.world.name("back")}


# --- once ---------------------------------------------------------------------------------------


def stopped_halfway(stage: Stage) -> None:
    def stop() -> None:
        raise Interrupted("told to stop")

    stage.check = stop
    with pytest.raises(Interrupted):
        stage.run()
    stage.check = lambda: None


def test_a_run_that_goes_on_is_waited_for_and_not_repeated(stage: Stage) -> None:
    stopped_halfway(stage)
    assert stage.fake.running() == [stage.name]
    stage.run()
    assert stage.starts == 1
    assert [each["exit_code"] for each in stage.notes.jobs] == [0]


@pytest.mark.parametrize("code", [0, 3])
def test_a_run_that_ended_meanwhile_counts(stage: Stage, code: int) -> None:
    stage.ends(code)
    stopped_halfway(stage)
    for _ in range(5):
        stage.fake.inspect(stage.name)
    if code:
        with pytest.raises(VersionFailed, match="exited with 3"):
            stage.run()
    else:
        stage.run()
    assert stage.starts == 1
    assert "seconds" not in stage.notes.jobs[-1]


def test_one_that_was_only_created_is_started(stage: Stage) -> None:
    stage.fake.fail_next("start", NotFound("the engine went away"))
    with pytest.raises(NotFound):
        stage.run()
    stage.run()
    assert len(stage.fake.containers) == 1
    assert [each["exit_code"] for each in stage.notes.jobs] == [0]


def test_an_answer_that_got_lost_makes_no_second_run(stage: Stage) -> None:
    stage.fake.fail_next("start", Conflict("lost"), after_effect=True)
    with pytest.raises(Conflict):
        stage.run()
    stage.run()
    assert stage.starts == 1


def test_other_settings_at_the_same_commit_are_another_run(stage: Stage) -> None:
    stage.run()
    stage.more = {"env": ["TOKEN=new"]}
    stage.run()
    assert stage.starts == 2
    assert len(stage.fake.containers) == 1


def test_a_run_with_other_settings_is_not_torn_down(stage: Stage) -> None:
    stopped_halfway(stage)
    stage.more = {"env": ["TOKEN=new"]}
    with pytest.raises(Conflict, match="still runs with other settings"):
        stage.run()
    assert stage.fake.running() == [stage.name]


@pytest.mark.parametrize("labels", [{}, {"moorline.spec": "0" * 64, JOB: "other"}])
def test_another_container_of_that_name_is_left_alone(
    stage: Stage, labels: dict[str, str]
) -> None:
    body = {"Image": str(stage.job.image), "Labels": labels}
    stage.fake.create_container(stage.name, body)
    with pytest.raises(Conflict, match="docker rename"):
        stage.run()
    assert stage.starts == 0


# --- around it ----------------------------------------------------------------------------------


def test_what_cannot_be_undone_is_noted_before_it_begins(stage: Stage) -> None:
    stage.job = replace(stage.job, forward_only=True)
    marked: list[list[str]] = []
    stage.fake.on_call = lambda _method: marked.append(list(stage.notes.marked))
    stage.run()
    assert set(map(tuple, marked)) == {("web/migrate",)}


def test_a_newer_commit_waits_for_the_end_of_a_job(stage: Stage) -> None:
    def newer() -> None:
        raise Superseded("c0ffee1 is newer")

    stage.check = newer
    with pytest.raises(Superseded):
        stage.run()
    assert [each["exit_code"] for each in stage.notes.jobs] == [0]


def test_running_out_of_memory_is_said(stage: Stage) -> None:
    stage.job = replace(stage.job, **stage.hangs)
    assert isinstance(stage.clock, FakeClock)
    stage.clock.on_wait = lambda: stage.fake.kill(stage.name, oom=True)
    with pytest.raises(VersionFailed, match="exited with 137, out of memory"):
        stage.run()


def test_a_job_that_cannot_start_condemns_the_version(stage: Stage) -> None:
    stage.fake.fail_next("start", EngineRefused("no such program"))
    with pytest.raises(VersionFailed, match="job migrate cannot start: no such program"):
        stage.run()


def test_logs_that_cannot_be_read_are_no_failure(stage: Stage) -> None:
    stage.fake.fail_next("logs", EngineRefused("the logging driver does not support reading"))
    stage.run()
    assert [each["logs"] for each in stage.notes.jobs] == [[]]


def test_a_job_joins_the_namespaces_that_its_service_joins(stage: Stage) -> None:
    owner = stage.world.start("db")
    action = replace(stage.action(), shares=(("NetworkMode", stage.world.name("db")),))
    stage.run(action)
    made = stage.fake.inspect(stage.name)
    assert made.host_config["NetworkMode"] == f"container:{owner}"


def test_a_job_that_the_file_does_not_have_is_no_step(stage: Stage) -> None:
    for action in (replace(stage.action(), job="x"), replace(stage.action(), service="x")):
        with pytest.raises(Conflict):
            stage.run(action)

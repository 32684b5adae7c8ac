"""A version that is not well takes itself back, and says why."""

import pytest

from tests.e2e.stage import Stage, eventually, plain, web
from tests.parts.images import Images

pytestmark = pytest.mark.engine


def test_a_version_that_stays_unhealthy_is_taken_back(stage: Stage, images: Images) -> None:
    good, bad = images("healthy", "1"), images("unhealthy", "2")
    stage.start()
    first = stage.deploy({"web": web(good)})
    before = stage.container("web")["Id"]
    file = stage.remote.show("main", stage.path)
    failed = stage.push({"web": web(bad, deadline="1500ms")})
    stage.wait_deployed(failed, "taken back")
    assert stage.settled("web", good)
    assert stage.container("web")["Id"] == before, "the old container serves again, not a copy"
    record = stage.record(failed)
    evidence = record["services"]["web"]
    assert evidence["verdict"] == "failed"
    assert "still waiting for its healthcheck" in evidence["reason"]
    assert {sample["health"] for sample in evidence["samples"]} <= {"starting", "unhealthy"}
    assert evidence["logs"] == ["variant=unhealthy version=2"]
    assert {"ready", "verdict", "restored"} <= record["timings"].keys()
    assert record["rollback_commit"] == stage.remote.tip()
    assert stage.remote.show("main", stage.path) == file
    assert stage.remote.shas()[1] == failed
    message = stage.remote.git("log", "-1", "--format=%B", "main")
    assert f"Rollback-Of: {failed}" in message
    assert f"State-Commit: {first}" in message
    assert f"Deployment-Id: {record['id']}" in message


@pytest.mark.parametrize(
    ("restart", "reason"),
    [("always", "crash loop: restarted 3 times"), ("no", "exited with code 3")],
)
def test_a_version_that_exits_fails_at_once(
    stage: Stage, images: Images, restart: str, reason: str
) -> None:
    good, bad = images("healthy", "1"), images("crash", "2")
    stage.start()
    stage.deploy({"web": web(good)})
    # far beyond this test's own patience: whoever waits for the deadline fails it
    failed = stage.push({"web": web(bad, deadline="10m", restart=restart)})
    stage.wait_deployed(failed, "taken back")
    assert stage.settled("web", good)
    evidence = stage.record(failed)["services"]["web"]
    assert evidence["reason"] == reason
    assert "cannot go on" in evidence["logs"]


def test_a_first_version_that_fails_leaves_nothing_running(stage: Stage, images: Images) -> None:
    stage.start()
    failed = stage.push({"web": web(images("crash", "2"))})
    stage.wait_deployed(failed, "taken back")
    assert stage.containers() == []
    assert stage.rollbacks() == []
    stage.wait_trouble("failed here before")


def test_an_environment_goes_back_as_a_unit(stage: Stage, images: Images) -> None:
    old, new, bad = images("healthy", "1"), images("healthy", "2"), images("crash", "2")

    def services(api: object, db: object) -> dict[str, object]:
        needs = {"db": {"condition": "service_healthy", "restart": True}}
        front = web(old, depends_on=needs)
        return {"db": db, "front": front, "api": api}

    stage.start()
    stage.deploy(services(web(old), web(old)))
    before = {name: stage.container(name)["Id"] for name in ("db", "api", "front")}
    failed = stage.push(services(web(bad), web(new)))
    stage.wait_deployed(failed, "taken back")
    for name, identity in before.items():
        assert stage.settled(name, old), name
        assert stage.container(name)["Id"] == identity
    assert stage.record(failed)["services"]["api"]["verdict"] == "failed"


def test_a_failed_dependency_leaves_its_dependents_alone(stage: Stage, images: Images) -> None:
    old, new, bad = images("healthy", "1"), images("healthy", "2"), images("crash", "2")
    needs = {"db": {"condition": "service_healthy"}}
    stage.start()
    stage.deploy({"db": web(old), "front": web(old, depends_on=needs)})
    before = stage.ids()
    failed = stage.push({"db": web(bad), "front": web(new, depends_on=needs)})
    stage.wait_deployed(failed, "taken back")
    front = f"/{stage.environment}-front-1"
    assert stage.ids()[front] == before[front], "never stopped"
    assert stage.settled("db", old)


def test_a_failed_job_keeps_what_waits_for_it_running(stage: Stage, images: Images) -> None:
    old, new = images("healthy", "1"), images("healthy", "2")
    needs = {"migrate": {"condition": "service_completed_successfully"}}
    good_job = plain(images("plain"), command=["/bin/true"])
    bad_job = plain(images("plain"), command=["/bin/sh", "-c", "echo no table; exit 4"])
    stage.start()
    stage.deploy({"migrate": good_job, "web": web(old, depends_on=needs)})
    before = stage.ids()
    failed = stage.push({"migrate": bad_job, "web": web(new, depends_on=needs)})
    stage.wait_deployed(failed, "taken back")
    name = f"/{stage.environment}-web-1"
    assert stage.ids()[name] == before[name], "never stopped"
    evidence = stage.record(failed)["services"]["migrate"]
    assert (evidence["exit_code"], evidence["logs"]) == (4, ["no table"])


@pytest.mark.parametrize(
    ("hook", "reason"),
    [
        ({"command": ["/bin/sh", "-c", "echo no licence; exit 7"]}, "exited with 7: no licence"),
        ({"command": ["/bin/no-such-program"]}, "no such file or directory"),
        ({"command": ["/bin/true"], "user": "nobody-here"}, "nobody-here"),
        ({"command": ["/bin/true"], "working_dir": "/nowhere"}, "/nowhere"),
    ],
)
def test_a_failed_post_start_hook_is_a_failed_version(
    stage: Stage, images: Images, hook: dict[str, object], reason: str
) -> None:
    image = images("plain")
    stage.start()
    stage.deploy({"web": plain(image)})
    failed = stage.push({"web": plain(image, post_start=[hook])})
    stage.wait_deployed(failed, "taken back")
    stage.wait_settled("web", image)
    assert reason in stage.record(failed)["services"]["web"]["reason"]


def test_a_pre_stop_hook_that_fails_keeps_nobody(stage: Stage, images: Images) -> None:
    image = images("plain")
    stage.start()
    hooks = [{"command": ["/bin/no-such-program"]}, {"command": ["/bin/true"], "user": "nobody-h"}]
    stage.deploy({"web": plain(image, pre_stop=hooks)})
    stage.deploy({"web": plain(image)})
    stage.wait_settled("web", image)


def test_a_replica_that_fails_is_taken_back(stage: Stage, images: Images) -> None:
    image = images("plain")
    # the second one finds the place taken
    command = ["/bin/sh", "-c", "mkdir /data/lock || exit 5; exec sleep 1000000"]
    service = plain(image, command=command, volumes=["data:/data"])
    stage.start()
    stage.deploy({"web": service}, volumes={"data": {}})
    before = stage.ids()
    failed = stage.push({"web": service | {"scale": 2}}, volumes={"data": {}})
    stage.wait_deployed(failed, "taken back")
    stage.wait_settled("web", image)
    assert stage.ids() == before


def test_an_old_container_that_went_away_meanwhile_is_made_anew(
    stage: Stage, images: Images
) -> None:
    old, bad = images("healthy", "1"), images("unhealthy", "2")
    stage.start()
    stage.deploy({"web": web(old)})
    before = stage.container("web")["Id"]
    failed = stage.push({"web": web(bad, deadline="3s")})
    eventually(lambda: stage.running("web") == [bad.pin], "the failing version to run")
    stage.api.remove_container(before)
    stage.wait_deployed(failed, "taken back")
    stage.wait_settled("web", old)
    assert len(stage.rollbacks()) == 1


def test_a_port_that_another_tool_holds_is_a_failed_version(
    stage: Stage, images: Images, port: int
) -> None:
    image = images("plain")
    holder = Stage(stage.folder / "holder")
    try:
        holder.start()
        holder.deploy({"web": plain(image, ports=[f"127.0.0.1:{port}:1"])})
        stage.start()
        stage.deploy({"web": plain(image)})
        before = stage.container("web")["Id"]
        failed = stage.push({"web": plain(image, ports=[f"127.0.0.1:{port}:1"])})
        stage.wait_deployed(failed, "taken back")
        assert stage.container("web")["Id"] == before
        assert stage.settled("web", image)
        assert "port is already allocated" in stage.record(failed)["services"]["web"]["reason"]
    finally:
        holder.close()


def test_a_slow_start_within_the_deadline_is_well(stage: Stage, images: Images) -> None:
    image = images("slow", "1")
    stage.start()
    commit = stage.deploy({"web": web(image, environment={"DELAY": "2"})})
    samples = stage.record(commit)["services"]["web"]["samples"]
    assert samples[0]["health"] != "healthy"
    assert samples[-1]["health"] == "healthy"


def test_on_failure_hold_acts_on_the_host_only(stage: Stage, images: Images) -> None:
    good, bad = images("healthy", "1"), images("crash", "2")
    hold = {"x-moorline": {"on_failure": "hold"}}
    stage.start()
    stage.deploy({"web": web(good)}, **hold)
    failed = stage.push({"web": web(bad)}, **hold)
    stage.wait_deployed(failed, "taken back")
    assert stage.settled("web", good)
    stage.wait_trouble("failed here before")
    assert stage.remote.tip() == failed
    assert stage.record(failed)["rollback_commit"] is None


def test_a_failed_commit_is_not_tried_again_by_itself(stage: Stage, images: Images) -> None:
    good, bad = images("healthy", "1"), images("crash", "2")
    hold = {"x-moorline": {"on_failure": "hold"}}
    daemon = stage.start()
    stage.deploy({"web": web(good)}, **hold)
    failed = stage.push({"web": web(bad)}, **hold)
    stage.wait_deployed(failed, "taken back")
    before = stage.ids()
    daemon.stop()
    again = stage.start()
    again.wait_for("not tried again by itself")
    assert stage.ids() == before
    # a person's commit lifts it, also one that says the same again
    insisted = stage.push_text(f"# really\n{stage.remote.show('main', stage.path)}")
    stage.wait_deployed(insisted, "taken back")


def test_a_protected_branch_gets_its_rollback_as_a_proposal(stage: Stage, images: Images) -> None:
    good, bad = images("healthy", "1"), images("crash", "2")
    stage.remote.hook(
        "update", '[ "$1" != refs/heads/main ] || [ "$GIT_COMMITTER_NAME" = Ada ] || exit 1'
    )
    stage.start()
    stage.deploy({"web": web(good)})
    file = stage.remote.show("main", stage.path)
    failed = stage.push({"web": web(bad)})
    stage.wait_deployed(failed, "taken back")
    assert stage.settled("web", good)
    assert stage.remote.tip() == failed
    record = stage.record(failed)
    branch = f"moorline/rollback/{record['id']}"
    assert stage.remote.tip(branch) == record["rollback_commit"]
    assert stage.remote.show(branch, stage.path) == file
    stage.wait_trouble("failed here before")
    # merging the proposal is a person's answer, and lifts the hold
    stage.remote.reset(record["rollback_commit"])
    eventually(lambda: stage.memory()["trouble"] == "", "the hold to be lifted")
    assert stage.settled("web", good)


def test_a_changed_network_comes_back_with_its_containers(stage: Stage, images: Images) -> None:
    good, bad = images("healthy", "1"), images("crash", "2")
    stage.start()
    stage.deploy({"web": web(good)})
    before = sorted(stage.container("web")["NetworkSettings"]["Networks"])
    internal = {"default": {"internal": True}}
    failed = stage.push({"web": web(bad)}, networks=internal)
    stage.wait_deployed(failed, "taken back")
    assert sorted(stage.container("web")["NetworkSettings"]["Networks"]) == before
    filters = {"label": [f"moorline.environment={stage.environment}"]}
    eventually(lambda: len(stage.api.networks(filters=filters)) == 1, "the other one to be gone")

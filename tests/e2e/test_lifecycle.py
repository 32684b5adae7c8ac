"""The daemon as a process: signals, restarts, one at a time."""

import signal
from pathlib import Path

import pytest

from moorline.core.image import ImageRef
from tests.e2e.stage import CRASHING, Stage, eventually, plain, web
from tests.parts.images import Images

pytestmark = pytest.mark.engine


@pytest.fixture
def image(images: Images) -> ImageRef:
    return images("plain")


@pytest.mark.parametrize("word", ["SIGTERM", "SIGINT"])
def test_a_signal_in_the_gate_leaves_the_rollout_to_the_next_start(
    stage: Stage, images: Images, word: str
) -> None:
    old, slow = images("healthy", "1"), images("slow", "2")
    daemon = stage.start()
    stage.deploy({"web": web(old)})
    # not healthy before a file is there
    check = {"test": ["CMD-SHELL", "test -e /go"], "interval": "200ms"}
    commit = stage.push({"web": web(slow, healthcheck=check, deadline="10m")})
    eventually(lambda: stage.running("web") == [slow.pin], "the new version to run")
    daemon.process.send_signal(signal.Signals[word])
    assert daemon.process.wait(timeout=20) == 0
    assert stage.running("web") == [slow.pin]
    assert "Traceback" not in daemon.log
    stage.start()
    new = next(each for each in stage.containers("web") if each["State"] == "running")
    stage.execute(new["Id"], "touch /go")
    stage.wait_deployed(commit)
    stage.wait_settled("web", slow)
    assert [word for _, word in stage.deployments()] == ["proven", "proven"]


def test_a_signal_while_going_back_leaves_the_rest_to_the_next_start(
    stage: Stage, images: Images
) -> None:
    old, bad = images("plain"), images("unhealthy", "2")
    linger = [{"command": ["/bin/sh", "-c", "until [ -e /go ]; do sleep 0.1; done"]}]
    daemon = stage.start()
    stage.deploy({"web": plain(old)})
    failed = stage.push({"web": web(bad, deadline="1s", pre_stop=linger)})
    daemon.wait_for("taking back")
    daemon.process.send_signal(signal.SIGTERM)
    new = next(each for each in stage.containers("web") if each["State"] == "running")
    stage.execute(new["Id"], "touch /go")
    assert daemon.process.wait(timeout=20) == 0
    assert failed not in dict(stage.deployments())
    stage.start()
    stage.wait_deployed(failed, "taken back")
    stage.wait_settled("web", old)
    assert stage.record(failed)["services"]["web"]["logs"]
    assert len(stage.rollbacks()) == 1


def test_an_idle_daemon_ends_at_once(stage: Stage, image: ImageRef) -> None:
    daemon = stage.start()
    stage.deploy({"web": plain(image)})
    before = stage.ids()
    assert daemon.stop() == 0
    assert daemon.log.rstrip().splitlines()[-1].find("stopped") > 0
    assert stage.ids() == before, "what runs goes on without the daemon"


def test_a_second_daemon_is_refused(stage: Stage) -> None:
    first = stage.start()
    second = stage.launch()
    assert second.process.wait(timeout=20) == 1
    lines = second.log.splitlines()
    assert len(lines) == 1
    assert f"moorline run (pid {first.process.pid}) is working with {stage.state}" in lines[0]
    assert first.alive


def test_a_reload_takes_a_new_configuration(stage: Stage, image: ImageRef) -> None:
    stage.configure(poll="10m")
    daemon = stage.start()
    stage.deploy({"web": plain(image)})
    other = Stage(stage.folder / "other")
    try:
        # another state repo with the same environment: only a daemon that reloaded knows it
        other.remote.commit({stage.path: stage.text({"web": plain(image, tty=True)})})
        stage.configure(url=other.remote.url, poll="1s")
        daemon.reload()
        daemon.wait_for("reloaded")
        stage.wait_trouble("does not continue from the accepted")
    finally:
        other.close()
    assert daemon.stop() == 0


def test_a_reload_of_a_broken_configuration_keeps_the_old(stage: Stage, image: ImageRef) -> None:
    daemon = stage.start()
    stage.deploy({"web": plain(image)})
    before = stage.ids()
    good = stage.config.read_text()
    stage.config.write_text(good.replace("poll_interval", "poll_intervall"))
    daemon.reload()
    daemon.wait_for("did you mean 'poll_interval'?")
    assert stage.ids() == before
    stage.deploy({"web": plain(image, tty=True)})
    assert daemon.stop() == 0


@pytest.mark.parametrize("every", [5, 8])
def test_a_daemon_that_is_killed_again_and_again_gets_there(
    stage: Stage, images: Images, every: int
) -> None:
    good, bad = images("plain"), images("crash", "2")
    stage.start(CRASHING)
    stage.deploy({"web": plain(good)})
    before = stage.container("web")["Id"]
    (stage.folder / "tripwire").write_text(f"{every} after")
    failed = stage.push({"web": plain(bad)})
    kills = 0
    while (failed, "taken back") not in stage.deployments():
        eventually(
            lambda: not stage.daemons[-1].alive or (failed, "taken back") in stage.deployments(),
            "the next kill, or the end",
        )
        if not stage.daemons[-1].alive:
            kills += 1
            assert kills < 20
            stage.launch(CRASHING)
    assert kills > 1
    stage.wait_settled("web", good)
    assert stage.container("web")["Id"] == before
    assert len(stage.rollbacks()) == 1
    assert [word for _, word in stage.deployments()] == ["proven", "taken back"]


def test_a_gate_in_one_environment_delays_nothing_in_another(
    stage: Stage, images: Images, image: ImageRef
) -> None:
    slow = images("healthy", "2")
    other = Stage(stage.folder / "other")
    try:
        # nobody is to find the news, or the drift, by polling
        stage.configure(poll="10m", also=[other.environment])
        stage.remote.commit({other.path: other.text({"web": plain(image)})})
        daemon = stage.start()
        stage.deploy({"web": web(images("healthy", "1"))})
        other.wait_settled("web", image)
        check = {"test": ["CMD-SHELL", "test -e /go"], "interval": "200ms"}
        commit = stage.push({"web": web(slow, healthcheck=check, deadline="10m")})
        eventually(lambda: stage.running("web") == [slow.pin], "the gate")
        stage.remote.commit({other.path: other.text({"web": plain(image, labels={"a": "b"})})})
        eventually(lambda: "a" in other.container("web")["Config"]["Labels"], "the news")
        other.wait_settled("web", image)
        stage.api.remove_container(f"{other.environment}-web-1", force=True)
        other.wait_settled("web", image)
        assert commit not in dict(stage.deployments()), "the gate was open all the time"
        new = next(each for each in stage.containers("web") if each["State"] == "running")
        stage.execute(new["Id"], "touch /go")
        stage.wait_deployed(commit)
        # it would repair what is taken away here
        assert daemon.stop() == 0
    finally:
        other.close()


def test_a_reload_in_a_gate_serves_a_new_environment_and_goes_on_with_the_gate(
    stage: Stage, images: Images, image: ImageRef
) -> None:
    slow = images("healthy", "2")
    other = Stage(stage.folder / "other")
    try:
        daemon = stage.start()
        stage.deploy({"web": web(images("healthy", "1"))})
        check = {"test": ["CMD-SHELL", "test -e /go"], "interval": "200ms"}
        commit = stage.push({"web": web(slow, healthcheck=check, deadline="10m")})
        eventually(lambda: stage.running("web") == [slow.pin], "the gate")
        stage.remote.commit({other.path: other.text({"web": plain(image)})})
        stage.configure(also=[other.environment])
        daemon.reload()
        other.wait_settled("web", image)
        new = next(each for each in stage.containers("web") if each["State"] == "running")
        stage.execute(new["Id"], "touch /go")
        stage.wait_deployed(commit)
        assert dict(stage.deployments())[commit] == "proven"
        assert daemon.stop() == 0
    finally:
        other.close()


def test_a_hundred_pushes_converge_to_the_last(stage: Stage, image: ImageRef) -> None:
    stage.start()
    stage.deploy({"web": plain(image)})
    first = stage.remote.tip()
    for number in range(100):
        stage.push({"web": plain(image, labels={"n": str(number)})})
    stage.wait_deployed(stage.remote.tip())
    stage.wait_settled("web", image)
    assert stage.container("web")["Config"]["Labels"]["n"] == "99"
    ends = [word for commit, word in stage.deployments() if commit != first]
    assert ends[-1] == "proven"
    assert set(ends) <= {"proven", "superseded"}
    eventually(lambda: not list(Path(stage.state, "outbox").rglob("*.yaml")), "no lost record")

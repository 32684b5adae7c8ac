"""What the surroundings do is no verdict on a version: registry, git and the host's own files."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorline.core.image import ImageRef
from tests.e2e.stage import Stage, eventually, plain, web
from tests.parts.githttp import GitHttpServer, git_http_server
from tests.parts.images import Images
from tests.parts.registry import running_registry
from tests.parts.relay import Relay

pytestmark = pytest.mark.engine

ABSENT = "0" * 64


def docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def absent(image: ImageRef) -> str:
    """The same repository with a digest that nothing has."""
    return f"{image.name}:none@sha256:{ABSENT}"


def test_an_image_that_does_not_exist_never_stops_a_healthy_container(
    stage: Stage, images: Images
) -> None:
    image = images("plain")
    stage.start()
    stage.deploy({"web": plain(image), "other": plain(image)})
    before = stage.ids()
    typo = plain(image) | {"image": absent(image)}
    missing = stage.push({"web": typo, "other": plain(image, tty=True)})
    stage.wait_trouble(ABSENT)
    assert stage.ids() == before
    status = stage.status()
    assert not status["in_step"]
    assert status["under_way"]["commit"] == missing
    assert ABSENT in status["troubles"][0]
    # what serves is cared for meanwhile
    stage.api.remove_container(f"{stage.environment}-web-1", force=True)
    stage.wait_settled("web", image)
    # a person's next commit is the mend, and the one that could not be is on record
    mended = stage.deploy({"web": plain(image, tty=True), "other": plain(image)})
    assert (missing, "failed") in stage.deployments()
    assert stage.deployments()[-1] == (mended, "proven")
    assert stage.rollbacks() == []


def test_an_image_that_appears_later_is_deployed_without_a_new_commit(
    stage: Stage, images: Images, registry: str
) -> None:
    image = images("plain")
    late = images("healthy", "late")
    archive = stage.folder / "late.tar"
    tag = f"{late.name}:{late.tag}"
    docker("save", "--output", str(archive), tag)
    images.remove(late)
    _delete_manifest(registry, late)
    stage.start()
    stage.deploy({"web": plain(image)})
    before = stage.ids()
    commit = stage.push({"web": plain(late)})
    stage.wait_trouble(str(late.digest))
    assert stage.ids() == before
    docker("load", "--input", str(archive))
    docker("push", tag)
    stage.wait_deployed(commit)
    stage.wait_settled("web", late)


def _delete_manifest(registry: str, image: ImageRef) -> None:
    url = f"http://{registry}/v2/{image.repository}/manifests/{image.digest}"
    subprocess.run(["curl", "--fail", "--silent", "-X", "DELETE", url], check=True)


class TestRegistryDown:
    @pytest.fixture
    def own_images(self, port: int) -> Iterator[tuple[Images, str]]:
        """Images in a registry of this test's own, and that registry's container."""
        with running_registry(port=port) as address:
            made = Images(address)
            found = docker("ps", "--quiet", "--filter", f"publish={port}")
            yield made, found
            made.close()

    def test_it_is_no_verdict_and_never_stops_a_healthy_container(
        self, stage: Stage, own_images: tuple[Images, str]
    ) -> None:
        own, container = own_images
        old, new = own("plain", "1"), own("plain", "2")
        stage.start()
        stage.deploy({"web": plain(old)})
        own.remove(new)
        before = stage.ids()
        docker("stop", container)
        commit = stage.push({"web": plain(new)})
        stage.wait_trouble("pulling")
        assert stage.ids() == before
        assert stage.memory()["quarantine"] == []
        docker("start", container)
        stage.wait_deployed(commit)
        stage.wait_settled("web", new)


class TestEngineDown:
    @pytest.fixture
    def relay(self, stage: Stage) -> Iterator[Relay]:
        """The engine's socket, which can be cut."""
        front = stage.folder / "engine.sock"
        made = Relay(front, Path("/var/run/docker.sock"))
        stage.configure(poll="1s", extra=f'[engine]\nurl = "unix://{front}"\n')
        yield made
        made.cut()

    def test_a_daemon_that_starts_first_waits_for_it(
        self, stage: Stage, images: Images, relay: Relay
    ) -> None:
        commit = stage.push({"web": plain(images("plain"))})
        stage.start()
        stage.wait_trouble("the Docker Engine does not answer")
        relay.open()
        stage.wait_deployed(commit)
        eventually(lambda: stage.memory()["trouble"] == "", "the trouble to be over")

    def test_it_is_no_verdict_on_what_is_being_proven(
        self, stage: Stage, images: Images, relay: Relay
    ) -> None:
        old, new = images("healthy", "1"), images("healthy", "2")
        relay.open()
        stage.start()
        stage.deploy({"web": web(old)})
        check = {"test": ["CMD-SHELL", "test -e /go"], "interval": "200ms"}
        commit = stage.push({"web": web(new, healthcheck=check)})
        eventually(lambda: stage.running("web") == [new.pin], "the new version to run")
        relay.cut()
        stage.wait_trouble("the Docker Engine does not answer")
        assert stage.memory()["quarantine"] == []
        stage.execute(_running(stage, commit), "touch /go")
        relay.open()
        stage.wait_deployed(commit)
        stage.wait_settled("web", new)
        assert [word for _, word in stage.deployments()] == ["proven", "proven"]

    def test_drift_that_happened_meanwhile_is_repaired(
        self, stage: Stage, images: Images, relay: Relay
    ) -> None:
        image = images("plain")
        stage.configure(poll="10m", extra=f'[engine]\nurl = "unix://{stage.folder}/engine.sock"\n')
        relay.open()
        daemon = stage.start()
        stage.deploy({"web": plain(image)})
        daemon.wait_for("is in step")
        relay.cut()
        stage.api.remove_container(f"{stage.environment}-web-1", force=True)
        daemon.wait_for("engine events stopped")
        relay.open()
        stage.wait_settled("web", image)


class TestGitDown:
    @pytest.fixture
    def server(self, stage: Stage) -> Iterator[GitHttpServer]:
        """The state repo over HTTP."""
        with git_http_server(stage.folder) as running:
            stage.configure(url=running.url("state.git"), poll="300ms")
            yield running

    def test_what_runs_stays_in_care_and_records_appear_once(
        self, stage: Stage, images: Images, server: GitHttpServer
    ) -> None:
        image = images("plain")
        stage.start()
        stage.deploy({"web": plain(image)})
        server.status = 503
        stage.wait_trouble("503")
        for _ in range(2):
            stage.api.remove_container(f"{stage.environment}-web-1", force=True)
            stage.wait_settled("web", image)
        outbox = stage.state / "outbox" / stage.environment
        eventually(lambda: len(list(outbox.glob("*.yaml"))) >= 2, "records in waiting")
        assert stage.status()["records_waiting"] >= 2
        assert len(stage.deployments()) == 1
        commit = stage.push({"web": plain(image, labels={"a": "b"})})
        server.status = 0
        stage.wait_deployed(commit)
        # a repair in two steps (create, and take the name once that is free) is two of them
        first, *repairs, last = [word for _, word in stage.deployments()]
        assert (first, set(repairs), last) == ("proven", {"repaired"}, "proven")
        assert len(repairs) >= 2
        eventually(lambda: stage.memory()["trouble"] == "", "the trouble to be over")

    def test_a_rollback_reaches_the_branch_once_git_is_back(
        self, stage: Stage, images: Images, server: GitHttpServer
    ) -> None:
        image = images("plain")
        # it fails when it is told to, and that is after git went down
        hook = {"command": ["/bin/sh", "-c", "until [ -e /go ]; do sleep 0.1; done; exit 9"]}
        stage.start()
        stage.deploy({"web": plain(image)})
        file = stage.remote.show("main", stage.path)
        failed = stage.push({"web": plain(image, post_start=[hook])})
        eventually(lambda: _running(stage, failed), "the new version to run")
        server.status = 503
        stage.execute(_running(stage, failed), "touch /go")
        stage.wait_settled("web", image)
        eventually(lambda: stage.memory()["pending_rollback"], "a rollback in waiting")
        assert stage.rollbacks() == []
        server.status = 0
        eventually(lambda: len(stage.rollbacks()) == 1, "the rollback on main")
        stage.wait_deployed(failed, "taken back")
        assert stage.remote.show("main", stage.path) == file
        eventually(lambda: stage.memory()["trouble"] == "", "the trouble to be over")

    def test_a_remote_that_takes_no_pushes_does_not_stop_deployments(
        self, stage: Stage, images: Images, server: GitHttpServer
    ) -> None:
        good, bad, fix = images("plain"), images("crash", "2"), images("plain", "3")
        stage.start()
        stage.deploy({"web": plain(good)})
        assert server.port
        stage.remote.hook("update", '[ "$GIT_COMMITTER_NAME" = Ada ] || exit 1')
        stage.push({"web": plain(bad)})
        eventually(lambda: stage.memory()["quarantine"], "the verdict")
        stage.wait_settled("web", good)
        fixed = stage.push({"web": plain(fix)})
        stage.wait_settled("web", fix)
        stage.remote.hook("update", "exit 0")
        stage.wait_deployed(fixed)
        assert [word for _, word in stage.deployments()] == ["proven", "taken back", "proven"]


def _running(stage: Stage, commit: str) -> str:
    """The id of the running container that a commit made, "" for none."""
    found = [
        str(each["Id"])
        for each in stage.containers("web")
        if each["Labels"]["moorline.commit"] == commit and each["State"] == "running"
    ]
    return found[0] if found else ""

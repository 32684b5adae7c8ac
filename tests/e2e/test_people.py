"""The state branch belongs to people: what they do to it, and who wins."""

import pytest

from moorline.core.image import ImageRef
from tests.e2e.stage import Stage, eventually, plain, web
from tests.parts.images import Images

pytestmark = pytest.mark.engine


def test_a_commit_during_the_gate_is_followed_at_once(stage: Stage, images: Images) -> None:
    old, bad, fix = images("healthy", "1"), images("unhealthy", "2"), images("healthy", "3")
    daemon = stage.start()
    stage.deploy({"web": web(old)})
    # far beyond this test's own patience: nobody may wait for this deadline
    failing = stage.push({"web": web(bad, deadline="10m")})
    eventually(lambda: stage.running("web") == [bad.pin], "the failing version to run")
    fixed = stage.push({"web": web(fix)})
    stage.wait_deployed(fixed)
    stage.wait_settled("web", fix)
    assert dict(stage.deployments())[failing] == "superseded"
    assert stage.record(fixed)["services"]["web"]["previous"] == old.pin
    assert stage.rollbacks() == []
    assert stage.remote.tip() == fixed
    assert daemon.alive


def test_a_commit_while_going_back_wins_over_the_rollback(stage: Stage, images: Images) -> None:
    old, bad, fix = images("healthy", "1"), images("unhealthy", "2"), images("healthy", "3")
    # the failed version takes its time to leave: that is the person's chance
    linger = [{"command": ["/bin/sh", "-c", "until [ -e /go ]; do sleep 0.1; done"]}]
    daemon = stage.start()
    stage.deploy({"web": web(old)})
    failed = stage.push({"web": web(bad, deadline="1s", pre_stop=linger)})
    daemon.wait_for("taking back")
    fixed = stage.push({"web": web(fix)})
    running = next(each for each in stage.containers("web") if each["State"] == "running")
    stage.execute(running["Id"], "touch /go")
    stage.wait_deployed(failed, "taken back")
    stage.wait_deployed(fixed)
    stage.wait_settled("web", fix)
    assert stage.rollbacks() == []
    assert stage.remote.tip() == fixed
    assert stage.record(failed)["rollback_commit"] is None


def test_a_commit_to_another_file_does_not_stop_the_rollback(stage: Stage, images: Images) -> None:
    old, bad = images("healthy", "1"), images("unhealthy", "2")
    stage.start()
    stage.deploy({"web": web(old)})
    failed = stage.push({"web": web(bad, deadline="2s")})
    eventually(lambda: stage.running("web") == [bad.pin], "the failing version to run")
    words = stage.remote.commit({"README.md": "words"}, "unrelated")
    stage.wait_deployed(failed, "taken back")
    assert len(stage.rollbacks()) == 1
    assert stage.remote.shas()[1] == words
    assert stage.remote.show("main", "README.md") == "words"


def test_a_git_revert_brings_the_earlier_version_back(stage: Stage, images: Images) -> None:
    old, new = images("healthy", "1"), images("healthy", "2")
    stage.start()
    stage.deploy({"web": web(old)})
    changed = stage.deploy({"web": web(new)})
    reverted = stage.revert(changed)
    stage.wait_deployed(reverted)
    stage.wait_settled("web", old)


def test_a_revert_of_the_rollback_is_a_new_attempt(stage: Stage, images: Images) -> None:
    stage.start()
    stage.deploy({"web": web(images("healthy", "1"))})
    failed = stage.push({"web": web(images("crash", "2"))})
    stage.wait_deployed(failed, "taken back")
    insisted = stage.revert(stage.record(failed)["rollback_commit"])
    stage.wait_deployed(insisted, "taken back")
    assert len(stage.rollbacks()) == 2
    assert stage.settled("web", images("healthy", "1"))


def test_an_invalid_file_leaves_the_last_valid_state_in_care(stage: Stage, images: Images) -> None:
    image = images("plain")
    stage.start()
    proven = stage.deploy({"web": plain(image)})
    before = stage.ids()
    stage.push_text(f"services:\n  web:\n    image: {image}\n    imagee: x\n")
    stage.wait_trouble(f"{stage.path}:4:5: services.web.imagee")
    assert stage.ids() == before
    stage.api.remove_container(f"{stage.environment}-web-1", force=True)
    stage.wait_settled("web", image)
    status = stage.status()
    assert not status["in_step"]
    assert f"{stage.path}:4:5: services.web.imagee" in status["troubles"][0]
    assert "did you mean" in status["troubles"][0]
    assert status["proven"]["commit"] == proven
    mended = stage.push({"web": plain(image, labels={"a": "b"})})
    stage.wait_deployed(mended)
    eventually(lambda: stage.memory()["trouble"] == "", "the trouble to be over")


def test_a_first_file_that_is_invalid_starts_nothing(stage: Stage, images: Images) -> None:
    daemon = stage.start()
    stage.push_text("services:\n  web:\n    build: .\n")
    stage.wait_trouble("services.web.build")
    assert stage.containers() == []
    stage.deploy({"web": plain(images("plain"))})
    assert daemon.alive


def test_a_file_that_is_gone_removes_nothing(stage: Stage, images: Images) -> None:
    image = images("plain")
    stage.start()
    stage.deploy({"web": plain(image)})
    before = stage.ids()
    text = stage.remote.show("main", stage.path)
    stage.remote.commit({stage.path: None}, "remove it")
    stage.wait_trouble("is not in the state repo")
    assert stage.ids() == before
    stage.push_text(text, "put it back")
    eventually(lambda: stage.memory()["trouble"] == "", "the trouble to be over")
    assert stage.ids() == before


class TestRewrittenHistory:
    """A state branch that does not continue from the accepted commit."""

    @pytest.fixture
    def image(self, images: Images) -> ImageRef:
        return images("plain")

    @pytest.fixture
    def deployed(self, stage: Stage, image: ImageRef) -> tuple[str, str]:
        stage.start()
        commits = [stage.deploy({"web": plain(image, labels={"n": str(n)})}) for n in range(2)]
        stage.wait_settled("web", image)
        return commits[0], commits[1]

    @pytest.mark.parametrize("how", ["reset", "rewritten"])
    def test_it_is_held_and_what_runs_stays_in_care(
        self, stage: Stage, image: ImageRef, deployed: tuple[str, str], how: str
    ) -> None:
        first, second = deployed
        before = stage.ids()
        stage.remote.reset(first)
        if how == "rewritten":
            stage.push({"web": plain(image, labels={"n": "other"})})
        stage.wait_trouble("was reset or rewritten")
        assert stage.ids() == before
        stage.api.remove_container(f"{stage.environment}-web-1", force=True)
        stage.wait_settled("web", image)
        assert stage.container("web")["Config"]["Labels"]["n"] == "1"
        assert stage.memory()["accepted"] == second
        # the way back for the hasty: the branch as it was
        stage.remote.reset(second)
        eventually(lambda: stage.memory()["trouble"] == "", "the hold to be lifted")

    def test_it_is_followed_once_a_person_accepts_it(
        self, stage: Stage, image: ImageRef, deployed: tuple[str, str]
    ) -> None:
        stage.remote.reset(deployed[0])
        rewritten = stage.push({"web": plain(image, labels={"n": "other"})})
        stage.wait_trouble(f"moorline accept {stage.environment} {rewritten}")
        done = stage.moorline("accept", stage.environment, rewritten)
        assert done.returncode == 0, done.stderr
        stage.wait_deployed(rewritten)
        stage.wait_settled("web", image)
        assert stage.container("web")["Config"]["Labels"]["n"] == "other"
        # and a version that fails on the new branch still finds its way back
        failed = stage.push({"web": plain(image, command=["/bin/false"])})
        stage.wait_deployed(failed, "taken back")
        stage.wait_settled("web", image)

    def test_another_repository_is_not_followed_either(
        self, stage: Stage, image: ImageRef, deployed: tuple[str, str]
    ) -> None:
        other = Stage(stage.folder / "other")
        try:
            other.remote.commit({stage.path: stage.text({"web": plain(image, tty=True)})})
            before = stage.ids()
            assert stage.daemons[-1].stop() == 0
            stage.configure(url=other.remote.url)
            stage.start()
            stage.wait_trouble("was reset or rewritten")
            assert stage.ids() == before
            assert deployed
        finally:
            other.close()


class TestRollbackCommand:
    """`moorline rollback` beside a running daemon."""

    @pytest.fixture
    def versions(self, images: Images) -> list[ImageRef]:
        return [images("healthy", str(number)) for number in (1, 2, 3)]

    @pytest.fixture
    def commits(self, stage: Stage, versions: list[ImageRef]) -> list[str]:
        """Three versions, deployed in turn."""
        stage.start()
        return [stage.deploy({"web": web(image)}) for image in versions]

    def test_each_form_of_a_target_is_followed_to_proven(
        self, stage: Stage, versions: list[ImageRef], commits: list[str]
    ) -> None:
        first, second, third = versions
        forms = [
            ("previous", second),
            ("previous", first),
            (commits[2], third),
            (commits[0][:8], first),
            (str(second.tag), second),
            (str(third.digest), third),
        ]
        for target, wanted in forms:
            before = stage.remote.tip()
            words = ("--to", target, "--confirm", "ROLLBACK")
            done = stage.moorline("rollback", stage.environment, *words)
            assert done.returncode == 0, (target, done.stderr)
            stage.wait_settled("web", wanted)
            assert stage.deployments()[-1] == (stage.remote.tip(), "proven"), target
            assert stage.remote.shas()[1] == before, target

    def test_without_its_confirmation_nothing_happens(
        self, stage: Stage, commits: list[str]
    ) -> None:
        done = stage.moorline("rollback", stage.environment, "--to", "previous")
        assert done.returncode == 2
        assert "--confirm ROLLBACK" in done.stderr
        assert stage.remote.tip() == commits[-1]


def test_daemon_and_command_do_not_work_at_the_same_time(stage: Stage, images: Images) -> None:
    daemon = stage.start()
    stage.deploy({"web": plain(images("plain"))})
    refused = stage.moorline("apply", stage.environment)
    assert refused.returncode == 1
    assert f"moorline run (pid {daemon.process.pid}) is working with" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    daemon.stop()
    assert stage.moorline("apply", stage.environment).returncode == 0


def test_apply_carries_a_commit_out_and_says_how_it_went(stage: Stage, images: Images) -> None:
    good, bad = images("healthy", "1"), images("crash", "2")
    first = stage.push({"web": web(good)})
    done = stage.moorline("apply", stage.environment)
    assert (done.returncode, f"is proven at {first[:7]}" in done.stdout) == (0, True), done.stderr
    failed = stage.push({"web": web(bad)})
    done = stage.moorline("apply", stage.environment)
    assert (done.returncode, f"{failed[:7]} failed" in done.stdout) == (3, True), done.stderr
    stage.push_text("services: []\n")
    done = stage.moorline("apply", stage.environment)
    assert done.returncode == 2, done.stdout
    assert stage.settled("web", good)
    assert stage.deployments() == [(first, "proven"), (failed, "taken back")]

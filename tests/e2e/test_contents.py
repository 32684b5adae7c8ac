"""What containers carry: files, volumes, networks, namespaces, hooks; and that secrets stay in."""

import subprocess
from collections.abc import Iterator

import pytest

from moorline.core.image import ImageRef
from tests.e2e.stage import Stage, eventually, plain, web
from tests.parts.images import Images, push

pytestmark = pytest.mark.engine

CANARY = "canary-8c1f0b7e"


@pytest.fixture
def image(images: Images) -> ImageRef:
    return images("plain")


def test_a_dependent_starts_once_its_dependency_is_healthy(stage: Stage, images: Images) -> None:
    slow = web(images("slow", "1"), environment={"DELAY": "1"})
    needs = {"db": {"condition": "service_healthy"}}
    stage.start()
    stage.deploy({"web": web(images(), depends_on=needs), "db": slow})
    database, dependent = stage.container("db"), stage.container("web")
    checks = [each["End"] for each in database["State"]["Health"]["Log"] if not each["ExitCode"]]
    assert dependent["State"]["StartedAt"] > database["State"]["StartedAt"]
    assert checks, "healthy"


def test_a_job_runs_once_and_not_again(stage: Stage, image: ImageRef) -> None:
    count = ["/bin/sh", "-c", "echo ran >>/data/runs"]
    job = plain(image, command=count, volumes=["data:/data"])
    needs = {"migrate": {"condition": "service_completed_successfully"}}
    reader = plain(image, depends_on=needs, volumes=["data:/data"])
    daemon = stage.start()
    stage.deploy({"migrate": job, "web": reader}, volumes={"data": {}})
    assert stage.run_in("web", "cat /data/runs") == "ran\n"
    before = stage.ids()
    daemon.stop()
    again = stage.start()
    again.wait_for("is in step")
    # a change elsewhere does not run it again either, a change of its own does
    stage.deploy({"migrate": job, "web": reader | {"tty": True}}, volumes={"data": {}})
    eventually(lambda: stage.run_in("web", "cat /data/runs") == "ran\n", "one run")
    assert stage.ids() != before
    changed = job | {"environment": {"AGAIN": "1"}}
    stage.deploy({"migrate": changed, "web": reader}, volumes={"data": {}})
    eventually(lambda: stage.run_in("web", "cat /data/runs") == "ran\nran\n", "a second run")


def test_whoever_shares_a_namespace_moves_with_its_owner(stage: Stage, images: Images) -> None:
    sidecar = plain(images("plain"), network_mode="service:web")
    look = "wget -q -O - http://127.0.0.1:3000/"
    stage.start()
    stage.deploy({"web": web(images("healthy", "1")), "sidecar": sidecar})
    assert stage.run_in("sidecar", look) == "version=1\n"
    stage.deploy({"web": web(images("healthy", "2")), "sidecar": sidecar})
    eventually(lambda: len(stage.containers("sidecar")) == 1, "one sidecar")
    assert stage.run_in("sidecar", look) == "version=2\n"
    owner = stage.container("web")["Id"]
    assert stage.container("sidecar")["HostConfig"]["NetworkMode"] == f"container:{owner}"


def test_whoever_shares_a_namespace_moves_when_its_owner_is_repaired(
    stage: Stage, images: Images
) -> None:
    stage.start()
    sidecar = plain(images("plain"), network_mode="service:web")
    stage.deploy({"web": web(images()), "sidecar": sidecar})
    stage.api.remove_container(f"{stage.environment}-web-1", force=True)

    def together() -> bool:
        owner = stage.container("web")["Id"]
        shared = stage.container("sidecar")["HostConfig"]["NetworkMode"]
        return stage.settled("sidecar", images("plain")) and shared == f"container:{owner}"

    eventually(together, "the sidecar in its owner's namespace")
    look = "wget -q -O - http://127.0.0.1:3000/"
    eventually(lambda: stage.run_in("sidecar", look) == "version=1\n", "the owner's own network")


def test_a_named_volume_stays_when_its_service_is_removed(stage: Stage, image: ImageRef) -> None:
    stage.start()
    services = {"web": plain(image), "db": plain(image, volumes=["data:/data"])}
    stage.deploy(services, volumes={"data": {}})
    stage.run_in("db", "echo kept >/data/file")
    stage.deploy({"web": plain(image)})
    eventually(lambda: not stage.containers("db"), "db to be gone")
    stage.deploy(services, volumes={"data": {}})
    assert stage.run_in("db", "cat /data/file") == "kept\n"


@pytest.fixture
def with_volumes(images: Images, registry: str) -> Iterator[list[ImageRef]]:
    """Two versions of an image that declares a volume which no file names."""
    tags = [f"{registry}/moorline-test/data:{number}" for number in range(2)]
    yield [_with_volume(images("plain"), tag) for tag in tags]
    subprocess.run(["docker", "rmi", "--force", *tags], check=True, capture_output=True)


def _with_volume(base: ImageRef, tag: str) -> ImageRef:
    lines = f"FROM {base.pin}\nVOLUME /data\nLABEL tag={tag}\n"
    command = ["docker", "build", "--quiet", "--tag", tag, "-"]
    subprocess.run(command, input=lines, text=True, check=True, capture_output=True)
    return ImageRef.parse(tag).pinned(push(tag))


def test_data_in_an_anonymous_volume_moves_on_to_the_successor(
    stage: Stage, images: Images, with_volumes: list[ImageRef]
) -> None:
    old, new = with_volumes
    stage.start()
    stage.deploy({"db": plain(old)})
    stage.run_in("db", "echo kept >/data/file")
    failed = stage.push({"db": plain(images("crash", "2"))})
    stage.wait_deployed(failed, "taken back")
    assert stage.run_in("db", "cat /data/file") == "kept\n"
    stage.deploy({"db": plain(new)})
    stage.wait_settled("db", new)
    assert stage.run_in("db", "cat /data/file") == "kept\n"


def test_hooks_run_in_order_at_both_ends(stage: Stage, image: ImageRef) -> None:
    def say(word: str) -> dict[str, object]:
        return {"command": ["/bin/sh", "-c", f"echo {word} >>/data/log"]}

    hooks = {"post_start": [say("up"), say("ready")], "pre_stop": [say("down"), say("gone")]}
    mounted = {"volumes": ["data:/data"]}
    stage.start()
    stage.deploy({"web": plain(image, **hooks, **mounted)}, volumes={"data": {}})
    assert stage.run_in("web", "cat /data/log") == "up\nready\n"
    # the new file no longer knows the hooks: the container brings its own along
    stage.deploy({"web": plain(image, **mounted)}, volumes={"data": {}})
    assert stage.run_in("web", "cat /data/log") == "up\nready\ndown\ngone\n"


class TestSecrets:
    @pytest.fixture
    def deployed(self, stage: Stage, image: ImageRef) -> str:
        """One service with a secret of each origin and a config, deployed."""
        (stage.folder / "secrets").mkdir()
        (stage.folder / "secrets" / "token").write_text(f"{CANARY}-external\n")
        (stage.folder / f"{stage.environment}.env").write_text(f"PASSWORD={CANARY}-variable\n")
        stage.remote.commit({"files/motd": "welcome\n"})
        stage.start()
        return stage.deploy(self._services(image), **self._sources())

    def _services(self, image: ImageRef, **keys: object) -> dict[str, object]:
        mounts = {"secrets": ["token"], "configs": [{"source": "motd", "target": "/motd"}]}
        environment = {"PASSWORD": "${PASSWORD:?}"}
        return {"web": plain(image, environment=environment, **mounts, **keys)}

    def _sources(self) -> dict[str, object]:
        return {
            "secrets": {"token": {"external": True}},
            "configs": {"motd": {"file": "../files/motd"}},
        }

    def test_they_are_mounted_with_their_content(self, stage: Stage, deployed: str) -> None:
        assert stage.run_in("web", "cat /run/secrets/token") == f"{CANARY}-external\n"
        assert stage.run_in("web", "cat /motd") == "welcome\n"
        assert stage.run_in("web", "echo $PASSWORD") == f"{CANARY}-variable\n"
        assert deployed

    def test_a_changed_one_of_the_host_rolls_its_service(
        self, stage: Stage, deployed: str
    ) -> None:
        (stage.folder / "secrets" / "token").write_text(f"{CANARY}-second\n")
        eventually(lambda: len(stage.deployments()) == 2, "a second deployment")
        eventually(lambda: len(stage.containers("web")) == 1, "the old one to be gone")
        assert stage.run_in("web", "cat /run/secrets/token") == f"{CANARY}-second\n"
        assert [outcome for _, outcome in stage.deployments()] == ["proven", "proven"]
        assert stage.remote.tip() == deployed

    def test_a_changed_file_of_the_repository_rolls_its_service(
        self, stage: Stage, deployed: str
    ) -> None:
        commit = stage.remote.commit({"files/motd": "hello\n"})
        stage.wait_deployed(commit)
        eventually(lambda: len(stage.containers("web")) == 1, "the old one to be gone")
        assert stage.run_in("web", "cat /motd") == "hello\n"
        assert deployed != commit

    def test_they_appear_nowhere(self, stage: Stage, image: ImageRef, deployed: str) -> None:
        shout = "echo $PASSWORD; cat /run/secrets/token >&2; exit 3"
        services = self._services(image, command=["/bin/sh", "-c", shout])
        failed = stage.push(services, **self._sources())
        stage.wait_deployed(failed, "taken back")
        logs = stage.record(failed)["services"]["web"]["logs"]
        assert sorted(logs) == ["***", "***"]
        objects = stage.remote.git("cat-file", "--batch-all-objects", "--batch")
        assert deployed in objects
        assert CANARY not in objects
        assert CANARY not in "".join(each.log for each in stage.daemons)
        assert CANARY not in stage.moorline("status", stage.environment).stdout
        kept = [path for path in stage.state.rglob("*") if path.is_file()]
        assert kept
        found = [str(path) for path in kept if CANARY.encode() in path.read_bytes()]
        assert found == []

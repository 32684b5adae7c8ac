"""The registry's tags follow what is proven, whatever it does; and no rollout waits for it."""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from moorline.adapters.registry import OciRegistry
from moorline.core.image import ImageRef
from moorline.errors import NotFound
from tests.e2e.stage import Stage, eventually, web
from tests.parts.counting import counted
from tests.parts.images import Images, build, push, remove
from tests.parts.registry import login, running_registry
from tests.parts.relay import Forward

pytestmark = pytest.mark.engine

Tags = list[tuple[str, str]]


class Door:
    """A port that leads to a registry, while it is open."""

    def __init__(self, registry: str) -> None:
        host, _, port = registry.rpartition(":")
        self._behind = (host, int(port))
        self._port = 0
        self.open()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def open(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._port))
        listener.listen(128)
        self._port = listener.getsockname()[1]
        self._forward = Forward(listener, lambda: socket.create_connection(self._behind))

    def shut(self) -> None:
        """Refuse connections."""
        self._forward.close()

    def keep_answers(self) -> None:
        """Let requests through, and no answer to them."""
        self._forward.hang("answers")


@pytest.fixture
def door(registry: str) -> Iterator[Door]:
    made = Door(registry)
    yield made
    made.shut()


@pytest.fixture
def behind(door: Door) -> Iterator[Images]:
    """Images of the registry behind the door; all of them are on the host, too."""
    made = Images(door.address)
    yield made
    made.close()


def tags(stage: Stage, registry: str, image: ImageRef) -> Tags:
    """The environment's tags in the registry, without the times of rollback tags, and with the
    version of the image that each is on.
    """
    repository = ImageRef(registry=registry, repository=image.repository)
    start = f"{stage.environment}-"
    found = []
    with closing(OciRegistry()) as client:
        for tag in sorted(each for each in client.tags(repository) if each.startswith(start)):
            there = ImageRef(registry=registry, repository=image.repository, tag=tag)
            found.append((tag.removeprefix(start).partition("-2")[0], str(client.resolve(there))))
    return found


def expected(current: ImageRef, *before: ImageRef) -> Tags:
    rollbacks = [("rollback", str(each.digest)) for each in before]
    return [("current", str(current.digest)), *rollbacks]


def wait_tags(stage: Stage, registry: str, current: ImageRef, *before: ImageRef) -> None:
    """Wait until these are the environment's tags."""
    wanted = expected(current, *before)

    def there() -> bool:
        try:
            return tags(stage, registry, current) == wanted
        except NotFound:
            # a registry lists a tag a moment before it can say what the tag is on
            return False

    eventually(there, f"tags {wanted}")


def shown(stage: Stage) -> Mapping[str, Any]:
    """What `moorline tags --json` says."""
    return dict(json.loads(stage.moorline("tags", stage.environment, "--json").stdout))


def test_tags_follow_each_proof_and_a_rollback_moves_current_back(
    stage: Stage, images: Images, registry: str
) -> None:
    one, two = images("healthy", "1"), images("healthy", "2")
    stage.start()
    stage.deploy({"web": web(one)})
    wait_tags(stage, registry, one)
    second = stage.deploy({"web": web(two)})
    wait_tags(stage, registry, two, one)
    stage.wait_deployed(stage.revert(second))
    wait_tags(stage, registry, one, one, two)
    said = shown(stage)
    (repository,) = said["repositories"]
    assert [each["role"] for each in repository["tags"]] == ["current", "rollback", "rollback"]
    assert repository["tags"][0]["in_step"]
    assert said["waiting"] == []
    assert stage.status()["tags_waiting"] == 0


def test_moving_tags_moves_no_layers(stage: Stage, registry: str) -> None:
    with counted(registry) as (address, count):
        images = Images(address)
        one, two = images("healthy", "1"), images("healthy", "2")
        stage.start()
        stage.deploy({"web": web(one)})
        wait_tags(stage, registry, one)
        count.reset()
        stage.deploy({"web": web(two)})
        wait_tags(stage, registry, two, one)
        eventually(lambda: stage.status()["tags_waiting"] == 0, "the move to be done")
        assert 0 < count.bytes < 20_000
        images.close()


def test_a_registry_that_is_away_delays_tags_and_nothing_else(
    stage: Stage, behind: Images, door: Door, registry: str
) -> None:
    one, two, three = (behind("healthy", version) for version in ("1", "2", "3"))
    stage.start()
    stage.deploy({"web": web(one)})
    wait_tags(stage, registry, one)
    door.shut()
    stage.deploy({"web": web(two)})
    stage.deploy({"web": web(three)})
    assert stage.settled("web", three)
    eventually(lambda: stage.status()["tags_waiting"] == 1, "a move to wait")
    assert stage.status()["troubles"] == []
    assert shown(stage)["waiting"][0]["digest"] == str(three.digest)
    door.open()
    wait_tags(stage, registry, three, one, two)
    eventually(lambda: stage.status()["tags_waiting"] == 0, "no move to wait")


def test_a_daemon_that_was_killed_in_the_middle_of_a_move_finishes_it(
    stage: Stage, behind: Images, door: Door, registry: str
) -> None:
    one, two = behind("healthy", "1"), behind("healthy", "2")
    daemon = stage.start()
    stage.deploy({"web": web(one)})
    wait_tags(stage, registry, one)
    door.keep_answers()
    stage.deploy({"web": web(two)})
    daemon.kill()
    door.shut()
    door.open()
    stage.start()
    wait_tags(stage, registry, two, one)


def test_a_registry_that_hangs_delays_no_stop(stage: Stage, behind: Images, door: Door) -> None:
    one = behind("healthy", "1")
    daemon = stage.start()
    door.keep_answers()
    stage.deploy({"web": web(one)})
    eventually(lambda: stage.status()["tags_waiting"] == 1, "a move to wait")
    took = eventually(lambda: daemon.stop() == 0, "the daemon to end")
    assert took < 10


@pytest.fixture
def guarded() -> Iterator[str]:
    with running_registry(guarded=True) as address:
        yield address


@pytest.fixture
def guarded_image(guarded: str, tmp_path: Path) -> Iterator[ImageRef]:
    """An image of a registry that lets nobody in who has no login; it is on the host."""
    tag = f"{guarded}/moorline-test/guarded:1"
    build(tag)
    folder = tmp_path / "docker"
    folder.mkdir()
    image = ImageRef.parse(tag).pinned(push(tag, docker_config=login(folder, guarded)))
    yield image
    remove(image)


def test_a_registry_that_refuses_fails_no_rollout(stage: Stage, guarded_image: ImageRef) -> None:
    daemon = stage.start()
    stage.deploy({"web": web(guarded_image)})
    daemon.wait_for("no tags here")
    status = stage.status()
    assert (status["tags_waiting"], status["troubles"]) == (0, [])


def test_a_refusal_is_a_trouble_where_tags_were_asked_for(
    stage: Stage, guarded_image: ImageRef
) -> None:
    stage.configure(extra=f'[registry]\ntags = ["{guarded_image.name}"]\n')
    stage.start()
    stage.deploy({"web": web(guarded_image)})
    eventually(lambda: stage.status()["troubles"], "a trouble")
    (trouble,) = stage.status()["troubles"]
    assert f"{stage.environment}-current stays where it is: " in trouble
    assert "docker login" in trouble
    assert stage.settled("web", guarded_image)


def test_an_apply_moves_the_tags_itself(stage: Stage, images: Images, registry: str) -> None:
    one = images("healthy", "1")
    stage.push({"web": web(one)})
    done = stage.moorline("apply", stage.environment)
    assert done.returncode == 0, done.stderr
    assert tags(stage, registry, one) == expected(one)


def test_what_vanished_from_the_registry_is_told(
    stage: Stage, images: Images, registry: str
) -> None:
    one, two = images("healthy", "vanishing"), images("healthy", "2")
    stage.configure(extra='[registry]\ncheck_interval = "1s"\n')
    stage.start()
    stage.deploy({"web": web(one)})
    stage.deploy({"web": web(two)})
    wait_tags(stage, registry, two, one)
    client = OciRegistry()
    manifest = client.manifest(one)
    client.delete_manifest(
        ImageRef(registry=one.registry, repository=one.repository, digest=one.digest)
    )
    eventually(lambda: stage.status()["troubles"], "a trouble")
    (trouble,) = stage.status()["troubles"]
    assert trouble.startswith(f"web: the version before, {one.pin}, is gone from the registry: ")
    client.put_manifest(
        ImageRef(registry=one.registry, repository=one.repository, tag="back"), manifest
    )
    client.close()
    eventually(lambda: not stage.status()["troubles"], "no trouble")

"""What the fake engine cannot show of images: names as engines write them, and a real disk."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from moorline.adapters.engine import DockerEngine
from tests.adapters.engine_worlds import SOCKET
from tests.parts.stub_http import Reply, Request, serving

PIN = f"sha256:{'a' * 64}"


@contextmanager
def engine_with(answers: Mapping[str, object]) -> Iterator[DockerEngine]:
    """An engine over the network that answers by the end of the path."""
    versions = {"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12"}

    def respond(request: Request) -> Reply:
        path = request.path.partition("?")[0]
        body = next((body for end, body in answers.items() if path.endswith(end)), versions)
        return Reply(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    with serving(respond) as stub:
        engine = DockerEngine(f"tcp://{stub.address}", timeout=5)
        yield engine
        engine.close()


def entry(name: str, **names: list[str] | None) -> dict[str, object]:
    return {"Id": name, "Size": 7, "Containers": -1} | names


def test_names_are_read_in_their_long_form_and_missing_ones_left_out() -> None:
    odd = f"r.io/x@sha512:{'b' * 128}"
    images = [
        entry("b", RepoTags=["<none>:<none>"], RepoDigests=["<none>@<none>"]),
        entry("a", RepoTags=["nginx:1", "r.io/x:2"], RepoDigests=[f"nginx@{PIN}", odd]),
        entry("c", RepoTags=None, RepoDigests=None),
    ]
    answers = {"/images/json": images, "/containers/json": [{"ImageID": "b"}]}
    with engine_with(answers) as engine:
        found = engine.local_images()
    assert [(each.id, each.in_use) for each in found] == [("a", False), ("b", True), ("c", False)]
    assert found[0].tags == {"docker.io/library/nginx:1", "r.io/x:2"}
    assert found[0].pins == {f"docker.io/library/nginx@{PIN}", odd}
    assert {(each.pins, each.tags) for each in found[1:]} == {(frozenset(), frozenset())}


def test_an_engine_over_the_network_has_no_disk_here() -> None:
    with engine_with({"/info": {"DockerRootDir": "/"}}) as engine:
        assert engine.disk_space() is None


@pytest.mark.engine
def test_the_disk_is_that_of_the_engines_own_folder() -> None:
    engine = DockerEngine(SOCKET)
    space = engine.disk_space()
    engine.close()
    assert space is not None
    assert Path(space.path).is_dir()
    assert space.free > 0

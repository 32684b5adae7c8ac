"""What fails soon after its rollout is taken back: the daemon hears of it from the engine."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorline.core.image import ImageRef
from tests.e2e.stage import Stage, eventually, plain
from tests.parts.images import Images

pytestmark = pytest.mark.engine

CHECK = {
    "test": ["CMD-SHELL", "test ! -e /sick"],
    "interval": "200ms",
    "timeout": "5s",
    "retries": 2,
}
MORTAL = ["sh", "-c", "while [ ! -e /die ]; do sleep 0.1; done; exit 3"]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    stage.configure(poll="10m")
    stage.start()
    yield stage
    stage.close()


@pytest.fixture
def image(images: Images) -> ImageRef:
    return images("plain")


def inside(stage: Stage, *words: str) -> None:
    """Run something inside the service's only container."""
    name = f"{stage.environment}-web-1"
    subprocess.run(["docker", "exec", name, *words], check=False, capture_output=True)


def taken_back(stage: Stage, commit: str, first: str) -> None:
    """Wait until the file is the first one again, and what runs is its."""
    eventually(
        lambda: (commit, "taken back") in [each[:2] for each in stage.deployments()],
        f"a record of the taking back\n{stage.daemons[-1].log}",
    )
    labels = {each["Labels"]["moorline.commit"] for each in stage.containers("web")}
    assert labels == {first}
    assert stage.remote.show("main", stage.path) == stage.remote.show(first, stage.path)


def test_what_turns_unhealthy_is_taken_back(host: Stage, image: ImageRef) -> None:
    first = host.deploy({"web": plain(image, healthcheck=CHECK)})
    second = host.deploy({"web": plain(image, healthcheck=CHECK, environment={"N": "2"})})
    inside(host, "touch", "/sick")
    taken_back(host, second, first)


@pytest.mark.parametrize("policy", ["always", "no"])
def test_what_dies_again_and_again_is_taken_back(
    host: Stage, image: ImageRef, policy: str
) -> None:
    common = {"command": MORTAL, "restart": policy}
    first = host.deploy({"web": plain(image, **common)})
    second = host.deploy({"web": plain(image, **common, environment={"N": "2"})})
    inside(host, "touch", "/die")
    taken_back(host, second, first)


def test_what_runs_out_of_memory_is_taken_back(host: Stage, image: ImageRef) -> None:
    common = {"mem_limit": "16m", "memswap_limit": "16m"}
    first = host.deploy({"web": plain(image, **common)})
    second = host.deploy({"web": plain(image, **common, environment={"N": "2"})})
    inside(host, "tail", "/dev/zero")
    taken_back(host, second, first)


def test_hands_are_not_the_version(host: Stage, image: ImageRef) -> None:
    host.deploy({"web": plain(image)})
    second = host.deploy({"web": plain(image, restart="always", environment={"N": "2"})})
    name = f"{host.environment}-web-1"
    for words in (["kill", name], ["stop", "-t", "1", name], ["restart", "-t", "1", name]) * 2:
        subprocess.run(["docker", *words], check=True, capture_output=True)
        eventually(lambda: host.settled("web", image), "to be repaired")
    outcomes = {outcome for commit, outcome, *_ in host.deployments() if commit == second}
    assert "taken back" not in outcomes

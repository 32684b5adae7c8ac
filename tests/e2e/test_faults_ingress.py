"""An HAProxy that is killed in the middle of a rollout comes back, and as it has to be."""

import subprocess
from functools import partial
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.e2e.settled import settled_well
from tests.e2e.stage import FAULTY, Stage, eventually
from tests.e2e.strategies import STRATEGIES, Strategy
from tests.parts.images import Images
from tests.parts.second_engine import as_root

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

BEHIND_ONE = tuple(each for each in STRATEGIES if each.seamless)
CHANGES = ("engine.start", "ingress.enter", "ingress.shift", "ingress.leave", "engine.remove")


@pytest.mark.parametrize("strategy", BEHIND_ONE, ids=[each.name for each in BEHIND_ONE])
@pytest.mark.parametrize("victim", ["worker", "master", "container"])
def test_an_haproxy_that_is_killed_comes_back_as_it_has_to_be(
    stage: Stage, images: Images, port: int, strategy: Strategy, victim: str
) -> None:
    commits: list[str] = []
    stage.start(FAULTY)
    commits.append(stage.deploy(strategy.services(images("healthy", "1"), port)))
    for number, change in enumerate(_made(strategy)):
        version = str(2 - number % 2)
        services = strategy.services(images("healthy", version), port)
        commits.append(stage.paused_at(change, partial(stage.push, services)))
        _kill(stage, victim)
        stage.unpause()
        stage.wait_deployed(commits[-1])
        settled_well(stage, *commits)
        eventually(partial(_serves, port, version), f"{change}: version {version} to be served")


def _made(strategy: Strategy) -> tuple[str, ...]:
    # one container after the other on one track: nothing is ever shifted
    return tuple(each for each in CHANGES if (each, strategy.name) != ("ingress.shift", "rolling"))


def _kill(stage: Stage, victim: str) -> None:
    """SIGKILL, by the engine for a container: that one it does not start again by itself."""
    if victim == "container":
        stage.api.kill(stage.ingress)
        return
    process = str(stage.api.inspect_container(stage.ingress)["State"]["Pid"])
    if victim == "worker":
        process = Path(f"/proc/{process}/task/{process}/children").read_text().split()[0]
    subprocess.run([*as_root(), "kill", "-KILL", process], check=True)


def _serves(port: int, version: str) -> bool:
    with urlopen(f"http://127.0.0.1:{port}/", timeout=2) as answer:
        return bool(answer.read().decode().strip() == f"version={version}")

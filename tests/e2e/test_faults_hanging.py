"""An engine that accepts calls and does not answer them is no verdict, and wears nothing out."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.settled import settled_well
from tests.e2e.stage import FAULTY, Daemon, Stage, eventually
from tests.e2e.strategies import RECREATE, Strategy, each_strategy
from tests.e2e.visitor import unnoticed
from tests.parts.images import Images
from tests.parts.relay import Direction, Relay

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

PATIENCE = "0.4"
HUNG = 50
# with its answer kept back a call has its effect, and nobody knows
HANGS: tuple[tuple[str, Direction], ...] = (
    ("engine.create_container", "answers"),
    ("engine.stop", "requests"),
    ("engine.start", "answers"),
    ("engine.remove", "answers"),
)


@pytest.fixture
def relay(stage: Stage) -> Iterator[Relay]:
    """The engine's socket, which can fall silent; the daemon is not patient with it."""
    front = stage.folder / "engine.sock"
    made = Relay(front, Path("/var/run/docker.sock"))
    made.open()
    stage.configure(poll="200ms", extra=f'[engine]\nurl = "unix://{front}"\n')
    (stage.folder / "patience").write_text(PATIENCE)
    yield made
    made.cut()


@each_strategy
def test_an_engine_that_hangs_in_the_gate(
    stage: Stage, images: Images, relay: Relay, port: int, strategy: Strategy
) -> None:
    old, new = images("healthy", "1"), images("healthy", "2")
    stage.start(FAULTY)
    first = stage.deploy(strategy.services(old, port))
    with unnoticed(port, seamless=strategy.seamless):
        second = stage.push(strategy.services(new, port, stability="2s"))
        eventually(lambda: new.pin in stage.running("web"), "the new version to run")
        relay.hang()
        stage.wait_trouble("timed out")
        assert stage.memory()["quarantine"] == []
        relay.resume()
        stage.wait_deployed(second)
        settled_well(stage, first, second)
    assert stage.settled("web", new)


@each_strategy
def test_an_engine_that_hangs_in_mid_call(
    stage: Stage, images: Images, relay: Relay, port: int, strategy: Strategy
) -> None:
    commits: list[str] = []
    stage.start(FAULTY)
    commits.append(stage.deploy(strategy.services(images("healthy", "1"), port)))
    for number, (change, direction) in enumerate(HANGS):
        image = images("healthy", str(2 - number % 2))
        services = strategy.services(image, port)
        with unnoticed(port, seamless=strategy.seamless):
            commits.append(stage.paused_at(change, partial(stage.push, services)))
            relay.hang(direction)
            stage.unpause()
            stage.wait_trouble("timed out")
            relay.resume()
            stage.wait_deployed(commits[-1])
            settled_well(stage, *commits)
        assert stage.settled("web", image), change
        assert stage.settled("side", image), change


def test_fifty_hung_calls_leave_no_thread_and_no_descriptor(
    stage: Stage, images: Images, relay: Relay, port: int
) -> None:
    strategy, image = RECREATE, images("healthy", "1")
    daemon = stage.start(FAULTY)
    first = stage.deploy(strategy.services(image, port))
    settled_well(stage, first)
    before = _held(daemon)
    relay.hang()
    eventually(lambda: relay.held >= HUNG, f"{HUNG} hung calls", within=90)
    relay.resume()
    eventually(lambda: stage.memory()["trouble"] == "", "the trouble to be over")
    stage.api.remove_container(f"{stage.environment}-side-1", force=True)
    stage.wait_settled("side", image)
    eventually(lambda: _held(daemon) <= before, f"threads and descriptors as before: {before}")


def _held(daemon: Daemon) -> tuple[int, int]:
    """Its threads and its descriptors, to be compared as one."""
    folder = Path(f"/proc/{daemon.process.pid}")
    return len(list((folder / "task").iterdir())), len(list((folder / "fd").iterdir()))

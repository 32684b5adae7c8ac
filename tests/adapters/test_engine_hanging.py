"""An engine that accepts calls and never answers: each has its deadline, and leaves nothing."""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import docker
import pytest

from moorline.adapters.engine import DockerEngine
from moorline.core.image import ImageRef
from moorline.core.model import Hook
from moorline.errors import EngineUnreachable, RegistryUnreachable
from tests.parts.images import Images
from tests.parts.processes import until
from tests.parts.relay import Relay

pytestmark = pytest.mark.engine

DEADLINE = 0.2
CALLS = 50
IMAGE = ImageRef.parse(f"127.0.0.1:1/web:1@sha256:{'0' * 64}")
HOOK = Hook(command=("/bin/true",))
NAME = "moorline-test-hanging"
TABLE: dict[str, Callable[[DockerEngine], object]] = {
    "info": lambda engine: engine.info(),
    "observe": lambda engine: engine.observe(NAME, ()),
    "inspect": lambda engine: engine.inspect(NAME),
    "logs": lambda engine: engine.logs(NAME, lines=1),
    "events": lambda engine: engine.events(),
    "create network": lambda engine: engine.create_network(NAME, {}),
    "remove network": lambda engine: engine.remove_network(NAME),
    "create volume": lambda engine: engine.create_volume(NAME, {}),
    "create container": lambda engine: engine.create_container(NAME, {}),
    "start": lambda engine: engine.start(NAME),
    "stop": lambda engine: engine.stop(NAME, grace=0),
    "remove": lambda engine: engine.remove(NAME),
    "rename": lambda engine: engine.rename(NAME, NAME),
    "unpause": lambda engine: engine.unpause(NAME),
    "set restart policy": lambda engine: engine.set_restart_policy(NAME, {}),
    "connect": lambda engine: engine.connect(NAME, NAME, {}),
    "disconnect": lambda engine: engine.disconnect(NAME, NAME),
    "run hook": lambda engine: engine.run_hook(NAME, HOOK),
}


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    made = Relay(tmp_path / "engine.sock", Path("/var/run/docker.sock"))
    made.open()
    yield made
    made.cut()


@pytest.fixture
def engine(relay: Relay, tmp_path: Path) -> Iterator[DockerEngine]:
    """An engine that answered so far."""
    url = f"unix://{tmp_path}/engine.sock"
    made = DockerEngine(
        url, timeout=DEADLINE, pull_idle=DEADLINE, hook_limit=DEADLINE, events_idle=DEADLINE
    )
    _until_it_answers(made)
    relay.hang()
    yield made
    made.close()


@pytest.fixture
def container(images: Images) -> Iterator[str]:
    """A container that runs, with everything that a hook needs."""
    client = docker.APIClient()
    made = str(client.create_container(str(images("plain").pin))["Id"])
    client.start(made)
    yield made
    client.remove_container(made, force=True)
    client.close()


@pytest.mark.parametrize("call", TABLE.values(), ids=TABLE.keys())
def test_every_call_has_a_deadline(engine: DockerEngine, call: Callable[..., object]) -> None:
    with pytest.raises(EngineUnreachable, match="does not answer"):
        call(engine)
    # and so it has where nothing was open yet
    with pytest.raises(EngineUnreachable, match="does not answer"):
        call(engine)


def test_so_has_a_pull(engine: DockerEngine) -> None:
    with pytest.raises(RegistryUnreachable, match="no progress"):
        engine.pull(IMAGE, lambda _: None)


def test_a_hook_whose_engine_falls_silent_has_not_failed(
    engine: DockerEngine, relay: Relay, container: str
) -> None:
    relay.resume()
    timer = threading.Timer(DEADLINE, relay.hang)
    timer.start()
    hook = Hook(command=("/bin/sleep", "5"))
    with pytest.raises(EngineUnreachable):
        engine.run_hook(container, hook)
    timer.join()


def test_events_end_where_the_engine_is_silent_for_very_long(
    engine: DockerEngine, relay: Relay
) -> None:
    relay.resume()
    stream = engine.events()
    relay.hang("answers")
    for _ in stream:
        # other tests' containers may have had their say before
        continue
    stream.close()


def test_hung_calls_leave_no_thread_and_no_descriptor(engine: DockerEngine, relay: Relay) -> None:
    relay.resume()
    _until_it_answers(engine)
    before = _threads(), _descriptors()
    relay.cut()
    relay.open()
    relay.hang()
    for _ in range(CALLS):
        with pytest.raises(EngineUnreachable):
            engine.observe(NAME, ())
    relay.cut()
    relay.open()
    _until_it_answers(engine)
    assert (_threads(), _descriptors()) <= before


def _until_it_answers(engine: DockerEngine) -> None:
    """A busy machine may need more time for the first answer than there is here."""

    def answers() -> bool:
        with suppress(EngineUnreachable):
            return bool(engine.info())
        return False

    until(answers)


def _threads() -> int:
    return threading.active_count()


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))

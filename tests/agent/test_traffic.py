"""Moving traffic: containers enter at their address, and leave when their sessions have ended."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from moorline.agent.execution.gate import VersionFailed
from moorline.agent.execution.traffic import Move, Traffic
from moorline.core.actions import Enter, Leave, Listen, Shift, Unlisten
from moorline.core.strategy import ALL
from moorline.core.traffic import Listener, ObservedRoute, Track
from moorline.errors import Conflict, Interrupted
from tests.core.builders import desired, image, service
from tests.fakes.engine import FakeEngine
from tests.fakes.host import FakeClock
from tests.fakes.ingress import FakeIngress

WEB = desired(
    service("web", networks=["front"], listeners=(Listener(host_port=80, container_port=3000),)),
    service("db"),
)


@dataclass
class Stage:
    """A service behind the ingress, with a container that runs in its network."""

    engine: FakeEngine = field(default_factory=FakeEngine)
    ingress: FakeIngress = field(default_factory=FakeIngress)
    clock: FakeClock = field(default_factory=FakeClock)
    check: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.engine.images.add(image().pin)
        self.engine.create_network("front-2", {})
        ends = {"EndpointsConfig": {"front-2": {}}}
        host = {"NetworkMode": "front-2"}
        body = {"Image": str(image()), "HostConfig": host, "NetworkingConfig": ends}
        self.container = self.engine.create_container("prod-web-1", body)
        self.engine.start(self.container)

    def move(self, action: Move) -> None:
        Traffic(
            self.engine,
            self.ingress,
            self.clock,
            desired=WEB,
            networks={"front": "front-2"},
            check=self.check,
        ).move(action)

    @property
    def route(self) -> ObservedRoute:
        return self.ingress.observe("prod")["web"]

    @property
    def servers(self) -> dict[str, tuple[str, str, str]]:
        """Container → its track, address and state."""
        return {
            each.container: (each.track, each.address, each.state) for each in self.route.servers
        }

    def listen(self, service: str = "web") -> None:
        self.move(Listen(service=service, track="blue", ports=("80/tcp",), why=""))

    def enter(self, target: str = "prod-web-1", service: str = "web") -> None:
        self.move(Enter(service=service, number=1, target=target, track="green", why=""))

    def leave(self, timeout: float = 30) -> None:
        action = Leave(
            service="web", number=1, target=self.container, drain_timeout=timeout, why=""
        )
        self.move(action)


@pytest.fixture
def stage() -> Stage:
    """Listening already."""
    made = Stage()
    made.listen()
    return made


def test_a_container_enters_by_its_id_at_the_address_of_its_network(stage: Stage) -> None:
    address = stage.engine.inspect("prod-web-1").addresses["front-2"]
    for _ in range(2):
        stage.enter()
        assert stage.servers == {stage.container: ("green", address, "ready")}


def test_a_container_without_an_address_cannot_enter(stage: Stage) -> None:
    stage.engine.kill(stage.container)
    with pytest.raises(Conflict, match="web #1 has no address: it is exited"):
        stage.enter()


def test_a_service_that_the_file_does_not_have_is_no_step(stage: Stage) -> None:
    with pytest.raises(Conflict):
        stage.enter(service="gone")


@pytest.mark.parametrize("name", ["gone", "db"])
def test_a_service_that_has_no_listeners_is_no_step(stage: Stage, name: str) -> None:
    with pytest.raises(Conflict):
        stage.listen(name)


def test_a_container_leaves_when_its_last_session_has_ended(stage: Stage) -> None:
    stage.enter()
    stage.ingress.busy(stage.container, 2)
    stage.clock.on_wait = lambda: stage.ingress.busy(stage.container, 0)
    stage.leave()
    assert stage.servers == {}
    assert 0 < stage.clock.elapsed < 1


def test_a_session_that_does_not_end_is_given_its_time_and_no_more(stage: Stage) -> None:
    stage.enter()
    stage.ingress.busy(stage.container, 1)
    stage.leave(timeout=5)
    assert stage.servers == {}
    assert 5 <= stage.clock.elapsed < 5.2


def test_told_to_stop_a_container_is_left_draining(stage: Stage) -> None:
    stage.enter()
    stage.ingress.busy(stage.container, 1)

    def stop() -> None:
        raise Interrupted("told to stop")

    stage.check = stop
    with pytest.raises(Interrupted):
        stage.leave()
    assert stage.servers[stage.container][2] == "drain"


@pytest.mark.parametrize(("track", "share"), [("green", ALL), ("blue", 0)])
def test_a_shift_gives_everything_to_one_track(stage: Stage, track: Track, share: int) -> None:
    stage.ingress.shift("prod", "web", 500)
    stage.move(Shift(service="web", track=track, why=""))
    assert stage.route.share == share


def test_listeners_are_those_of_the_file(stage: Stage) -> None:
    assert stage.route.ports == {"80/tcp"}
    stage.move(Unlisten(service="web", why=""))
    assert stage.ingress.observe("prod") == {}


def test_a_port_that_is_taken_condemns_the_version(stage: Stage) -> None:
    stage.ingress.taken.add(80)
    with pytest.raises(VersionFailed, match="web: cannot listen: port 80 is taken"):
        stage.listen()

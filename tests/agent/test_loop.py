"""The daemon's threads together: several environments, signals, and a thread that fails."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import yaml

from moorline.agent.clock import SystemClock
from moorline.agent.config import Config, load_config
from moorline.agent.daemon.loop import Daemon
from moorline.agent.host import Host
from moorline.agent.report import Reporter, SilentReporter
from moorline.errors import Interrupted, RegistryUnreachable, RemoteUnreachable
from tests.agent.world import World
from tests.fakes.staterepo import FakeStateRepo
from tests.parts.processes import until

Scenario = Callable[[], None]


class Notes(SilentReporter):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.ends: list[tuple[str, str]] = []

    def note(self, event: str, /, **values: object) -> None:
        self.events.append(event)
        if event == "cycle":
            self.ends.append((str(values["environment"]), str(values["end"])))


class GatedRepo(FakeStateRepo):
    """Its remote answers only while `answers` is set."""

    house: "House"

    def fetch(self) -> str:
        self.house.waiting += 1
        assert self.house.answers.wait(30)
        self.house.waiting -= 1
        return super().fetch()


@dataclass
class House:
    """A host with two environments whose daemon runs in this very thread."""

    folder: Path
    notes: Notes = field(default_factory=Notes)
    opened: int = 0
    answers: threading.Event = field(default_factory=threading.Event)
    waiting: int = 0
    """Fetches under way."""

    def __post_init__(self) -> None:
        self.world = World(self.folder)
        self.answers.set()
        self.config_path = self.folder / "agent.toml"
        self.configure()

    def configure(self, *environments: str, extra: str = "") -> None:
        """Write the configuration."""
        names = ", ".join(f'"{each}"' for each in environments or ("production", "staging"))
        self.config_path.write_text(
            f'host = "web-1"\nenvironments = [{names}]\nstate_dir = "{self.folder}/state"\n'
            f'runtime_dir = "{self.folder}/run"\nenv_file = "{self.folder}/{{environment}}.env"\n'
            f'{extra}[repo]\nurl = "ssh://git.example.test/state.git"\npoll_interval = "50ms"\n'
        )

    def push(self, environment: str, version: str, *, stability: str = "10ms") -> str:
        """Commit a file with one service."""
        service = {
            "image": str(self.world.image(version)),
            "x-moorline": {"health": {"stability": stability, "deadline": "10m"}},
        }
        text = yaml.safe_dump({"services": {"web": service}})
        return self.world.remote.commit({f"environments/{environment}.yaml": text})

    def serves(self, environment: str, version: str) -> bool:
        """Whether a version runs, and nothing else does."""
        found = [
            each
            for each in self.world.engine.containers.values()
            if each.up and each.name.startswith(environment)
        ]
        digest = self.world.image(version).pin.partition("@")[2]
        return [each.body["Image"].partition("@")[2] for each in found] == [digest]

    def ended(self, environment: str, word: str) -> bool:
        """Whether a cycle of an environment ended so."""
        return (environment, word) in self.notes.ends

    def reload(self) -> None:
        """SIGHUP."""
        os.kill(os.getpid(), signal.SIGHUP)

    def run(self, scenario: Scenario) -> int:
        """Run the daemon while a scenario plays; the end of the scenario is a SIGTERM."""
        daemon = Daemon(
            self.config_path,
            load_config(self.config_path),
            self.notes,
            hosts=self._host,
            registries=lambda _config: self.world.registry,
        )
        with play(scenario):
            return daemon.run()

    @contextmanager
    def _host(self, config: Config, reporter: Reporter, stop: threading.Event) -> Iterator[Host]:
        def check_stop() -> None:
            if stop.is_set():
                raise Interrupted("told to stop")

        repo = GatedRepo(self.world.remote, host="web-1")
        repo.house = self
        self.opened += 1
        yield replace(
            self.world.host,
            config=config,
            repo=repo,
            clock=SystemClock(stop),
            reporter=reporter,
            check_stop=check_stop,
        )


@contextmanager
def play(scenario: Scenario) -> Iterator[None]:
    """A scenario in a thread of its own, then SIGTERM; what fails in it fails the test."""
    failures: list[BaseException] = []

    def act() -> None:
        try:
            scenario()
        except BaseException as failure:  # noqa: BLE001  (raised in the test's own thread)
            failures.append(failure)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=act)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if failures:
        raise failures[0]


@pytest.fixture(autouse=True, scope="module")
def _late_signals() -> Iterator[None]:
    """A signal that comes once the daemon is gone must not end the tests."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {each: signal.signal(each, lambda _number, _frame: None) for each in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    house.push("production", "1")
    house.push("staging", "1")
    return house


def both_serve(house: House, version: str) -> bool:
    return house.serves("production", version) and house.serves("staging", version)


def both_proven(house: House) -> bool:
    return house.ended("production", "proven") and house.ended("staging", "proven")


def test_it_ends_on_sigterm_with_all_its_threads(house: House) -> None:
    before = threading.active_count()
    assert house.run(lambda: until(lambda: both_proven(house))) == 0
    assert both_serve(house, "1")
    assert threading.active_count() == before
    assert house.notes.events[-1] == "stopped"


def test_tags_follow_what_is_proven(house: House) -> None:
    def scenario() -> None:
        until(lambda: both_proven(house))
        tags = house.world.registry.tagged
        name = "registry.example/acme/web"
        until(
            lambda: {f"{name}:{each}-current" for each in ("production", "staging")} <= tags.keys()
        )

    assert house.run(scenario) == 0


def test_a_registry_that_is_away_delays_nothing(house: House) -> None:
    house.world.registry.error = RegistryUnreachable("away")

    def scenario() -> None:
        until(lambda: both_proven(house))
        until(lambda: house.serves("production", "1"))

    assert house.run(scenario) == 0


def test_a_gate_in_one_environment_delays_nothing_in_another(house: House) -> None:
    def scenario() -> None:
        until(lambda: both_proven(house))
        # it runs, and is not believed for a long time
        house.push("staging", "2", stability="9m")
        until(lambda: house.serves("staging", "2"))
        house.world.engine.kill("production-web-1")
        until(lambda: house.ended("production", "repaired"))
        house.push("production", "2")
        until(lambda: house.serves("production", "2"))
        assert house.notes.ends.count(("staging", "proven")) == 1, "the gate is open"

    assert house.run(scenario) == 0


def test_a_remote_that_hangs_delays_no_repair(house: House) -> None:
    def scenario() -> None:
        until(lambda: both_proven(house))
        house.answers.clear()
        until(lambda: house.waiting == 1)
        house.world.engine.kill("production-web-1")
        until(lambda: house.ended("production", "repaired"))
        assert house.waiting == 1
        house.answers.set()

    assert house.run(scenario) == 0


def test_a_remote_that_is_away_is_told_and_so_is_its_return(house: House) -> None:
    def scenario() -> None:
        until(lambda: both_proven(house))
        house.world.remote.trouble = RemoteUnreachable("away")
        until(lambda: house.ended("production", "held") and house.ended("staging", "held"))
        house.world.remote.trouble = None
        house.push("production", "2")
        until(lambda: house.serves("production", "2"))

    assert house.run(scenario) == 0
    assert house.notes.events.count("fetch failed") == 1


def test_a_signal_in_a_gate_leaves_the_rollout_to_the_next_start(house: House) -> None:
    house.push("staging", "1", stability="9m")
    assert house.run(lambda: until(lambda: both_serve(house, "1"))) == 0
    assert not house.ended("staging", "proven")
    commit = house.push("staging", "1", stability="20ms")
    assert house.run(lambda: until(lambda: house.ended("staging", "proven"))) == 0
    assert house.world.remote.tip() == commit


class TestReload:
    def test_a_new_environment_is_served_and_an_open_gate_goes_on(self, house: House) -> None:
        house.configure("staging")
        house.push("staging", "1", stability="9m")

        def scenario() -> None:
            until(lambda: house.serves("staging", "1"))
            house.configure("staging", "production")
            house.reload()
            until(lambda: house.ended("production", "proven"))
            house.push("staging", "1", stability="20ms")
            until(lambda: house.ended("staging", "proven"))

        assert house.run(scenario) == 0
        assert house.notes.events.count("reloaded") == 1

    def test_a_configuration_that_is_no_use_disturbs_nobody(self, house: House) -> None:
        def scenario() -> None:
            until(lambda: both_proven(house))
            house.configure(extra="bogus = 1\n")
            house.reload()
            until(lambda: "reload refused: the old configuration stays" in house.notes.events)

        assert house.run(scenario) == 0
        assert house.opened == 1


def test_a_bug_in_one_thread_ends_the_daemon_loudly(house: House) -> None:
    def scenario() -> None:
        until(lambda: both_proven(house))
        house.world.engine.on_call = break_down
        house.world.engine.kill("staging-web-1")
        until(lambda: "a thread failed: the daemon ends" in house.notes.events)

    def break_down(method: str) -> None:
        if method == "start":
            raise ZeroDivisionError("a bug")

    before = threading.active_count()
    with pytest.raises(ZeroDivisionError):
        house.run(scenario)
    assert threading.active_count() == before
    assert house.serves("production", "1")


def test_two_signals_at_once_are_both_heard(house: House) -> None:
    def scenario() -> None:
        until(lambda: both_proven(house))
        house.reload()

    assert house.run(scenario) == 0

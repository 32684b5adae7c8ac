"""A host of fakes with one environment, for tests of whole cycles."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from moorline.adapters.files import HostFileStore
from moorline.adapters.ingress import NoIngress
from moorline.adapters.ingress_port import Ingress
from moorline.agent.config import Config, RepoConfig
from moorline.agent.cycle import Cycle
from moorline.agent.daemon.fetching import PolledFetch
from moorline.agent.durable.ledger import Ledger
from moorline.agent.host import Host
from moorline.agent.outcome import Outcome
from moorline.agent.report import SilentReporter
from moorline.core.image import ImageRef
from moorline.core.records import Summary, summarise
from tests.core.builders import digest
from tests.fakes.engine import FakeEngine, Script
from tests.fakes.host import FakeClock
from tests.fakes.prober import FakeProber
from tests.fakes.registry import FakeRegistry
from tests.fakes.staterepo import FakeRemote, FakeStateRepo

__all__ = ["World"]

PATH = "environments/production.yaml"
HISTORY = "history/production/web-1"


@dataclass
class World:
    """`folder` is where the host keeps its state; everything else is in memory."""

    folder: Path
    engine: FakeEngine = field(default_factory=FakeEngine)
    remote: FakeRemote = field(default_factory=FakeRemote)
    clock: FakeClock = field(default_factory=FakeClock)
    prober: FakeProber = field(default_factory=FakeProber)
    registry: FakeRegistry = field(default_factory=FakeRegistry)
    ingress: Ingress = field(default_factory=NoIngress)
    check_stop: Callable[[], None] = lambda: None
    """Asked between steps and looks; a test has it raise Interrupted."""

    def __post_init__(self) -> None:
        self.config = Config(
            repo=RepoConfig(url="ssh://git.example.test/state.git"),
            environments=("production",),
            host="web-1",
            state_dir=str(self.folder / "state"),
            runtime_dir=str(self.folder / "run"),
            secrets_dir=str(self.folder / "secrets"),
            env_file=str(self.folder / "{environment}.env"),
        )
        self.ledger = Ledger.open(self.config, "production")
        self.engine.now = lambda: self.clock.now().timestamp()
        self.start()

    def start(self) -> None:
        """Start the agent anew: what it has in memory is gone."""
        files = HostFileStore(
            state_dir=Path(self.config.state_dir), runtime_dir=Path(self.config.runtime_dir)
        )
        self.host = Host(
            config=self.config,
            engine=self.engine,
            repo=FakeStateRepo(self.remote, host="web-1"),
            prober=self.prober,
            ingress=self.ingress,
            files=files,
            clock=self.clock,
            reporter=SilentReporter(),
            check_stop=self._check_stop,
        )
        self._events = self.engine.events()
        fetch = PolledFetch(self.host.repo, self.clock, self.host.reporter, interval=0)
        self.cycle = Cycle(self.host, self.ledger, fetch=fetch)

    def _check_stop(self) -> None:
        self.check_stop()

    def image(self, version: str, script: Script | None = None) -> ImageRef:
        """An image in the registry, and how its containers behave."""
        name = f"registry.example/acme/web:{version}"
        image = ImageRef.parse(name).pinned(digest(name))
        self.engine.registry.add(image.pin)
        self.registry.put(image)
        self.engine.scripts[image.pin] = script or Script()
        return image

    def push(self, services: Mapping[str, Mapping[str, object]], **top: object) -> str:
        """One person's commit of the environment file; returns the sha."""
        return self.remote.commit({PATH: yaml.safe_dump({**top, "services": dict(services)})})

    def run(self) -> Outcome:
        """One cycle that looks at everything, after hearing of what happened."""
        while not self._events.queue.empty():
            event = self._events.queue.get()
            if event is not None:
                self.host.incidents.heard(event)
        return self.cycle.run(suspect=lambda _: True)

    def deploy(self, services: Mapping[str, Mapping[str, object]], **top: object) -> str:
        """Push and carry out; returns the sha."""
        commit = self.push(services, **top)
        outcome = self.run()
        assert outcome.word == "proven", outcome
        return commit

    def records(self, kind: str = "deployment") -> list[Summary]:
        """Records on the history branch, oldest first."""
        if HISTORY not in self.remote.branches:
            return []
        paths = self.remote.files(HISTORY)
        found = [summarise(self.remote.show(HISTORY, path).encode()) for path in paths]
        return sorted((each for each in found if each and each.kind == kind), key=lambda s: s.id)

    def record(self, commit: str) -> dict[str, object]:
        """The only deployment record of a commit, whole."""
        found = [
            yaml.safe_load(self.remote.show(HISTORY, path))
            for path in self.remote.files(HISTORY)
            if path.startswith("deployments/") and f"-{commit[:7]}.yaml" in path
        ]
        assert len(found) == 1, found
        return dict(found[0])

    def whole_record(self, identifier: str) -> dict[str, Any]:
        """The deployment record with this id."""
        paths = self.remote.files(HISTORY)
        path = next(each for each in paths if each.endswith(f"/{identifier}.yaml"))
        return dict(yaml.safe_load(self.remote.show(HISTORY, path)))

    def rollbacks(self) -> list[str]:
        """Commits of ours on main, newest first."""
        history = self.remote.ancestry(self.remote.branches["main"])
        return [each.sha for each in history if each.author.startswith("moorline")]

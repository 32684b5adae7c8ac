"""A host for tests of commands: a real state repo; engine, registry and time are fakes."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
import yaml
from click.testing import CliRunner, Result

from moorline.adapters.files import HostFileStore
from moorline.adapters.ingress import NoIngress
from moorline.agent.config import Config, load_config
from moorline.agent.durable.ledger import Ledger
from moorline.agent.host import Host
from moorline.agent.report import Reporter
from moorline.agent.wiring import open_repo
from moorline.cli.app import app
from moorline.cli.context import Ports
from moorline.core.image import ImageRef
from moorline.errors import Interrupted
from tests.core.builders import digest
from tests.fakes.engine import FakeEngine, Script
from tests.fakes.packages import FakePackages
from tests.fakes.prober import FakeProber
from tests.fakes.registry import FakeRegistry
from tests.parts.git import Remote

__all__ = ["FakeClock", "FakeHost"]

_EPOCH = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
NAME = "registry.example/acme/web"


@dataclass(slots=True)
class FakeClock:
    """Time that passes only while somebody waits; `on_wait` is what happens meanwhile."""

    elapsed: float = 0.0
    on_wait: Callable[[], object] | None = None

    def now(self) -> datetime:
        return _EPOCH + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    def wait(self, seconds: float) -> None:
        self.elapsed += seconds
        # once: what happens may itself wait
        happens, self.on_wait = self.on_wait, None
        if happens is not None:
            happens()


@dataclass(slots=True)
class FakeHost:
    """One host with the environment `production`; commands run in this process."""

    folder: Path
    engine: FakeEngine = field(default_factory=FakeEngine)
    registry: FakeRegistry = field(default_factory=FakeRegistry)
    clock: FakeClock = field(default_factory=FakeClock)
    remote: Remote = field(init=False)
    packages: FakePackages = field(init=False)

    def __post_init__(self) -> None:
        self.remote = Remote(self.folder / "state.git")
        self.packages = FakePackages(self.registry)
        self.configure()

    # --- setting it up ---

    @property
    def config_path(self) -> Path:
        return self.folder / "agent.toml"

    @property
    def config(self) -> Config:
        return load_config(self.config_path)

    @property
    def ledger(self) -> Ledger:
        return Ledger.open(self.config, "production")

    def configure(self, *, url: str = "", poll: str = "1s", top: str = "") -> None:
        """Write agent.toml; `top` goes before the first section."""
        self.config_path.write_text(
            'host = "web-1"\nenvironments = ["production", "staging"]\nstate_dir = "state"\n'
            'runtime_dir = "run"\nsecrets_dir = "secrets"\nenv_file = "{environment}.env"\n'
            f'{top}[repo]\nurl = "{url or self.remote.url}"\npoll_interval = "{poll}"\n',
        )

    def image(self, version: str, script: Script | None = None, *, name: str = NAME) -> ImageRef:
        """An image that was pushed, and how its containers behave."""
        image = ImageRef.parse(f"{name}:{version}").pinned(digest(f"{name}:{version}"))
        self.registry.put(image)
        self.engine.registry.add(image.pin)
        self.engine.scripts[image.pin] = script or Script()
        return image

    def bad_image(self, version: str) -> ImageRef:
        """An image that fails its health gate."""
        return self.image(version, Script(behaviour="exits", logs=("cannot go on",)))

    def push(
        self,
        services: Mapping[str, Mapping[str, object] | ImageRef],
        *,
        environment: str = "production",
        message: str = "change",
        **top: object,
    ) -> str:
        """One person's commit of an environment file; returns the sha."""
        bodies = {
            name: {"image": str(each)} if isinstance(each, ImageRef) else dict(each)
            for name, each in services.items()
        }
        text = yaml.safe_dump({"name": environment, **top, "services": bodies}, sort_keys=False)
        return self.remote.commit({f"environments/{environment}.yaml": text}, message)

    def push_past_hooks(self, services: Mapping[str, ImageRef]) -> str:
        """The same to a remote whose hook refuses pushes."""
        hook = self.remote.path / "hooks" / "pre-receive"
        aside = hook.rename(hook.with_suffix(".aside"))
        commit = self.push(services)
        aside.rename(hook)
        return commit

    def file(self, commit: str = "main") -> str:
        """The environment file at a commit or branch."""
        return self.remote.show(commit, "environments/production.yaml")

    # --- running commands ---

    def run(self, *words: str, env: Mapping[str, str] | None = None) -> Result:
        """`moorline WORDS` with this host's configuration and ports."""
        arguments = [*words, "--config", str(self.config_path)]
        try:
            return CliRunner(env=env).invoke(
                app, arguments, obj=self.ports(), prog_name="moorline", env={"NO_COLOR": "1"}
            )
        finally:
            # its log went to a stream that is gone now
            structlog.reset_defaults()

    def run_json(self, *words: str) -> Any:  # noqa: ANN401  (tests look into it freely)
        """The same with --json, as data."""
        return json.loads(self.run(*words, "--json").stdout)

    def ports(self) -> Ports:
        return Ports(
            host=self.host,
            engine=lambda _config: self.engine,
            registry=lambda _config: self.registry,
            packages=lambda _config: lambda _image: self.packages,
            prober=FakeProber,
            clock=lambda _stop: self.clock,
        )

    @contextmanager
    def host(self, config: Config, reporter: Reporter, stop: threading.Event) -> Iterator[Host]:
        """What `open_host` opens, on this host's fakes."""

        def check_stop() -> None:
            if stop.is_set():
                raise Interrupted("told to stop")

        state_dir = Path(config.state_dir)
        repo = open_repo(config, state_dir / "mirror.git")
        files = HostFileStore(state_dir=state_dir, runtime_dir=Path(config.runtime_dir))
        yield Host(
            config=config,
            engine=self.engine,
            repo=repo,
            prober=FakeProber(),
            ingress=NoIngress(),
            files=files,
            clock=self.clock,
            reporter=reporter,
            check_stop=check_stop,
        )
        repo.close()

"""A registry, a remote, a work tree and a daemon, all in one temporary folder."""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from moorline.adapters.probe import SocketProber
from moorline.cli.demo.clean import NAME, clean, write_script
from moorline.cli.demo.failures import until
from moorline.cli.demo.images import REPOSITORIES
from moorline.cli.demo.machine import Machine, free_port
from moorline.cli.demo.person import Person, person_environment
from moorline.cli.demo.processes import Child, run
from moorline.cli.demo.signals import turn_deaf
from moorline.cli.demo.witness import Witness
from moorline.core.image import ImageRef
from moorline.errors import ForeignContainer

__all__ = ["ENVIRONMENT", "SERVICE", "World", "open_world"]

ENVIRONMENT = "moorline-demo"
SERVICE = "web"
HOST = "demo-host"
_INGRESS = f"{ENVIRONMENT}-ingress"
_REGISTRY_PORT = 5000
_PAGE_PORT = 8080
_START = 15.0

_REGISTRY = """version: 0.1
log: {{level: warn, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {storage}}}}}
http: {{addr: "{address}"}}
"""
_AGENT = """host = {host}
environments = [{environment}]
state_dir = "host/state"
runtime_dir = "host/run"
secrets_dir = "host/secrets"
env_file = "host/{{environment}}.env"

[repo]
url = "remote.git"

[engine]
url = {engine}
docker_config = "docker"

[ingress]
image = {ingress}
container = {container}
"""


@dataclass(slots=True)
class World:
    """The stage of one demo. Folders are where a person looks; the rest is in `host/`."""

    folder: Path
    machine: Machine
    env: Mapping[str, str]
    registry: str
    port: int
    children: list[Child] = field(default_factory=list)
    kept: bool = False
    """Whether to leave all of it as it is."""

    @property
    def work(self) -> Path:
        """The person's work tree."""
        return self.folder / "state"

    @property
    def person(self) -> Person:
        """Somebody in that work tree."""
        return Person(self.work, self.env)

    @property
    def witness(self) -> Witness:
        """A look at the remote."""
        return Witness(self.folder / "remote.git", f"history/{ENVIRONMENT}/{HOST}", self.env)

    @property
    def url(self) -> str:
        """Where the page is served."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def path(self) -> str:
        """The environment file in the state repo."""
        return f"environments/{ENVIRONMENT}.yaml"

    def check(self) -> None:
        """Raise Stalled if a program ended by itself."""
        for child in self.children:
            child.check()

    def start_registry(self) -> None:
        """Start a registry, and wait until it answers."""
        words = [str(self.machine.registry), "serve", str(self.folder / "registry.yml")]
        # its settings come from the file alone
        env = {key: value for key, value in os.environ.items() if not key.startswith("REGISTRY_")}
        self.children.append(Child("registry", words, folder=self.folder, env=env))
        prober = SocketProber()

        def answers() -> bool:
            self.check()
            return prober.http(f"http://{self.registry}/v2/", timeout=1).ok

        until(answers, f"the registry answers at {self.registry}", within=_START)

    def configure(self, ingress: ImageRef) -> None:
        """Write the agent's configuration, with the image of its ingress."""
        text = _AGENT.format(
            host=json.dumps(HOST),
            environment=json.dumps(ENVIRONMENT),
            engine=json.dumps(self.machine.engine),
            ingress=json.dumps(str(ingress)),
            container=json.dumps(_INGRESS),
        )
        (self.folder / "agent.toml").write_text(text)

    def start_daemon(self) -> None:
        """Start `moorline run`."""
        words = [sys.executable, "-m", "moorline", "--config", str(self.folder / "agent.toml")]
        child = Child("moorline", [*words, "run"], folder=self.folder, env=self.env)
        self.children.append(child)

    def log(self, lines: int) -> tuple[str, ...]:
        """The last lines of the youngest program's log."""
        return self.children[-1].tail(lines) if self.children else ()


@contextmanager
def open_world(machine: Machine) -> Iterator[World]:
    """Set the stage; everything is removed afterwards, unless `kept` was set."""
    folder = Path(tempfile.mkdtemp(prefix=f"{ENVIRONMENT}-")).resolve()
    registry = f"127.0.0.1:{free_port(_REGISTRY_PORT)}"
    world = World(
        folder=folder,
        machine=machine,
        env=person_environment(folder, machine.engine),
        registry=registry,
        port=free_port(_PAGE_PORT),
    )
    with ExitStack() as cleanup:
        cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
        _refuse_taken_names(world.env)
        script = write_script(
            folder,
            engine=machine.engine,
            environment=ENVIRONMENT,
            images=f"{registry}/{REPOSITORIES}",
        )
        cleanup.callback(clean, script, world.env)
        cleanup.callback(_stop_children, world)
        cleanup.callback(turn_deaf)
        _write_settings(world)
        try:
            yield world
        finally:
            if world.kept:
                cleanup.pop_all()


def _stop_children(world: World) -> None:
    for child in reversed(world.children):
        child.stop()


def _refuse_taken_names(env: Mapping[str, str]) -> None:
    """Containers of that name are somebody's, or an earlier demo's: neither is ours to touch."""
    found: set[str] = set()
    for which in (f"label=com.docker.compose.project={ENVIRONMENT}", f"name=^/{ENVIRONMENT}-"):
        words = ("docker", "ps", "--all", "--filter", which, "--format", "{{.Names}}")
        found.update(run(words, env=env).split())
    if not found:
        return
    scripts = sorted(Path(tempfile.gettempdir()).glob(f"{ENVIRONMENT}-*/{NAME}"))
    mend = (
        f"run 'sh {scripts[-1]}'" if scripts else f"run 'docker rm -f {' '.join(sorted(found))}'"
    )
    raise ForeignContainer(
        f"containers of a project {ENVIRONMENT} are there already: {', '.join(sorted(found))}",
        mend=f"if they are not needed, {mend}",
    )


def _write_settings(world: World) -> None:
    for name in ("docker", "registry"):
        (world.folder / name).mkdir()
    # without credentials, plugins or contexts of the person who watches
    (world.folder / "docker/config.json").write_text("{}\n")
    storage = json.dumps(str(world.folder / "registry"))
    registry = _REGISTRY.format(storage=storage, address=world.registry)
    (world.folder / "registry.yml").write_text(registry)

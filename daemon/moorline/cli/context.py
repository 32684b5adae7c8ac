"""The outside world of a verb: the configuration, and the ports that it asks for."""

import difflib
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from moorline.adapters.files import PlanningFileStore
from moorline.adapters.ingress_port import Ingress
from moorline.adapters.ports import Clock, Engine, Prober
from moorline.adapters.probe import SocketProber
from moorline.adapters.registry_port import Packages, Registry
from moorline.adapters.staterepo_port import StateRepo
from moorline.agent.clock import SystemClock
from moorline.agent.config import Config, load_config
from moorline.agent.host import Host
from moorline.agent.ingress import look_at_ingress
from moorline.agent.report import Reporter, SilentReporter
from moorline.agent.wiring import open_engine, open_host, open_packages, open_registry, open_repo
from moorline.cli.options import config_path
from moorline.cli.output import remark
from moorline.core.image import ImageRef
from moorline.errors import InvalidConfig, MoorlineError, UsageError

__all__ = [
    "Ports",
    "environment_argument",
    "fetch_news",
    "looking",
    "pass_ports",
    "read_config",
    "state_repo",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """How a verb comes by what it needs; a test passes its own as click's `obj`."""

    host: Callable[[Config, Reporter, threading.Event], AbstractContextManager[Host]] = open_host
    engine: Callable[[Config], Engine] = open_engine
    ingress: Callable[[Config], Ingress] = look_at_ingress
    repo: Callable[[Config, Path], StateRepo] = open_repo
    registry: Callable[[Config | None], Registry] = open_registry
    packages: Callable[[Config], Callable[[ImageRef], Packages]] = open_packages
    prober: Callable[[], Prober] = SocketProber
    clock: Callable[[threading.Event], Clock] = SystemClock


pass_ports = click.make_pass_decorator(Ports, ensure=True)


def read_config(environment: str | None = None) -> Config:
    """The configuration that was named; raises UsageError for an environment it does not have."""
    path = config_path()
    config = load_config(path)
    if environment is not None and environment not in config.environments:
        near = difflib.get_close_matches(environment, config.environments, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"they are listed in {path}"
        known = ", ".join(config.environments)
        raise UsageError(
            f"'{environment}' is not an environment of this host ({known})", mend=hint
        )
    return config


def _complete(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    try:
        config = load_config(config_path(ctx))
    except InvalidConfig:
        return []  # whoever presses TAB wants no error message
    return [name for name in config.environments if name.startswith(incomplete)]


def environment_argument(*, required: bool = True) -> Callable[..., Callable[..., object]]:
    """The argument ENV, completed from the configuration."""
    metavar = "ENV" if required else "[ENV]"
    return click.argument(
        "environment", metavar=metavar, required=required, shell_complete=_complete
    )


@contextmanager
def state_repo(config: Config, ports: Ports, *, fetches: bool = True) -> Iterator[StateRepo]:
    """The state repo to look into: the daemon's mirror where that does no harm, else one of our
    own, for as long as it takes.
    """
    mirror = Path(config.state_dir, "mirror.git")
    with ExitStack() as stack:
        if not (_is_ours(mirror) if fetches else os.access(mirror, os.R_OK | os.X_OK)):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="moorline-"))
            mirror = Path(folder, "mirror.git")
        repo = ports.repo(config, mirror)
        stack.callback(repo.close)
        yield repo


def fetch_news(repo: StateRepo) -> None:
    """Bring the news; what was known before is better than nothing. Raises where nothing was."""
    try:
        repo.fetch()
    except MoorlineError as error:
        if repo.tip() is None:
            raise
        remark(f"as of the last fetch: {error}")


def _is_ours(mirror: Path) -> bool:
    # a fetch leaves files behind: root's would be in the way of a daemon that is not root
    return os.access(mirror, os.W_OK) and mirror.stat().st_uid == os.geteuid()


@contextmanager
def looking(config: Config, ports: Ports, *, fetches: bool = True) -> Iterator[Host]:
    """A host to look at and not to act on: nothing is written, nobody is told."""
    with state_repo(config, ports, fetches=fetches) as repo, ExitStack() as stack:
        engine = ports.engine(config)
        stack.callback(engine.close)
        ingress = ports.ingress(config)
        stack.callback(ingress.close)
        yield Host(
            config=config,
            engine=engine,
            repo=repo,
            prober=ports.prober(),
            ingress=ingress,
            files=PlanningFileStore(
                state_dir=Path(config.state_dir), runtime_dir=Path(config.runtime_dir)
            ),
            clock=ports.clock(threading.Event()),
            reporter=SilentReporter(),
            check_stop=lambda: None,
        )

"""What commands about a registry's packages ask, and how far they are."""

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from moorline.agent.clock import stop_check
from moorline.agent.config import Config
from moorline.agent.report import Reporter, SilentReporter
from moorline.agent.retention.offices import Offices, Progress, silent
from moorline.cli.context import Ports, state_repo
from moorline.cli.output import remark

__all__ = ["offices_of", "tell_progress", "to_look_at"]

NEWS = 100
"""A few hundred manifests are read too quickly to tell of each."""


@contextmanager
def offices_of(
    config: Config,
    ports: Ports,
    *,
    reporter: Reporter | None = None,
    stop: threading.Event | None = None,
) -> Iterator[Offices]:
    """Everybody who knows something of packages."""
    told = stop or threading.Event()

    with state_repo(config, ports) as repo, ExitStack() as stack:
        engine = ports.engine(config)
        stack.callback(engine.close)
        registry = ports.registry(config)
        stack.callback(registry.close)
        yield Offices(
            config=config,
            repo=repo,
            registry=registry,
            packages=ports.packages(config),
            engine=engine,
            clock=ports.clock(told),
            reporter=reporter or SilentReporter(),
            check_stop=stop_check(told, "told to stop; the next run goes on with it"),
        )


@contextmanager
def to_look_at(config: Config) -> Iterator[Config]:
    """The same configuration, for a command that leaves caches behind: where the state directory
    is somebody else's they go to a folder that ends with the command.
    """
    if _is_ours(Path(config.state_dir)):
        yield config
        return
    remark(f"{config.state_dir} is not this user's: without what this host remembers")
    with tempfile.TemporaryDirectory(prefix="moorline-") as folder:
        yield msgspec.structs.replace(config, state_dir=folder)


def _is_ours(folder: Path) -> bool:
    # one that is not there yet is made; root's files would be in the way of a daemon
    if not folder.exists():
        return os.access(folder.parent, os.W_OK)
    return folder.stat().st_uid == os.geteuid()


@contextmanager
def tell_progress() -> Iterator[Progress]:
    """On a terminal a live line of how far a survey is; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield silent
        return
    # rich costs a tenth of a second, and only a terminal needs it
    from rich.console import Console  # noqa: PLC0415

    with Console(stderr=True).status("asking the registry") as status:

        def tell(package: str, done: int, total: int) -> None:
            far = f"{done} of {total} manifests" if total else f"{done} versions"
            status.update(f"{package}: {far}")

        yield tell

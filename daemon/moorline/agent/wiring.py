"""From configuration to ports: the one place that names concrete adapters."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from moorline.adapters.engine import DockerEngine
from moorline.adapters.files import HostFileStore
from moorline.adapters.metrics_port import Metrics, NoMetrics
from moorline.adapters.probe import SocketProber
from moorline.adapters.registry_port import Registry
from moorline.adapters.staterepo import GitStateRepo
from moorline.agent.clock import SystemClock
from moorline.agent.config import Config
from moorline.agent.host import Host
from moorline.agent.ingress import open_ingress
from moorline.agent.report import Reporter
from moorline.errors import Interrupted

__all__ = ["open_engine", "open_host", "open_metrics", "open_registry", "open_repo"]


def open_repo(config: Config, mirror: Path) -> GitStateRepo:
    """The configured state repo, mirrored at `mirror`."""
    repo = config.repo
    return GitStateRepo(
        mirror,
        url=repo.url,
        branch=repo.branch,
        host=config.host,
        committer_email=repo.author_email,
        ssh_key=Path(repo.ssh_key) if repo.ssh_key else None,
        known_hosts=Path(repo.known_hosts) if repo.known_hosts else None,
    )


def open_engine(config: Config) -> DockerEngine:
    """The configured engine; it connects on first use."""
    docker_config = config.engine.docker_config
    return DockerEngine(
        config.engine.url, docker_config=Path(docker_config) if docker_config else None
    )


def open_registry(config: Config | None = None) -> Registry:
    """Any registry, with Docker's credentials of this host."""
    # the daemon asks no registry, and httpx takes as long to import as all the rest
    from moorline.adapters.registry import OciRegistry  # noqa: PLC0415

    docker_config = config.engine.docker_config if config else None
    return OciRegistry(docker_config=Path(docker_config) if docker_config else None)


def open_metrics(config: Config) -> Metrics:
    """The configured Prometheus server, if there is one; it connects on first use."""
    if not config.prometheus.url:
        return NoMetrics()
    from moorline.adapters.prometheus import Prometheus  # noqa: PLC0415  (for the same reason)

    return Prometheus(config.prometheus.url)


@contextmanager
def open_host(config: Config, reporter: Reporter, stop: threading.Event) -> Iterator[Host]:
    """Everything that acting on this host needs; `stop` ends waits and leaves rollouts."""
    engine = open_engine(config)
    repo = open_repo(config, Path(config.state_dir, "mirror.git"))
    metrics = open_metrics(config)
    ingress = open_ingress(config, engine)
    try:
        yield Host(
            config=config,
            engine=engine,
            repo=repo,
            prober=SocketProber(),
            ingress=ingress,
            files=HostFileStore(
                state_dir=Path(config.state_dir), runtime_dir=Path(config.runtime_dir)
            ),
            clock=SystemClock(stop),
            reporter=reporter,
            check_stop=_check(stop),
            metrics=metrics,
        )
    finally:
        ingress.close()
        metrics.close()
        repo.close()
        engine.close()


def _check(stop: threading.Event) -> Callable[[], None]:
    def check() -> None:
        if stop.is_set():
            raise Interrupted("told to stop; the next start takes it up again")

    return check

"""From configuration to ports: the one place that names concrete adapters."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from moorline.adapters.engine import DockerEngine
from moorline.adapters.files import HostFileStore
from moorline.adapters.metrics_port import Metrics, NoMetrics
from moorline.adapters.probe import SocketProber
from moorline.adapters.registry_port import Packages, Registry
from moorline.adapters.staterepo import GitStateRepo
from moorline.agent.clock import SystemClock, stop_check
from moorline.agent.config import Config
from moorline.agent.host import Host
from moorline.agent.ingress import open_ingress
from moorline.agent.report import Reporter
from moorline.agent.retention.offices import Offices
from moorline.core.image import ImageRef

__all__ = [
    "open_engine",
    "open_host",
    "open_metrics",
    "open_packages",
    "open_registry",
    "open_repo",
    "open_retention",
]


def open_repo(config: Config, mirror: Path) -> GitStateRepo:
    """The configured state repo, mirrored at `mirror`."""
    repo = config.repo
    return GitStateRepo(
        mirror,
        url=repo.url,
        branch=repo.branch,
        host=config.host,
        committer_email=repo.author_email,
        ssh_key=_path(repo.ssh_key),
        known_hosts=_path(repo.known_hosts),
    )


def open_engine(config: Config) -> DockerEngine:
    """The configured engine; it connects on first use."""
    docker_config = config.engine.docker_config
    return DockerEngine(config.engine.url, docker_config=_path(docker_config))


def open_registry(
    config: Config | None = None, *, wait: Callable[[float], None] | None = None
) -> Registry:
    """Any registry, with Docker's credentials of this host. With `wait`, short waits that a
    registry asks for are waited out.
    """
    # httpx takes as long to import as all the rest
    from moorline.adapters.registry import OciRegistry  # noqa: PLC0415

    if config is None:
        return OciRegistry(wait=wait)
    docker_config, ca_file = config.engine.docker_config, config.registry.ca_file
    return OciRegistry(
        docker_config=_path(docker_config),
        insecure=config.registry.insecure,
        ca_file=_path(ca_file),
        cache=Path(config.state_dir, "cache"),
        wait=wait,
        github=config.github.registry,
    )


def open_packages(
    config: Config, *, wait: Callable[[float], None] | None = None
) -> Callable[[ImageRef], Packages]:
    """What lists and deletes the versions of a repository: GitHub's API for its own registry, the
    registry itself elsewhere.
    """
    from moorline.adapters.ghcr import GhcrPackages, github_token  # noqa: PLC0415  (the same)
    from moorline.adapters.registry import OciPackages  # noqa: PLC0415

    token_file, docker_config = config.github.token_file, config.engine.docker_config
    ca_file = config.registry.ca_file
    github = GhcrPackages(
        api=config.github.api,
        registry=config.github.registry,
        token=lambda: github_token(
            _path(token_file),
            registry=config.github.registry,
            docker_config=_path(docker_config),
        ),
        ca_file=_path(ca_file),
        wait=wait,
    )
    plain = OciPackages(open_registry(config, wait=wait))
    return lambda image: github if image.registry == config.github.registry else plain


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
            check_stop=stop_check(stop, "told to stop; the next start takes it up again"),
            metrics=metrics,
        )
    finally:
        ingress.close()
        metrics.close()
        repo.close()
        engine.close()


def open_retention(host: Host, registry: Registry) -> Offices:
    """What a retention run on this host needs, with everything but its packages from elsewhere."""

    def wait(seconds: float) -> None:
        host.clock.wait(seconds)
        host.check_stop()

    return Offices(
        config=host.config,
        repo=host.repo,
        registry=registry,
        # a listing of a thousand pages is not begun anew for one that was asked to wait
        packages=open_packages(host.config, wait=wait),
        engine=host.engine,
        clock=host.clock,
        reporter=host.reporter,
        check_stop=host.check_stop,
    )


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None

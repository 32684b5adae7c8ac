"""What `/etc/moorline/agent.toml` may hold; `config.py` reads it."""

import socket
from typing import Annotated

import msgspec

from moorline.core.durations import parse_duration

__all__ = [
    "Config",
    "EngineConfig",
    "GithubConfig",
    "ImagesConfig",
    "IngressConfig",
    "PrometheusConfig",
    "RegistryConfig",
    "RepoConfig",
    "RetentionConfig",
]

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
ContainerName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]+$")]
HostName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class RepoConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[repo]`: where desired state comes from."""

    url: str
    """Any git URL; a local path works, and is watched instead of polled."""
    branch: str = "main"
    """The branch that belongs to people."""
    poll_interval: str = "30s"
    """How often a remote is asked for news; every wait is jittered by up to a tenth."""
    ssh_key: str | None = None
    """Private key for ssh URLs; by default what ssh itself would use."""
    known_hosts: str | None = None
    """Host keys that are trusted for ssh URLs; unknown hosts are always refused."""
    author_email: str = "moorline@localhost"
    """The address on commits that the daemon makes; the name is `moorline (<host>)`."""


class EngineConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[engine]`: the Docker Engine to steer."""

    url: str = "unix:///var/run/docker.sock"
    """The engine's socket or address."""
    docker_config: str | None = None
    """Folder with Docker's config.json for registry credentials; default `~/.docker`."""


class ImagesConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[images]`: what stays on this host of the images that moorline pulls."""

    keep: Annotated[int, msgspec.Meta(ge=1)] = 3
    """How many proven images of each service stay for an instant rollback, the present one
    included."""
    min_free_disk: str = "1GiB"
    """What has to be free where the engine keeps its images before one is pulled; `0` switches
    the check off. An engine that is reached over the network is not checked."""


class IngressConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[ingress]`: the HAProxy that brings requests to services with a strategy other than
    `recreate`. Either `image` or `admin_socket` is given; with neither, this host has no ingress.
    """

    image: str = ""
    """Image of HAProxy 2.6 or newer, with its digest: moorline keeps one container of it."""
    container: ContainerName = "moorline-ingress"
    """That container's name."""
    admin_socket: str = ""
    """Socket of an existing HAProxy: `stats socket … level admin expose-fd listeners`."""
    master_socket: str = ""
    """Socket of that HAProxy's master, as it was given with `-S`."""
    config_file: str = ""
    """A file for moorline alone, which that HAProxy reads behind its own (a second `-f`)."""
    check: tuple[str, ...] = ()
    """The command that checks all of that HAProxy's files, with `{file}` for moorline's."""
    certificates_dir: str = "/etc/moorline/certificates"
    """Where `ingress.tls` looks for `<name>.pem`: certificate, chain and key in one file."""


class PrometheusConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[prometheus]`: where the queries of canaries are asked."""

    url: str = ""
    """The server's address, as in `http://127.0.0.1:9090`; without one, no query is asked."""


class RegistryConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[registry]`: how registries are spoken to, and where what is proven gets its tags."""

    tags: tuple[str, ...] = ("*",)
    """Repositories (globs, as in `ghcr.io/acme/*`) whose images are tagged `<environment>-current`
    and `<environment>-rollback-<time>` once proven; `[]` is none. A repository that refuses is an
    error only where it is named here, and is left alone under the default."""
    insecure: tuple[str, ...] = ()
    """Registries (`host:port`) spoken to in plain HTTP; those on this machine always are."""
    ca_file: str | None = None
    """Certificates (PEM) that are trusted for registries besides the system's."""
    check_interval: str = "6h"
    """How often the registry is asked whether it still has what is pinned and what a rollback
    needs; `0s` is never."""


class GithubConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[github]`: the registry whose packages are managed by GitHub's API."""

    registry: str = "ghcr.io"
    """The registry's host (and port)."""
    api: str = "https://api.github.com"
    """The API's address; on GitHub Enterprise Server `https://HOST/api/v3`."""
    token_file: str | None = None
    """A file with the token for that API: a classic one with `read:packages` to look, and
    `delete:packages` for retention. Default: the password that Docker holds for the registry."""


class RetentionConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[retention]`: whether this host runs the retention of `policies/retention.yaml`."""

    run: bool = False
    """Of all hosts of a state repo, let one do it."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file. Relative paths are taken from the folder that the file is in."""

    repo: RepoConfig
    """Where desired state comes from."""
    environments: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1)]
    """Which environments this host runs."""
    host: HostName = msgspec.field(default_factory=socket.gethostname)
    """This host's name in records and history branches; default: the host name."""
    engine: EngineConfig = EngineConfig()
    """The Docker Engine to steer."""
    images: ImagesConfig = ImagesConfig()
    """What stays on this host of the images that moorline pulls."""
    ingress: IngressConfig = IngressConfig()
    """What brings requests to services."""
    prometheus: PrometheusConfig = PrometheusConfig()
    """Where the queries of canaries are asked."""
    registry: RegistryConfig = RegistryConfig()
    """How registries are spoken to, and where what is proven gets its tags."""
    github: GithubConfig = GithubConfig()
    """The registry whose packages are managed by GitHub's API."""
    retention: RetentionConfig = RetentionConfig()
    """Whether this host runs the retention of `policies/retention.yaml`."""
    state_dir: str = "/var/lib/moorline"
    """What must survive: accepted commit, proven state, journal, outbox, mirror."""
    runtime_dir: str = "/run/moorline"
    """What must not: decrypted secrets. Put it on a tmpfs."""
    secrets_dir: str = "/etc/moorline/secrets"
    """Where `external: true` secrets and configs are looked up by name."""
    env_file: str = "/etc/moorline/{environment}.env"
    """Variables for `${…}` in environment files, one file per environment; it may be absent."""

    @property
    def poll_seconds(self) -> float:
        """`repo.poll_interval` in seconds."""
        return parse_duration(self.repo.poll_interval)

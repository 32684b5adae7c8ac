"""The agent's own configuration: `/etc/moorline/agent.toml`, read once and checked as a whole."""

import difflib
import re
import socket
import tomllib
from pathlib import Path
from typing import Annotated

import msgspec

from moorline.core.durations import parse_duration
from moorline.core.image import ImageRef
from moorline.core.sizes import parse_size
from moorline.errors import InvalidConfig

__all__ = [
    "Config",
    "EngineConfig",
    "ImagesConfig",
    "IngressConfig",
    "PrometheusConfig",
    "RepoConfig",
    "load_config",
]

DEFAULT_PATH = Path("/etc/moorline/agent.toml")
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


def load_config(path: Path) -> Config:
    """Read and check the configuration; raises InvalidConfig with the key and the mend."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        mend = "create it, or name another with --config"
        raise InvalidConfig(f"{path} does not exist", mend=mend) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidConfig(f"{path}: {error}") from None
    try:
        config = msgspec.convert(data, Config)
        _check_texts(config)
    except msgspec.ValidationError as error:
        raise InvalidConfig(f"{path}: {_explain(str(error))}") from None
    except ValueError as error:
        raise InvalidConfig(f"{path}: {error}") from None
    return _resolved(config, path.parent.resolve())


def _check_texts(config: Config) -> None:
    """What a type cannot say; raises ValueError with the key."""
    checks = (
        ("repo.poll_interval", config.repo.poll_interval, parse_duration),
        ("images.min_free_disk", config.images.min_free_disk, parse_size),
        ("prometheus.url", config.prometheus.url, _refuse_other_than_http),
    )
    for key, text, parse in checks:
        try:
            parse(text)
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from None
    _check_ingress(config.ingress)


def _check_ingress(ingress: IngressConfig) -> None:
    own = [ingress.admin_socket, ingress.master_socket, ingress.config_file, *ingress.check]
    if ingress.image and any(own):
        raise ValueError("ingress: image is for an HAProxy of moorline's, and the rest for yours")
    if any(own) and not all([*own, ingress.check]):
        raise ValueError("ingress: admin_socket, master_socket, config_file and check go together")
    if ingress.check and not any("{file}" in word for word in ingress.check):
        raise ValueError("ingress.check: one of its words has to be, or contain, {file}")
    if ingress.image:
        _refuse_unpinned(ingress.image)


def _refuse_unpinned(image: str) -> None:
    try:
        digest = ImageRef.parse(image).digest
    except ValueError as error:
        raise ValueError(f"ingress.image: {error}") from None
    if digest is None:
        raise ValueError("ingress.image: add its digest (@sha256:…): a tag can be moved")


def _refuse_other_than_http(url: str) -> None:
    if url and not re.match(r"https?://[^/]", url):
        raise ValueError(f"'{url}' is not an address like http://127.0.0.1:9090")


def _resolved(config: Config, folder: Path) -> Config:
    """The same, with every path absolute."""

    def absolute(text: str) -> str:
        return str(folder / Path(text).expanduser())

    def optional(text: str | None) -> str | None:
        return None if text is None else absolute(text)

    def given(text: str) -> str:
        return absolute(text) if text else ""

    url = config.repo.url
    is_path = "://" not in url and not re.match(r"^[^/]+:", url)
    repo = msgspec.structs.replace(
        config.repo,
        url=absolute(url) if is_path else url,
        ssh_key=optional(config.repo.ssh_key),
        known_hosts=optional(config.repo.known_hosts),
    )
    engine = msgspec.structs.replace(
        config.engine, docker_config=optional(config.engine.docker_config)
    )
    ingress = msgspec.structs.replace(
        config.ingress,
        admin_socket=given(config.ingress.admin_socket),
        master_socket=given(config.ingress.master_socket),
        config_file=given(config.ingress.config_file),
        certificates_dir=absolute(config.ingress.certificates_dir),
    )
    return msgspec.structs.replace(
        config,
        repo=repo,
        engine=engine,
        ingress=ingress,
        state_dir=absolute(config.state_dir),
        runtime_dir=absolute(config.runtime_dir),
        secrets_dir=absolute(config.secrets_dir),
        env_file=absolute(config.env_file),
    )


def _explain(message: str) -> str:
    """The library's words, led by the key and followed by a near miss."""
    reason, _, where = message.partition(" - at `$")
    key = where.rstrip("`").lstrip(".")
    unknown = re.search(r"unknown field `([^`]*)`", reason)
    if unknown is None:
        return f"{key}: {reason}" if key else reason
    known = _fields_at(key)
    near = difflib.get_close_matches(unknown[1], known, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else f"; known are {', '.join(sorted(known))}"
    name = f"{key}.{unknown[1]}" if key else unknown[1]
    return f"{name}: not a setting{hint}"


def _fields_at(key: str) -> list[str]:
    sections: dict[str, type[msgspec.Struct]] = {
        "repo": RepoConfig,
        "engine": EngineConfig,
        "images": ImagesConfig,
        "ingress": IngressConfig,
        "prometheus": PrometheusConfig,
    }
    section = sections.get(key, Config)
    return [each.name for each in msgspec.structs.fields(section)]

"""The agent's own configuration: `/etc/moorline/agent.toml`, read once and checked as a whole."""

import difflib
import re
import socket
import tomllib
from pathlib import Path
from typing import Annotated

import msgspec

from moorline.core.durations import parse_duration
from moorline.errors import InvalidConfig

__all__ = ["Config", "EngineConfig", "RepoConfig", "load_config"]

DEFAULT_PATH = Path("/etc/moorline/agent.toml")
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
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
        parse_duration(config.repo.poll_interval)
    except msgspec.ValidationError as error:
        raise InvalidConfig(f"{path}: {_explain(str(error))}") from None
    except ValueError as error:
        raise InvalidConfig(f"{path}: repo.poll_interval: {error}") from None
    return _resolved(config, path.parent.resolve())


def _resolved(config: Config, folder: Path) -> Config:
    """The same, with every path absolute."""

    def absolute(text: str) -> str:
        return str(folder / Path(text).expanduser())

    def optional(text: str | None) -> str | None:
        return None if text is None else absolute(text)

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
    return msgspec.structs.replace(
        config,
        repo=repo,
        engine=engine,
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
    sections: dict[str, type[msgspec.Struct]] = {"repo": RepoConfig, "engine": EngineConfig}
    section = sections.get(key, Config)
    return [each.name for each in msgspec.structs.fields(section)]

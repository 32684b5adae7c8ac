"""The agent's own configuration: `/etc/moorline/agent.toml`, read once and checked as a whole."""

import difflib
import re
import tomllib
from pathlib import Path

import msgspec

from moorline.agent.config_model import (
    Config,
    EngineConfig,
    GithubConfig,
    ImagesConfig,
    IngressConfig,
    PrometheusConfig,
    RegistryConfig,
    RepoConfig,
    RetentionConfig,
)
from moorline.core.durations import parse_duration
from moorline.core.image import ImageRef
from moorline.core.sizes import parse_size
from moorline.errors import InvalidConfig

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
    "load_config",
]

DEFAULT_PATH = Path("/etc/moorline/agent.toml")


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
        ("registry.check_interval", config.registry.check_interval, parse_duration),
        ("github.api", config.github.api, _refuse_other_than_http),
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
        registry=msgspec.structs.replace(
            config.registry, ca_file=optional(config.registry.ca_file)
        ),
        github=msgspec.structs.replace(
            config.github, token_file=optional(config.github.token_file)
        ),
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
        "registry": RegistryConfig,
        "github": GithubConfig,
        "retention": RetentionConfig,
    }
    section = sections.get(key, Config)
    return [each.name for each in msgspec.structs.fields(section)]

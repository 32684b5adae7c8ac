"""Registry credentials, from where `docker login` keeps them.

Not an adapter of its own: the engine and the registry adapter both ask here, each time anew, since
tokens rotate. Docker's precedence: a helper for the registry (`credHelpers`), then the store
(`credsStore`), then what the file holds itself (`auths`). Where Docker's configuration has
nothing, Podman's is asked: the same format, with keys that may be as narrow as one repository.
"""

import base64
import binascii
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moorline.core.image import DOCKER_HUB
from moorline.errors import AccessDenied, RegistryUnreachable

__all__ = ["Credentials", "credentials_for"]

_DOCKER_HUB_KEY = "https://index.docker.io/v1/"
_DOCKER_HUB_HOSTS = frozenset({"index.docker.io", "registry-1.docker.io"})
_HELPER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_HELPER_TIMEOUT = 30
_NOT_FOUND = "credentials not found"
_TOKEN_USER = "<token>"  # noqa: S105  # what helpers call the user of an identity token


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name with a password, or an identity token to trade for access tokens."""

    username: str
    secret: str = field(repr=False)
    is_identity_token: bool = False


def credentials_for(
    registry: str, *, repository: str = "", docker_config: Path | None = None
) -> Credentials | None:
    """Return what this host holds for `registry`, or for `repository` on it; None is anonymous.

    `docker_config` is the folder of the one config.json to look into; by default it is
    $DOCKER_CONFIG or ~/.docker, then Podman's $REGISTRY_AUTH_FILE or auth.json.
    """
    for path in _files(docker_config):
        found = _look(path, registry, repository)
        if found:
            return found
    return None


def _files(docker_config: Path | None) -> tuple[Path, ...]:
    if docker_config:
        return (docker_config / "config.json",)
    docker = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker", "config.json")
    return docker, _podman_file()


def _podman_file() -> Path:
    named = os.environ.get("REGISTRY_AUTH_FILE")
    if named:
        return Path(named)
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(runtime, "containers") if runtime else Path("/run/containers", str(os.getuid()))
    return folder / "auth.json"


def _look(path: Path, registry: str, repository: str) -> Credentials | None:
    config = _read(path)
    for helper in _helpers(config, registry):
        found = _ask(helper, registry)
        if found:
            return found
    return _stored(config, registry, repository, path)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        config = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise AccessDenied(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise AccessDenied(f"{path}: not valid JSON: {error}", mend="correct the file") from error
    if not isinstance(config, dict):
        raise AccessDenied(f"{path}: not a JSON object", mend="correct the file")
    return config


def _helpers(config: Mapping[str, Any], registry: str) -> Iterator[str]:
    own = _entry(config.get("credHelpers"), registry)
    if own:
        yield str(own)
    if config.get("credsStore"):
        yield str(config["credsStore"])


def _entry(section: object, registry: str, repository: str = "") -> object:
    """Look a registry up: the narrowest key that Podman may have written, then the host's name,
    then the URLs that old clients wrote.
    """
    if not isinstance(section, dict):
        return None
    for key in (*_narrower(registry, repository), _server(registry), registry):
        if section.get(key):
            return section[key]
    return next((value for key, value in section.items() if _host(key) == registry), None)


def _narrower(registry: str, repository: str) -> Iterator[str]:
    path = repository
    while path:
        yield f"{registry}/{path}"
        path = path.rpartition("/")[0]


def _server(registry: str) -> str:
    return _DOCKER_HUB_KEY if registry == DOCKER_HUB else registry


def _host(key: str) -> str:
    """The registry that a key is for; "" for a part of one."""
    address = key.removeprefix("https://").removeprefix("http://")
    host, _, path = address.partition("/")
    if address == key and path.strip("/") not in {"", "v1", "v2"}:
        return ""
    return DOCKER_HUB if host in _DOCKER_HUB_HOSTS else host


def _ask(helper: str, registry: str) -> Credentials | None:
    """Run `docker-credential-<helper> get`, the server on its standard input."""
    if not _HELPER_NAME.fullmatch(helper):
        raise AccessDenied(f"credential helper {helper!r}: not a program's name")
    program = f"docker-credential-{helper}"
    try:
        done = subprocess.run(
            [program, "get"],
            input=_server(registry),
            capture_output=True,
            text=True,
            timeout=_HELPER_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RegistryUnreachable(f"{program}: no answer within {_HELPER_TIMEOUT} s") from error
    except OSError as error:
        raise AccessDenied(
            f"{program}: {error.strerror}", mend="install it, or take it out of config.json"
        ) from error
    if done.returncode == 0:
        return _answer(program, done.stdout)
    if _NOT_FOUND in done.stdout or _NOT_FOUND in done.stderr:
        return None
    # its output is not shown: nobody promises that it is free of secrets
    raise AccessDenied(
        f"{program}: exit code {done.returncode} for {registry}",
        mend=f"try it by hand: echo {_server(registry)} | {program} get",
    )


def _answer(program: str, text: str) -> Credentials:
    try:
        answer = json.loads(text)
        username, secret = str(answer["Username"]), str(answer["Secret"])
    except (ValueError, KeyError, TypeError) as error:
        raise AccessDenied(f"{program}: its answer is not what helpers answer") from error
    return Credentials(username, secret, is_identity_token=username == _TOKEN_USER)


def _stored(
    config: Mapping[str, Any], registry: str, repository: str, path: Path
) -> Credentials | None:
    entry = _entry(config.get("auths"), registry, repository)
    if not isinstance(entry, dict):
        return None
    if entry.get("identitytoken"):
        return Credentials(_TOKEN_USER, str(entry["identitytoken"]), is_identity_token=True)
    if entry.get("auth"):
        return _decoded(str(entry["auth"]), registry, path)
    if entry.get("username"):
        return Credentials(str(entry["username"]), str(entry.get("password", "")))
    return None


def _decoded(auth: str, registry: str, path: Path) -> Credentials:
    try:
        text = base64.b64decode(auth, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    username, colon, secret = text.partition(":")
    if not colon:
        raise AccessDenied(
            f"{path}: auths.{registry}.auth is not base64 of 'user:password'",
            mend=f"run 'docker login {registry}'",
        )
    return Credentials(username, secret.rstrip("\0"))

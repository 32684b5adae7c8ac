"""Short ways to load a file, a service, or what is wrong with either."""

from collections.abc import Mapping
from textwrap import dedent, indent

import pytest

from moorline.core.compose import load
from moorline.core.model import Environment, Service
from moorline.errors import InvalidEnvironment, Problem

DIGEST = f"sha256:{'a' * 64}"
PIN = f"registry.example/app:1@{DIGEST}"
PATH = "environments/production.yaml"
NOTHING: Mapping[str, str] = {}
NO_FILES: Mapping[str, bytes] = {}


def environment(
    text: str,
    *,
    variables: Mapping[str, str] = NOTHING,
    files: Mapping[str, bytes] = NO_FILES,
    path: str = PATH,
) -> Environment:
    """Load a file in which PIN stands for an image."""
    source = dedent(text).replace("PIN", PIN).encode()
    return load(source, path=path, variables=variables, files=files)


def service(
    text: str,
    *,
    variables: Mapping[str, str] = NOTHING,
    files: Mapping[str, bytes] = NO_FILES,
    rest: str = "",
) -> Service:
    """Load a file with one service, `web`, with these keys beside its image."""
    loaded = environment(_with_service(text, rest), variables=variables, files=files)
    return loaded.service("web")


def found(
    source: str | bytes,
    *,
    variables: Mapping[str, str] = NOTHING,
    files: Mapping[str, bytes] = NO_FILES,
    path: str = PATH,
) -> tuple[Problem, ...]:
    """The problems of a file; there must be some."""
    if isinstance(source, str):
        source = dedent(source).replace("PIN", PIN).encode()
    with pytest.raises(InvalidEnvironment) as caught:
        load(source, path=path, variables=variables, files=files)
    return caught.value.problems


def problems(
    text: str,
    *,
    variables: Mapping[str, str] = NOTHING,
    files: Mapping[str, bytes] = NO_FILES,
    path: str = PATH,
) -> list[str]:
    """The problems of a file, as `key: message`."""
    listed = found(text, variables=variables, files=files, path=path)
    return [f"{problem.key}: {problem.message}" for problem in listed]


def service_problems(
    text: str,
    *,
    variables: Mapping[str, str] = NOTHING,
    files: Mapping[str, bytes] = NO_FILES,
    rest: str = "",
) -> list[str]:
    """The problems of a service `web` with these keys, keys counted from it."""
    listed = problems(_with_service(text, rest), variables=variables, files=files)
    return [
        problem.removeprefix("services.web.").removeprefix("services.web") for problem in listed
    ]


def _with_service(text: str, rest: str) -> str:
    body = indent(dedent(text).strip("\n"), "    ")
    return f"services:\n  web:\n    image: PIN\n{body}\n{dedent(rest)}"

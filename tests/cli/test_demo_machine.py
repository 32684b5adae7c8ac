"""What the demo needs of a machine, and what it leaves alone."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from moorline.cli.demo.machine import Machine, free_port, look_around
from moorline.cli.demo.world import ENVIRONMENT
from moorline.errors import MoorlineError

ELF_WITH_LOADER = b"\x7fELF...../lib64/ld-linux-x86-64.so.2"


def programs(folder: Path, scripts: Mapping[str, bytes | str]) -> dict[str, str]:
    """An environment in which exactly these programs are on PATH."""
    for name, content in scripts.items():
        path = folder / name
        path.write_bytes(
            content if isinstance(content, bytes) else f"#!/bin/sh\n{content}".encode()
        )
        path.chmod(0o755)
    return {"PATH": str(folder)}


ALL = {
    "git": "",
    "docker": "echo 27.1",
    "busybox": "",
    "docker-registry": "",
    "haproxy": "",
}
DEAD = "echo 'Cannot connect to the Docker daemon.' >&2; exit 1"
GAPS: list[tuple[str, Mapping[str, bytes | str | None], Mapping[str, str], str]] = [
    ("git", {"git": None}, {}, "git is not on PATH; run 'make setup'"),
    ("docker", {"docker": None}, {}, "docker is not on PATH; run 'make setup'"),
    ("busybox", {"busybox": None}, {}, "busybox is not on PATH; run 'make setup'"),
    (
        "static busybox",
        {"busybox": ELF_WITH_LOADER},
        {},
        (
            "which an image from scratch does not have; install the package busybox-static, "
            "or run 'make setup'"
        ),
    ),
    (
        "registry",
        {},
        {"MOORLINE_DOCKER_REGISTRY": "/nowhere/registry"},
        (
            "no registry to push to: /nowhere/registry is not there; run 'make setup', "
            "or name the program in MOORLINE_DOCKER_REGISTRY"
        ),
    ),
    (
        "HAProxy",
        {},
        {"MOORLINE_HAPROXY": "/nowhere/haproxy"},
        (
            "no HAProxy to make an image of: /nowhere/haproxy is not there; run 'make setup', "
            "or name the program in MOORLINE_HAPROXY"
        ),
    ),
    (
        "engine",
        {"docker": DEAD},
        {},
        (
            "no Docker Engine answers at unix:///var/run/docker.sock (Cannot connect to the "
            "Docker daemon); start Docker, or run 'make setup' as root"
        ),
    ),
    (
        "engine on this machine",
        {},
        {"DOCKER_HOST": "tcp://10.0.0.1:2375"},
        (
            "DOCKER_HOST is tcp://10.0.0.1:2375, and the demo needs an engine on this machine; "
            "unset DOCKER_HOST"
        ),
    ),
]


@pytest.mark.parametrize(
    ("changes", "settings", "expected"), [row[1:] for row in GAPS], ids=[row[0] for row in GAPS]
)
def test_a_missing_part_is_one_line_with_its_mend(
    changes: Mapping[str, bytes | str | None],
    settings: Mapping[str, str],
    expected: str,
    tmp_path: Path,
) -> None:
    there = {name: text for name, text in {**ALL, **changes}.items() if text is not None}
    environ = programs(tmp_path, there) | dict(settings)
    with pytest.raises(MoorlineError) as caught:
        look_around(environ)
    assert str(caught.value).endswith(expected)
    assert "\n" not in str(caught.value)


def test_a_machine_with_every_part_will_do(tmp_path: Path) -> None:
    machine = look_around(programs(tmp_path, ALL))
    assert machine == Machine(
        engine="unix:///var/run/docker.sock",
        engine_version="27.1",
        busybox=tmp_path / "busybox",
        registry=tmp_path / "docker-registry",
        haproxy=tmp_path / "haproxy",
    )


def test_containers_of_that_name_are_left_alone(tmp_path: Path) -> None:
    docker = 'case "$*" in *version*) echo 27.1 ;; ps*) echo moorline-demo-web-1 ;; esac'
    stubs = programs(
        tmp_path, {"docker": docker, "busybox": "", "docker-registry": "", "haproxy": ""}
    )
    environ = {**os.environ, "PATH": f"{stubs['PATH']}:{os.environ['PATH']}"}
    environ["TMPDIR"] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "moorline", "demo"],
        capture_output=True,
        text=True,
        check=False,
        env=environ,
    )
    assert done.returncode == 4
    assert done.stderr == (
        "moorline: containers of a project moorline-demo are there already: moorline-demo-web-1; "
        "if they are not needed, run 'docker rm -f moorline-demo-web-1'\n"
    )
    assert not list(tmp_path.glob(f"{ENVIRONMENT}-*"))


def test_a_port_that_is_taken_is_passed_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert free_port(port) > port

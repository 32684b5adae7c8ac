"""What the demo needs of this machine, looked up once; each gap is one line with its mend."""

import os
import shutil
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from moorline.errors import EngineUnreachable, NotFound, Stalled

__all__ = ["Machine", "free_port", "look_around"]

SETUP = "run 'make setup'"
SOCKET = "unix:///var/run/docker.sock"
_PORTS_TRIED = 100
_ELF_INTERPRETER = b"/ld-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The parts, found and tried."""

    engine: str
    """Address of the engine."""
    engine_version: str
    busybox: Path
    registry: Path
    haproxy: Path


def look_around(environ: Mapping[str, str]) -> Machine:
    """Find every part; raises a Stalled or Transient that says which is missing."""
    for program in ("git", "docker"):
        if shutil.which(program, path=environ.get("PATH")) is None:
            raise NotFound(f"{program} is not on PATH", mend=SETUP)
    engine = environ.get("DOCKER_HOST") or SOCKET
    return Machine(
        busybox=_busybox(environ),
        registry=_registry(environ),
        haproxy=_haproxy(environ),
        engine=engine,
        engine_version=_engine_version(engine, environ),
    )


def free_port(first: int) -> int:
    """A port of 127.0.0.1 that nobody listens on, `first` or one soon after it.

    Not one that the system chooses: it gives those to outgoing connections too, and the page's
    port has to be free again whenever one container takes over from another.
    """
    for port in range(first, first + _PORTS_TRIED):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise Stalled(f"no free port on 127.0.0.1 from {first} to {first + _PORTS_TRIED - 1}")


def _busybox(environ: Mapping[str, str]) -> Path:
    found = shutil.which("busybox", path=environ.get("PATH"))
    if found is None:
        raise NotFound("busybox is not on PATH", mend=SETUP)
    path = Path(found)
    if _is_dynamic(path):
        raise Stalled(
            f"{found} needs shared libraries, which an image from scratch does not have",
            mend="install the package busybox-static, or run 'make setup'",
        )
    return path


def _is_dynamic(program: Path) -> bool:
    # the loader of a dynamic program is named within the first page of the file
    with program.open("rb") as file:
        return _ELF_INTERPRETER in file.read(4096)


def _registry(environ: Mapping[str, str]) -> Path:
    variable = "MOORLINE_DOCKER_REGISTRY"
    on_path = shutil.which("docker-registry", path=environ.get("PATH"))
    found = Path(environ.get(variable) or on_path or _tool("bin/docker-registry"))
    return _program(found, "no registry to push to", variable)


def _haproxy(environ: Mapping[str, str]) -> Path:
    variable = "MOORLINE_HAPROXY"
    on_path = shutil.which("haproxy", path=environ.get("PATH"))
    found = Path(environ.get(variable) or on_path or _tool("haproxy/haproxy"))
    return _program(found, "no HAProxy to make an image of", variable)


def _tool(path: str) -> Path:
    """What 'make setup' unpacked in the checkout."""
    return Path(str(files("moorline"))).parents[1] / ".tools" / path


def _program(found: Path, gap: str, variable: str) -> Path:
    if os.access(found, os.X_OK):
        return found
    raise NotFound(
        f"{gap}: {found} is not there", mend=f"{SETUP}, or name the program in {variable}"
    )


def _engine_version(engine: str, environ: Mapping[str, str]) -> str:
    if not engine.startswith("unix://"):
        raise Stalled(
            f"DOCKER_HOST is {engine}, and the demo needs an engine on this machine",
            mend="unset DOCKER_HOST",
        )
    asked = subprocess.run(
        ["docker", "--host", engine, "version", "--format", "{{.Server.Version}}"],
        capture_output=True,
        text=True,
        check=False,
        env=environ,
    )
    if asked.returncode != 0:
        why = asked.stderr.strip().splitlines() or ["no answer"]
        raise EngineUnreachable(
            f"no Docker Engine answers at {engine} ({why[-1].removesuffix('.')})",
            mend="start Docker, or run 'make setup' as root",
        )
    return asked.stdout.strip()

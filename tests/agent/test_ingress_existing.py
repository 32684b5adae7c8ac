"""An HAProxy that people run: moorline's file is one of two, and the sockets are theirs."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorline.adapters.ingress import NoIngress
from moorline.agent.config import Config, IngressConfig, RepoConfig
from moorline.agent.ingress import look_at_ingress, open_ingress
from moorline.core.traffic import Check, Listener, Route
from moorline.errors import EngineRefused
from tests.fakes.engine import FakeEngine
from tests.parts.haproxy import haproxy_command, short_folder
from tests.parts.processes import until
from tests.parts.sshd import free_port
from tests.parts.webservice import get, serving_versions

OWN = """
global
    stats socket {folder}/theirs.sock mode 600 level admin expose-fd listeners
defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s
frontend theirs
    bind 127.0.0.1:{port}
    http-request return status 200 content-type text/plain string theirs
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as made:
        (made / "state").mkdir()
        yield made


@pytest.fixture
def theirs(folder: Path) -> Iterator[int]:
    """The port of a frontend that is none of moorline's business."""
    port = free_port()
    (folder / "own.cfg").write_text(OWN.format(folder=folder, port=port))
    (folder / "moorline.cfg").write_text("")
    files = ["-f", f"{folder}/own.cfg", "-f", f"{folder}/moorline.cfg"]
    command = [*haproxy_command(), "-W", "-S", f"{folder}/master.sock", *files]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        until((folder / "theirs.sock").exists)
        yield port
        process.terminate()


def config(folder: Path, **settings: object) -> Config:
    command = haproxy_command()
    ingress: dict[str, object] = {
        "admin_socket": f"{folder}/theirs.sock",
        "master_socket": f"{folder}/master.sock",
        "config_file": f"{folder}/moorline.cfg",
        "check": (*command, "-c", "-f", f"{folder}/own.cfg", "-f", "{file}"),
    }
    return Config(
        repo=RepoConfig(url="/nowhere"),
        environments=("production",),
        state_dir=str(folder / "state"),
        ingress=IngressConfig(**{**ingress, **settings}),  # type: ignore[arg-type]
    )


def route(port: int, behind: int) -> Route:
    return Route(
        environment="production",
        service="web",
        listeners=(Listener(host_port=port, container_port=behind),),
        mode="http",
        check=Check(),
    )


def test_routes_stand_beside_what_was_there(folder: Path, theirs: int) -> None:
    ingress = open_ingress(config(folder), FakeEngine())
    port = free_port()
    with serving_versions(free_port(), "ours") as (service,):
        wanted = route(port, service.port)
        ingress.listen(wanted, "blue")
        ingress.enter("production", "web", "blue", container="a" * 64, address=service.address)
        assert get(port) == (200, "ours")
        assert get(theirs) == (200, "theirs")
        seen = look_at_ingress(config(folder)).observe("production")
        assert seen is not None
        assert seen["web"].frontend == wanted.frontend
        ingress.unlisten("production", "web")
    assert get(theirs) == (200, "theirs")


def test_their_port_is_refused(folder: Path, theirs: int) -> None:
    ingress = open_ingress(config(folder), FakeEngine())
    with pytest.raises(EngineRefused, match=str(theirs)):
        ingress.listen(route(theirs, 80), "blue")
    assert get(theirs) == (200, "theirs")


@pytest.mark.usefixtures("theirs")
@pytest.mark.parametrize("check", [("false", "{file}"), ("/nowhere/haproxy", "{file}")])
def test_a_check_that_fails_refuses(folder: Path, check: tuple[str, ...]) -> None:
    ingress = open_ingress(config(folder, check=check), FakeEngine())
    with pytest.raises(EngineRefused):
        ingress.listen(route(free_port(), 80), "blue")
    assert ingress.observe("production") == {}


def test_without_settings_there_is_none(folder: Path) -> None:
    nothing = Config(repo=RepoConfig(url="/nowhere"), environments=("production",))
    assert isinstance(open_ingress(nothing, FakeEngine()), NoIngress)
    assert isinstance(look_at_ingress(nothing), NoIngress)
    assert folder.exists()

"""The ingress as a container of a real engine: made, kept, replaced and never mistaken."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from moorline.adapters.engine import DockerEngine
from moorline.adapters.ingress_port import Ingress
from moorline.agent.config import Config, IngressConfig, RepoConfig
from moorline.agent.ingress import look_at_ingress, open_ingress
from moorline.core.image import Digest, ImageRef
from moorline.core.traffic import Check, Listener, Route
from moorline.errors import EngineRefused, ForeignContainer, IngressUnreachable
from tests.parts.haproxy import haproxy_image, short_folder
from tests.parts.images import remove
from tests.parts.processes import until
from tests.parts.sshd import free_port
from tests.parts.webservice import WebService, get, load, serving_versions

pytestmark = pytest.mark.engine
OLD = "a" * 64


@pytest.fixture(scope="module")
def image(registry: str) -> Iterator[ImageRef]:
    made = haproxy_image(registry)
    yield made
    remove(made)


@dataclass
class Machine:
    """A host with one service, and an ingress of its own on the shared engine."""

    folder: Path
    engine: DockerEngine
    image: ImageRef
    service: WebService
    port: int

    @property
    def container(self) -> str:
        return self.folder.name

    def config(self, **settings: str) -> Config:
        ingress = {"image": str(self.image), "container": self.container, **settings}
        return Config(
            repo=RepoConfig(url="/nowhere"),
            environments=("production",),
            state_dir=str(self.folder),
            ingress=IngressConfig(**ingress),
        )

    def open(self, **settings: str) -> Ingress:
        return open_ingress(self.config(**settings), self.engine)

    def serving(self) -> Ingress:
        ingress = self.open()
        ingress.listen(self.route(), "blue")
        ingress.enter("production", "web", "blue", container=OLD, address=self.service.address)
        return ingress

    def route(self, path: str = "/health") -> Route:
        return Route(
            environment="production",
            service="web",
            listeners=(Listener(host_port=self.port, container_port=self.service.port),),
            mode="http",
            check=Check(path=path),
        )

    def remove(self) -> None:
        names = [self.container, f"{self.container}-next"]
        subprocess.run(["docker", "rm", "--force", *names], capture_output=True, check=False)


@pytest.fixture
def machine(image: ImageRef) -> Iterator[Machine]:
    engine = DockerEngine("unix:///var/run/docker.sock")
    with short_folder() as folder, serving_versions(free_port(), "old") as (service,):
        made = Machine(folder, engine, image, service, free_port())
        try:
            yield made
        finally:
            made.remove()
            engine.close()


def test_the_first_route_brings_the_container(machine: Machine) -> None:
    ingress = machine.open()
    assert ingress.observe("production") == {}
    assert docker("ps", "--all", "--quiet", "--filter", f"name={machine.container}") == ""
    machine.serving()
    assert get(machine.port) == (200, "old")


def test_the_container_may_do_nothing_but_listen(machine: Machine) -> None:
    machine.serving()
    asked = (
        "{{.HostConfig.CapDrop}} {{.HostConfig.CapAdd}} {{.HostConfig.ReadonlyRootfs}}"
        " {{.HostConfig.SecurityOpt}} {{.HostConfig.NetworkMode}} {{.Config.User}}"
        " {{.HostConfig.RestartPolicy.Name}}"
    )
    said = docker("inspect", "--format", asked, machine.container)
    assert (
        said == f"[ALL] [NET_BIND_SERVICE] true [no-new-privileges] host 0:{os.getegid()} always"
    )


def test_an_image_that_is_not_here_is_pulled(machine: Machine) -> None:
    remove(machine.image)
    machine.serving()
    assert get(machine.port) == (200, "old")


def test_a_killed_container_comes_back_as_it_was(machine: Machine) -> None:
    ingress = machine.serving()
    before = ingress.observe("production")
    docker("kill", machine.container)
    assert ingress.observe("production") == before
    assert get(machine.port) == (200, "old")


def test_a_removed_container_comes_back_as_it_was(machine: Machine) -> None:
    ingress = machine.serving()
    before = ingress.observe("production")
    docker("rm", "--force", machine.container)
    assert ingress.observe("production") == before
    assert get(machine.port) == (200, "old")


def test_a_crash_inside_is_the_engine_s_to_mend(machine: Machine) -> None:
    machine.serving()
    pid = int(docker("inspect", "--format", "{{.State.Pid}}", machine.container))
    os.kill(pid, 9)
    until(lambda: answers(machine), within=20)


def answers(machine: Machine) -> bool:
    try:
        return get(machine.port) == (200, "old")
    except OSError:
        return False


def test_a_changed_image_replaces_it_without_a_lost_request(
    machine: Machine, registry: str
) -> None:
    machine.serving()
    before = docker("inspect", "--format", "{{.Id}}", machine.container)
    changed = haproxy_image(registry, version="2")
    with load(machine.port, keep_alive=False) as seen:
        until(lambda: seen.total > 100)
        ingress = machine.open(image=str(changed))
        assert [each.container for each in servers(ingress)] == [OLD]
        least = seen.total + 100
        until(lambda: seen.total > least)
    assert seen.failures == []
    assert docker("inspect", "--format", "{{.Id}}", machine.container) != before
    assert docker("ps", "--all", "--quiet", "--filter", f"name={machine.container}-next") == ""
    ingress.listen(machine.route("/"), "green")
    assert get(machine.port) == (200, "old")
    remove(changed)


def servers(ingress: Ingress) -> list[object]:
    found = ingress.observe("production")
    assert found is not None
    return list(found["web"].servers)


def test_a_replacement_that_was_left_half_way_is_finished(machine: Machine, registry: str) -> None:
    machine.serving()
    changed = haproxy_image(registry, version="2")
    machine.open(image=str(changed)).observe("production")
    docker("rename", machine.container, f"{machine.container}-next")
    assert len(servers(machine.open(image=str(changed)))) == 1
    assert docker("inspect", "--format", "{{.State.Running}}", machine.container) == "true"
    remove(changed)


def test_an_image_that_is_no_haproxy_leaves_the_old_one(machine: Machine, registry: str) -> None:
    machine.serving()
    wrong = ImageRef.parse(f"{registry}/moorline-test/haproxy:1").pinned(
        Digest(f"sha256:{'0' * 64}")
    )
    with pytest.raises(Exception, match="sha256:0000"):
        machine.open(image=str(wrong)).observe("production")
    assert get(machine.port) == (200, "old")


def test_a_bad_file_is_refused_with_haproxy_s_words(machine: Machine) -> None:
    ingress = machine.serving()
    certificates = machine.folder / "certificates"
    certificates.mkdir()
    (certificates / "shop.pem").write_text("nonsense")
    listener = Listener(host_port=free_port(), container_port=1, certificate="shop")
    wanted = Route(
        environment="production",
        service="other",
        listeners=(listener,),
        mode="http",
        check=Check(),
    )
    ingress = machine.open(certificates_dir=str(certificates))
    with pytest.raises(EngineRefused, match=r"shop-.*\.pem"):
        ingress.listen(wanted, "blue")
    assert get(machine.port) == (200, "old")


def test_another_s_container_is_left_alone(machine: Machine) -> None:
    docker("create", "--name", machine.container, "moorline-test/registry:2")
    with pytest.raises(ForeignContainer, match=machine.container):
        machine.open().listen(machine.route(), "blue")


def test_who_only_looks_starts_nothing(machine: Machine) -> None:
    machine.serving()
    docker("stop", machine.container)
    with pytest.raises(IngressUnreachable):
        look_at_ingress(machine.config()).observe("production")
    assert docker("inspect", "--format", "{{.State.Running}}", machine.container) == "false"


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()

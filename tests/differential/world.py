"""One engine on which a case comes to be twice: through Docker Compose, and through moorline."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import docker
from docker.errors import APIError, NotFound

from moorline.core import compose
from moorline.core.container import create_body, endpoints, network_body, volume_body
from moorline.core.desired import start_order
from moorline.core.model import Environment, FileSource, Service
from tests.differential.cases import FOLDER, PIN, VARIABLES, Case
from tests.differential.inspection import inspect
from tests.parts.images import build

_TOOLS = Path(__file__).parents[2] / ".tools/docker-compose"
_SERVICE = "com.docker.compose.service"
_NUMBER = "com.docker.compose.container-number"
_PROJECT = "com.docker.compose.project"


class RepositoryFiles(Mapping[str, bytes]):
    """The cases' folder as the repository around `environments/<project>.yaml`."""

    def __getitem__(self, path: str) -> bytes:
        try:
            return (FOLDER / path.removeprefix("environments/")).read_bytes()
        except OSError:
            raise KeyError(path) from None

    def __iter__(self) -> Iterator[str]:
        raise TypeError("looked up by name only")

    def __len__(self) -> int:
        raise TypeError("looked up by name only")


def load(case: Case, project: str, folder: str) -> Environment:
    """Read a case as moorline does."""
    return compose.load(
        case.written(image=PIN, project=project, folder=folder).encode(),
        path=f"environments/{project}.yaml",
        variables=VARIABLES,
        files=RepositoryFiles(),
    )


def compose_command() -> list[str] | None:
    """How Docker Compose v2 is called here; None where there is none."""
    if _TOOLS.exists():
        return [str(_TOOLS)]
    # by its path, since a user's plugins are not found with the configuration that we give it
    listed = '{{range .ClientInfo.Plugins}}{{if eq .Name "compose"}}{{.Path}}{{end}}{{end}}'
    command = ["docker", "info", "--format", listed]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [done.stdout.strip()] if done.stdout.strip() else None


@dataclass
class World:
    """An engine, an image on it, and a folder of the host."""

    client: docker.APIClient
    image: str
    folder: str
    compose: list[str] | None
    token: str = field(default_factory=lambda: uuid4().hex[:8])

    def made_with(self) -> dict[str, str]:
        """What a recording depends on."""
        assert self.compose
        version = [*self.compose, "version", "--short"]
        done = subprocess.run(version, capture_output=True, text=True, check=True)
        return {
            "compose": done.stdout.strip(),
            "api": self.client.version()["ApiVersion"],
        }

    def by_compose(self, case: Case) -> dict[str, Any]:
        """What Docker Compose makes of a case."""
        with self._project(case) as (project, environment):
            self._run_compose(case, project)
            return self._seen(project, environment)

    def by_moorline(self, case: Case) -> dict[str, Any]:
        """What moorline makes of a case."""
        with self._project(case) as (project, environment), TemporaryDirectory() as delivered:
            for network in environment.networks:
                if not network.external:
                    body = network_body(environment, network, labels={})
                    self._post("/networks/create", {**body, "Name": network.name})
            for volume in environment.volumes:
                if not volume.external:
                    body = volume_body(environment, volume, labels={})
                    self._post("/volumes/create", {**body, "Name": volume.name})
            owners: dict[str, str] = {}
            for service in start_order(environment.services):
                mounts = _deliver(environment, service, Path(delivered))
                for number in range(1, service.replicas + 1):
                    self._create(environment, service, number, owners, mounts)
            return self._seen(project, environment, delivered)

    def _create(
        self,
        environment: Environment,
        service: Service,
        number: int,
        owners: dict[str, str],
        mounts: list[dict[str, Any]],
    ) -> None:
        labels = {_PROJECT: environment.name, _SERVICE: service.name, _NUMBER: str(number)}
        shares = {key: f"container:{owners[name]}" for key, name in service.shares.items()}
        body = dict(create_body(environment, service, labels=labels, shares=shares, mounts=mounts))
        # a digest that nobody pushed cannot be created from
        body["Image"] = self.image
        name = service.container_name or f"{environment.name}-{service.name}-{number}"
        # the engine takes the platform as a parameter
        platform = {"platform": body.pop("Platform")} if "Platform" in body else {}
        created = self._post("/containers/create", body, {"name": name, **platform})
        owners.setdefault(service.name, created["Id"])
        for network, endpoint in endpoints(environment, service, number=number)[1:]:
            connection = {"Container": created["Id"], "EndpointConfig": endpoint}
            self._post(f"/networks/{network}/connect", connection)

    def _seen(self, project: str, environment: Environment, delivered: str = "") -> dict[str, Any]:
        targets = [file.target for service in environment.services for file in service.files]
        found = json.dumps(inspect(self.client, project, targets), sort_keys=True)
        places = ((project, "PROJECT"), (self.image, "IMAGE"), (self.folder, "FOLDER"))
        for value, placeholder in (*places, (str(FOLDER), "CASES"), (delivered, "DELIVERED")):
            found = found.replace(value, placeholder) if value else found
        result: dict[str, Any] = json.loads(found)
        return result

    def _run_compose(self, case: Case, project: str) -> None:
        assert self.compose
        file = Path(self.folder, "compose.yaml")
        file.write_text(case.written(image=self.image, project=project, folder=self.folder))
        place = [
            "--project-directory",
            str(FOLDER),
            "--project-name",
            project,
            "--file",
            str(file),
        ]
        done = subprocess.run(
            [*self.compose, *place, "create"],
            env=VARIABLES | _plain_environment(self.folder),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{case.name}: {done.stderr}"

    @contextmanager
    def _project(self, case: Case) -> Iterator[tuple[str, Environment]]:
        """A name of its own for a case, with everything of that name gone before and after."""
        project = f"moorline-test-{self.token}-{case.name}"
        environment = load(case, project, self.folder)
        self._sweep(project)
        try:
            self._create_external(project, environment)
            yield project, environment
        finally:
            self._sweep(project)

    def _create_external(self, project: str, environment: Environment) -> None:
        for network in environment.networks:
            if network.external:
                self.client.create_network(network.name, labels={"moorline.test": project})
        for volume in environment.volumes:
            if volume.external:
                self.client.create_volume(volume.name, labels={"moorline.test": project})

    def _sweep(self, project: str) -> None:
        for label in (f"{_PROJECT}={project}", f"moorline.test={project}"):
            chosen = {"label": label}
            for container in self.client.containers(all=True, filters=chosen):
                self.client.remove_container(container["Id"], force=True, v=True)
            for network in self.client.networks(filters=chosen):
                self.client.remove_network(network["Id"])
            for volume in self.client.volumes(filters=chosen)["Volumes"] or []:
                self.client.remove_volume(volume["Name"])

    def _post(
        self, path: str, body: Mapping[str, Any], params: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        client = self.client
        url = client._url("{0}", path).replace("%2F", "/")
        response = client._post_json(url, data=body, params=params)
        client._raise_for_status(response)
        return dict(response.json()) if response.content else {}


def _plain_environment(folder: str) -> dict[str, str]:
    """No proxies of a user's configuration: Compose would put them into each container."""
    kept = ("PATH", "HOME", "DOCKER_HOST")
    return {"DOCKER_CONFIG": folder} | {
        name: os.environ[name] for name in kept if name in os.environ
    }


def _deliver(environment: Environment, service: Service, folder: Path) -> list[dict[str, Any]]:
    """Secrets and configs as bind mounts of files on the host."""
    sources = {(source.kind, source.key): source for source in environment.files}
    return [
        {
            "Type": "bind",
            "Source": _host_path(sources[file.kind, file.source], folder),
            "Target": file.target,
            "ReadOnly": True,
        }
        for file in service.files
    ]


def _host_path(source: FileSource, folder: Path) -> str:
    if source.origin == "repository":
        return str(FOLDER / source.value.removeprefix("environments/"))
    path = folder / f"{source.kind}-{source.key}"
    path.write_text(source.value)
    return str(path)


@contextmanager
def engine() -> Iterator[World]:
    """An engine with the image that every case runs."""
    client = docker.APIClient(version="auto", timeout=60)
    image = f"moorline-test/differential:{uuid4().hex[:8]}"
    build(image)
    try:
        with TemporaryDirectory(prefix="moorline-test-") as folder:
            yield World(client, image, folder, compose_command())
    finally:
        with suppress(APIError, NotFound):
            client.remove_image(image, force=True)
        client.close()

"""The other side of each comparison: bare engine calls, Compose, and a person at a shell."""

import subprocess
from pathlib import Path

import docker

from moorline.core.image import ImageRef
from tests.bench.measure import pause_until, serving

__all__ = ["Bare", "compose"]

ROOT = Path(__file__).parents[2]
PORT = 3000


class Bare:
    """Engine calls and nothing else, on one container with one published port, or with none."""

    def __init__(self, name: str, port: int | None = None) -> None:
        self.name = name
        self.port = port
        self.api = docker.APIClient()
        self.network = f"{name}-net"
        self.api.create_network(self.network, driver="bridge")

    def create(self, image: ImageRef, suffix: str = "") -> str:
        body = {
            "Image": str(image),
            "ExposedPorts": {f"{PORT}/tcp": {}},
            # as on our side: the probe comes from outside, and no check runs beside it
            "Healthcheck": {"Test": ["NONE"]},
            "HostConfig": {"NetworkMode": self.network, **self._published()},
            "NetworkingConfig": {"EndpointsConfig": {self.network: {}}},
        }
        created = self.api.create_container_from_config(body, name=f"{self.name}{suffix}")
        return str(created["Id"])

    def deploy(self, image: ImageRef, version: str) -> str:
        """Create, start, first healthy probe."""
        container = self.create(image, f"-{version}")
        self.api.start(container)
        self.probe(version, container)
        return container

    def replace(self, old: str, image: ImageRef, version: str) -> str:
        """Create, stop, start, first healthy probe: what a fixed port costs at least."""
        container = self.create(image, f"-{version}")
        self.api.stop(old, timeout=10)
        self.api.start(container)
        self.probe(version)
        return container

    def switch_back(self, new: str, old: str, version: str) -> None:
        """Stop one, start the other."""
        self.api.stop(new, timeout=10)
        self.api.start(old)
        self.probe(version)

    def probe(self, version: str, container: str = "") -> None:
        """Wait for the first answer: of the port, or of the container where none is published."""
        port = self.port or PORT
        host = "127.0.0.1" if self.port else self._address(container)
        pause_until(lambda: serving(port, "/", f"version={version}", host=host))

    def remove(self, container: str) -> None:
        self.api.remove_container(container, force=True)

    def _published(self) -> dict[str, object]:
        if self.port is None:
            return {}
        return {"PortBindings": {f"{PORT}/tcp": [{"HostPort": str(self.port)}]}}

    def _address(self, container: str) -> str:
        networks = self.api.inspect_container(container)["NetworkSettings"]["Networks"]
        return str(networks[self.network]["IPAddress"])

    def close(self) -> None:
        for found in self.api.containers(all=True, filters={"name": self.name}):
            self.remove(found["Id"])
        self.api.remove_network(self.network)
        self.api.close()


def compose() -> list[str]:
    """The command line of Docker Compose v2."""
    plugin = ROOT / ".tools" / "docker-compose"
    if plugin.exists():
        return [str(plugin)]
    subprocess.run(["docker", "compose", "version"], check=True, capture_output=True)
    return ["docker", "compose"]

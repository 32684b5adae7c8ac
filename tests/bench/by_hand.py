"""The other side of each comparison: bare engine calls, Compose, and a person at a shell."""

import subprocess
from pathlib import Path

import docker

from moorline.core.image import ImageRef
from tests.bench.measure import pause_until, serving

__all__ = ["Bare", "compose"]

ROOT = Path(__file__).parents[2]


class Bare:
    """Engine calls and nothing else, on one container with one published port."""

    def __init__(self, name: str, port: int) -> None:
        self.name = name
        self.port = port
        self.api = docker.APIClient()
        self.network = f"{name}-net"
        self.api.create_network(self.network, driver="bridge")

    def create(self, image: ImageRef, suffix: str = "") -> str:
        body = {
            "Image": str(image),
            "ExposedPorts": {"3000/tcp": {}},
            # as on our side: the probe comes from outside, and no check runs beside it
            "Healthcheck": {"Test": ["NONE"]},
            "HostConfig": {
                "PortBindings": {"3000/tcp": [{"HostPort": str(self.port)}]},
                "NetworkMode": self.network,
            },
            "NetworkingConfig": {"EndpointsConfig": {self.network: {}}},
        }
        created = self.api.create_container_from_config(body, name=f"{self.name}{suffix}")
        return str(created["Id"])

    def deploy(self, image: ImageRef, version: str) -> str:
        """Create, start, first healthy probe."""
        container = self.create(image, f"-{version}")
        self.api.start(container)
        self.probe(version)
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

    def probe(self, version: str) -> None:
        pause_until(lambda: serving(self.port, "/", f"version={version}"))

    def remove(self, container: str) -> None:
        self.api.remove_container(container, force=True)

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

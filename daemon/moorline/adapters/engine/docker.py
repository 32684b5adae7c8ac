"""The Engine port on a Docker Engine."""

import math
import re
from collections.abc import Callable, Collection
from pathlib import Path

from docker import APIClient
from docker.errors import NotFound as Absent

from moorline.adapters.engine import reading
from moorline.adapters.engine.client import SILENCE, Connection, post
from moorline.adapters.engine.events import subscribe
from moorline.adapters.engine.failures import forgiven
from moorline.adapters.engine.hooks import run_hook
from moorline.adapters.engine.images import disk_space, local_images
from moorline.adapters.engine.pulling import pull
from moorline.adapters.ports import DiskSpace, EngineInfo, EventStream, PullProgress
from moorline.core.image import ImageRef
from moorline.core.images import HostImage
from moorline.core.model import Hook, Inspection, ObservedContainer, ObservedEnvironment
from moorline.core.values import JsonObject
from moorline.errors import Conflict, EngineRefused, NotFound

__all__ = ["DockerEngine"]


_HALF_STARTED = re.compile(r"task [0-9a-f]{64}:? already exists|\bid already in use")
"""How containerd says that it has a container by that id: its task, or what comes before one."""
_ENDED = frozenset({"exited", "dead"})
"""What a container is that ended by itself, or with the engine; see rule 5 of `client`."""


class DockerEngine:
    """One Docker Engine; see the port `Engine`. Thread-safe; constructing it connects to nothing.

    Every call is bounded in time: `timeout` between bytes of an answer, `pull_idle` between lines
    of a pull's progress, `hook_limit` for a whole hook, `events_idle` between events, where the
    stream ends and is to be opened anew.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 60,
        docker_config: Path | None = None,
        pull_idle: float = 120,
        hook_limit: float = 600,
        events_idle: float = SILENCE,
    ) -> None:
        self._url = url
        self._connection = Connection(url, timeout=timeout, silence=events_idle)
        self._docker_config = docker_config
        self._pull_idle = pull_idle
        self._hook_limit = hook_limit

    def close(self) -> None:
        """Let go of all connections; a later call opens new ones."""
        self._connection.close()

    # --- looking --------------------------------------------------------------------------------

    def info(self) -> EngineInfo:
        with self._connection.use("calls", "asking the engine for its version") as client:
            about = client.info()
            return EngineInfo(
                version=about["ServerVersion"],
                api=client.api_version,
                live_restore=about["LiveRestoreEnabled"],
                storage_driver=about["Driver"],
            )

    def observe(self, project: str, pins: Collection[str]) -> ObservedEnvironment:
        with self._connection.use("calls", f"observing {project}") as client:
            filters = {"label": [reading.project_filter(project)]}
            networks = client.networks()
            entries = client.containers(all=True, filters=filters)
            containers = reading.containers(entries, networks)
            if any(each.state in _ENDED for each in containers):
                self._connection.confirm(f"observing {project}")
            return ObservedEnvironment(
                containers=containers,
                networks=reading.networks(networks),
                volumes=reading.volumes(client.volumes()["Volumes"] or ()),
                images=_images(client, pins, containers),
            )

    def inspect(self, container: str) -> Inspection:
        with self._connection.use("calls", f"inspecting {container}") as client:
            found = reading.inspection(client.inspect_container(container))
        if found.state in _ENDED:
            self._connection.confirm(f"inspecting {container}")
        return found

    def logs(self, container: str, *, lines: int) -> tuple[str, ...]:
        with self._connection.use("calls", f"reading the logs of {container}") as client:
            text = client.logs(container, tail=lines).decode(errors="replace")
        found = [line.rstrip("\r") for line in text.removesuffix("\n").split("\n")]
        return tuple(found[-lines:]) if text else ()

    def events(self) -> EventStream:
        with self._connection.use("events", "subscribing to the engine's events") as client:
            return subscribe(client)

    # --- images, networks, volumes --------------------------------------------------------------

    def pull(
        self, image: ImageRef, report: Callable[[PullProgress], None], *, platform: str = ""
    ) -> None:
        pull(
            self._connection,
            image,
            report,
            platform=platform,
            docker_config=self._docker_config,
            idle=self._pull_idle,
        )
        with self._connection.use("calls", f"checking {image}") as client:
            if not _present(client, image.pin):
                raise NotFound(
                    f"pulling {image}: the engine reports success, yet has no {image.pin}"
                )

    def local_images(self) -> tuple[HostImage, ...]:
        with self._connection.use("calls", "listing images") as client:
            return local_images(client)

    def tag_image(self, image: str, tag: str) -> None:
        repository, _, word = tag.rpartition(":")
        with self._connection.use("calls", f"tagging {image} as {tag}") as client:
            client.tag(image, repository, word)

    def remove_image_name(self, name: str) -> None:
        with self._connection.use("calls", f"removing {name}") as client, forgiven(status=404):
            # without its parents: they may be somebody's who built on them
            client.remove_image(name, noprune=True)

    def disk_space(self) -> DiskSpace | None:
        with self._connection.use("calls", "asking the engine for its disk") as client:
            return disk_space(self._url, client)

    def create_network(self, name: str, body: JsonObject) -> None:
        with self._connection.use("calls", f"creating network {name}") as client:
            # without the check, old engines make a second network of the same name
            post(client, "/networks/create", {**body, "Name": name, "CheckDuplicate": True})

    def remove_network(self, name: str) -> None:
        with (
            self._connection.use("calls", f"removing network {name}") as client,
            forgiven(status=404),
        ):
            client.remove_network(name)

    def create_volume(self, name: str, body: JsonObject) -> None:
        with self._connection.use("calls", f"creating volume {name}") as client:
            post(client, "/volumes/create", {**body, "Name": name})

    # --- containers -----------------------------------------------------------------------------

    def create_container(self, name: str, body: JsonObject) -> str:
        with self._connection.use("calls", f"creating {name}") as client:
            request = dict(body)
            params = {"name": name, "platform": str(request.pop("Platform", ""))}
            created = post(client, "/containers/create", request, params=params)
            return str(created.json()["Id"])

    def start(self, container: str) -> None:
        try:
            with self._connection.use("calls", f"starting {container}") as client:
                client.start(container)
        except EngineRefused as refusal:
            if not _HALF_STARTED.search(refusal.message):
                raise
            # its own death cut an earlier start off, and no start or stop gets past what is left
            self.remove(container)
            raise Conflict(f"{refusal.message}; made anew") from None

    def stop(self, container: str, *, grace: float) -> None:
        with (
            self._connection.use("calls", f"stopping {container}") as client,
            forgiven(status=404),
        ):
            client.stop(container, timeout=math.ceil(grace))

    def remove(self, container: str) -> None:
        with (
            self._connection.use("calls", f"removing {container}") as client,
            forgiven("is already in progress", status=404),
        ):
            client.remove_container(container, force=True)

    def rename(self, container: str, name: str) -> None:
        with (
            self._connection.use("calls", f"renaming {container} to {name}") as client,
            forgiven("the same name as its current name"),
        ):
            client.rename(container, name)

    def unpause(self, container: str) -> None:
        with (
            self._connection.use("calls", f"unpausing {container}") as client,
            forgiven("is not paused"),
        ):
            client.unpause(container)

    def set_restart_policy(self, container: str, policy: JsonObject) -> None:
        with self._connection.use("calls", f"setting the restart policy of {container}") as client:
            post(client, f"/containers/{container}/update", {"RestartPolicy": policy})

    def connect(self, network: str, container: str, endpoint: JsonObject) -> None:
        body: JsonObject = {"Container": container, "EndpointConfig": endpoint}
        with (
            self._connection.use("calls", f"connecting {container} to {network}") as client,
            forgiven("already exists in network"),
        ):
            post(client, f"/networks/{network}/connect", body)

    def disconnect(self, network: str, container: str) -> None:
        with (
            self._connection.use("calls", f"disconnecting {container} from {network}") as client,
            forgiven("is not connected to", status=404),
        ):
            client.disconnect_container_from_network(container, network, force=True)

    def run_hook(self, container: str, hook: Hook) -> tuple[int, str]:
        with self._connection.use("hooks", f"running {hook.command[0]} in {container}") as client:
            return run_hook(client, container, hook, limit=self._hook_limit)


def _images(
    client: APIClient, pins: Collection[str], containers: Collection[ObservedContainer]
) -> frozenset[str]:
    """Return the pins on the host.

    One in use by a running container needs no look: the engine does not let go of it, while a
    stopped container keeps the layers only, not the reference.
    """
    in_use = {container.pin for container in containers if container.state == "running"}
    return frozenset(pin for pin in set(pins) if pin in in_use or _present(client, pin))


def _present(client: APIClient, pin: str) -> bool:
    try:
        client.inspect_image(pin)  # type: ignore[no-untyped-call]  # a gap in the stub
    except Absent:
        return False
    return True

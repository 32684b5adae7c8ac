"""An engine in memory, with the rules of the real one; both pass the same contract test.

What a test sets up:   images, registry, scripts, hook_results (public attributes)
What it can break:     fail_next(), unreachable, on_call
What hands do to it:   kill(), pause(), update(), and the port's own methods
What it does itself:   crash(), turn()
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Any

from moorline.adapters.engine import reading
from moorline.adapters.ports import DiskSpace, EngineEvent, EngineInfo, PullProgress
from moorline.core.image import ImageRef
from moorline.core.images import HostImage
from moorline.core.model import Hook, Inspection, ObservedEnvironment
from moorline.core.values import JsonObject
from moorline.errors import Conflict, EngineRefused, EngineUnreachable, MoorlineError, NotFound
from tests.fakes.engine_container import Behaviour, FakeContainer, Script

__all__ = ["FakeEngine", "Script"]

PREDEFINED = ("bridge", "host", "none")


class FakeEventStream:
    """Events of a FakeEngine since the subscription."""

    def __init__(self) -> None:
        self.queue: SimpleQueue[EngineEvent | None] = SimpleQueue()

    def __iter__(self) -> Iterator[EngineEvent]:
        while (event := self.queue.get()) is not None:
            yield event

    def close(self) -> None:
        self.queue.put(None)


class FakeEngine:
    """See the port `Engine`."""

    def __init__(
        self,
        *,
        registry: Collection[str] = (),
        scripts: Mapping[str, Script] | None = None,
    ) -> None:
        self.registry = set(registry)
        """Pins that can be pulled."""
        self.images: set[str] = set()
        """Pins on the host. Pins of one digest name one image."""
        self.tags: dict[str, str] = {}
        """Tag → id of the image that it names."""
        self.disk: DiskSpace | None = None
        self.scripts = dict(scripts or {})
        """Pin → how its containers behave; one that is not listed just runs."""
        self.hook_results: dict[tuple[str, ...], tuple[int, str]] = {}
        """Hook command → what it answers; others answer (0, "")."""
        self.unreachable = False
        self.on_call: Callable[[str], None] = lambda _method: None
        """Called with the method's name before each call takes effect; may raise anything."""
        self.now: Callable[[], float] = lambda: 0.0
        """The wall clock of its events, in seconds."""
        self.calls: list[str] = []
        """For looking at when a test fails; tests assert state instead."""
        self.containers: dict[str, FakeContainer] = {}
        self.networks: dict[str, JsonObject] = {name: {} for name in PREDEFINED}
        self.volumes: dict[str, JsonObject] = {}
        self._failures: dict[str, list[tuple[MoorlineError, bool]]] = defaultdict(list)
        self._streams: list[FakeEventStream] = []
        self._made = 0
        self._lock = threading.RLock()

    # --- what a test does to it -----------------------------------------------------------------

    def fail_next(self, method: str, error: MoorlineError, *, after_effect: bool = False) -> None:
        """Let the next call of `method` fail; `after_effect` is an answer that got lost."""
        self._failures[method].append((error, after_effect))

    def running(self) -> list[str]:
        """Names of the containers that are up, sorted."""
        return sorted(each.name for each in self.containers.values() if each.up)

    def kill(self, container: str, *, exit_code: int = 137, oom: bool = False) -> None:
        """End its process as `docker kill` does: no restart policy applies."""
        with self._lock:
            found = self._find(container)
            found.oom_killed = oom
            self._emit("oom" if oom else "kill", found)
            self._die(found, exit_code)

    def crash(self, container: str, *, exit_code: int = 3, oom: bool = False) -> None:
        """End its process from within: the restart policy applies, at once."""
        with self._lock:
            found = self._find(container)
            found.oom_killed = oom
            if oom:
                self._emit("oom", found)
            self._die(found, exit_code)
            policy = (found.host_config.get("RestartPolicy") or {}).get("Name") or "no"
            if policy != "no":
                found.state = "running"
                found.restart_count += 1
                self._emit("start", found)

    def turn(self, container: str, behaviour: Behaviour) -> None:
        """Have it behave in another way from now on, also after another start."""
        with self._lock:
            found = self._find(container)
            found.script = replace(found.script, behaviour=behaviour, after=0)
            self._emit(f"health_status: {behaviour}", found)

    def pause(self, container: str) -> None:
        """Pause by hand."""
        with self._lock:
            found = self._find(container)
            found.state = "paused"
            self._emit("pause", found)

    def update(self, container: str, host_config: Mapping[str, Any]) -> None:
        """Change limits or policy by hand, as `docker update` does."""
        with self._lock:
            found = self._find(container)
            found.host_config.update(host_config)
            self._emit("update", found)

    def end_events(self) -> None:
        """End every subscription, as an engine that restarts does."""
        for stream in self._streams:
            stream.close()
        self._streams.clear()

    # --- the port -------------------------------------------------------------------------------

    def close(self) -> None:
        """Nothing to let go of."""

    # --- the port: looking ----------------------------------------------------------------------

    def info(self) -> EngineInfo:
        with self._call("info"):
            return EngineInfo(
                version="20.10.24", api="1.41", live_restore=False, storage_driver="overlay2"
            )

    def observe(self, project: str, pins: Collection[str]) -> ObservedEnvironment:
        with self._call("observe", project):
            entries = [self._look(each).entry() for each in self.containers.values()]
            label, _, value = reading.project_filter(project).partition("=")
            return ObservedEnvironment(
                containers=reading.containers(
                    (entry for entry in entries if entry["Labels"].get(label) == value),
                    # endpoints here go with their network: none is left of an older one
                    (),
                ),
                networks=reading.networks(_named(self.networks)),
                volumes=reading.volumes(_named(self.volumes)),
                images=frozenset(pins) & self.images,
            )

    def inspect(self, container: str) -> Inspection:
        with self._call("inspect", container):
            return reading.inspection(self._look(self._find(container)).answer())

    def logs(self, container: str, *, lines: int) -> tuple[str, ...]:
        with self._call("logs", container):
            found = self._find(container)
            return found.script.logs[-lines:] if found.started else ()

    def events(self) -> FakeEventStream:
        with self._call("events"):
            self._streams.append(FakeEventStream())
            return self._streams[-1]

    # --- the port: images, networks, volumes ----------------------------------------------------

    def pull(
        self, image: ImageRef, report: Callable[[PullProgress], None], *, platform: str = ""
    ) -> None:
        assert not platform or "/" in platform
        with self._call("pull", image.pin):
            if image.pin not in self.registry:
                raise NotFound(f"pulling {image}: manifest unknown")
            report(PullProgress(layer="0123456789ab", status="Downloading", current=1, total=2))
            report(PullProgress(layer="0123456789ab", status="Pull complete"))
            self.images.add(image.pin)

    def local_images(self) -> tuple[HostImage, ...]:
        with self._call("local_images"):
            found = sorted({*map(_image_id, self.images), *self.tags.values()})
            return tuple(self._image(each) for each in found)

    def tag_image(self, image: str, tag: str) -> None:
        with self._call("tag_image", image, tag):
            if image not in {*map(_image_id, self.images), *self.tags.values()}:
                raise NotFound(f"tagging {image} as {tag}: No such image")
            self.tags[tag] = image

    def remove_image_name(self, name: str) -> None:
        with self._call("remove_image_name", name):
            named = _image_id(name) if name in self.images else self.tags.get(name)
            if named is None:
                return
            image = self._image(named)
            if image.in_use and len(image.pins) + len(image.tags) == 1:
                raise Conflict(f"removing {name}: a container is using its referenced image")
            self.images.discard(name)
            if self.tags.pop(name, None):
                self._drop_pins_without_tags(name.rpartition(":")[0], image)

    def disk_space(self) -> DiskSpace | None:
        with self._call("disk_space"):
            return self.disk

    def create_network(self, name: str, body: JsonObject) -> None:
        with self._call("create_network", name):
            if name in self.networks:
                raise Conflict(f"creating network {name}: already exists")
            self.networks[name] = body

    def remove_network(self, name: str) -> None:
        with self._call("remove_network", name):
            if any(name in each.endpoints and each.up for each in self.containers.values()):
                raise EngineRefused(f"removing network {name}: has active endpoints")
            if self.networks.pop(name, None) is not None:
                self._emit_network("destroy", name)

    def create_volume(self, name: str, body: JsonObject) -> None:
        with self._call("create_volume", name):
            self.volumes.setdefault(name, body)

    # --- the port: containers -------------------------------------------------------------------

    def create_container(self, name: str, body: JsonObject) -> str:
        with self._call("create_container", name):
            self._refuse_taken(name, f"creating {name}")
            request: Mapping[str, Any] = body
            image = ImageRef.parse(request["Image"])
            if image.pin not in self.images:
                raise NotFound(f"creating {name}: No such image: {image}")
            self._made += 1
            container = FakeContainer(
                id=f"{self._made:064x}",
                name=name,
                body=request,
                script=self.scripts.get(image.pin, Script()),
                host_config=dict(request.get("HostConfig") or {}),
                endpoints=_first_endpoints(request),
            )
            self.containers[container.id] = container
            for volume in container.volumes().values():
                self.volumes.setdefault(volume, {})
            return container.id

    def start(self, container: str) -> None:
        with self._call("start", container):
            found = self._find(container)
            if found.state == "paused":
                raise Conflict(f"starting {container}: cannot start a paused container")
            if found.up:
                return
            self._refuse_missing_network(found)
            self._refuse_held_ports(found)
            found.state, found.error, found.exit_code = "running", "", 0
            found.started, found.looks, found.oom_killed = True, 0, False
            found.started_at = datetime.fromtimestamp(self.now(), UTC).isoformat()
            self._emit("start", found)

    def stop(self, container: str, *, grace: float) -> None:
        with self._call("stop", container, f"grace={grace:g}"):
            found = self._resolve(container)
            if found and (found.up or found.state == "restarting"):
                self._emit("kill", found)
                self._die(found, 0)
                self._emit("stop", found)

    def remove(self, container: str) -> None:
        with self._call("remove", container):
            found = self._resolve(container)
            if found is None:
                return
            if found.up:
                self._emit("kill", found)
                self._die(found, 137)
            del self.containers[found.id]
            self._emit("destroy", found)

    def rename(self, container: str, name: str) -> None:
        with self._call("rename", container, name):
            found = self._find(container)
            if found.name == name:
                return
            self._refuse_taken(name, f"renaming {container}")
            found.name = name
            self._emit("rename", found)

    def unpause(self, container: str) -> None:
        with self._call("unpause", container):
            found = self._find(container)
            if found.state == "paused":
                found.state = "running"
                self._emit("unpause", found)

    def set_restart_policy(self, container: str, policy: JsonObject) -> None:
        with self._call("set_restart_policy", container, str(policy.get("Name"))):
            self.update(container, {"RestartPolicy": policy})

    def connect(self, network: str, container: str, endpoint: JsonObject) -> None:
        with self._call("connect", network, container):
            found = self._find(container)
            # for one that is not up, the engine only takes a note, and the start fails
            if found.up and network not in self.networks:
                raise NotFound(f"connecting {container} to {network}: network {network} not found")
            if network not in found.endpoints:
                found.endpoints[network] = endpoint
                self._emit_network("connect", network, found.id)

    def disconnect(self, network: str, container: str) -> None:
        with self._call("disconnect", network, container):
            found = self._resolve(container)
            if found and found.endpoints.pop(network, None) is not None:
                self._emit_network("disconnect", network, found.id)

    def run_hook(self, container: str, hook: Hook) -> tuple[int, str]:
        with self._call("run_hook", container, *hook.command):
            found = self._find(container)
            if not found.up:
                raise Conflict(f"running {hook.command[0]} in {container}: it is not running")
            return self.hook_results.get(hook.command, (0, ""))

    # --- the rules ------------------------------------------------------------------------------

    @contextmanager
    def _call(self, method: str, *arguments: str) -> Iterator[None]:
        with self._lock:
            self.calls.append(" ".join((method, *arguments)))
            self.on_call(method)
            if self.unreachable:
                raise EngineUnreachable(f"{method}: the Docker Engine does not answer")
            planned = self._failures[method]
            error, after_effect = planned.pop(0) if planned else (None, False)
            if error and not after_effect:
                raise error
            yield
            if error:
                raise error

    def _look(self, container: FakeContainer) -> FakeContainer:
        """Let time pass for one container: its script may end it, its policy start it again."""
        alive = container.state in {"running", "restarting"}
        container.looks += 1
        if not alive or container.script.behaviour != "exits":
            return container
        if container.looks > container.script.after:
            self._die(container, container.script.exit_code)
            if container.restarts:
                container.state = "restarting"
                container.restart_count += 1
        return container

    def _die(self, container: FakeContainer, exit_code: int) -> None:
        container.state, container.exit_code = "exited", exit_code
        self._emit("die", container)

    def _image(self, image: str) -> HostImage:
        users = (each for each in self.containers.values() if _image_id(each.image) == image)
        return HostImage(
            id=image,
            pins=frozenset(pin for pin in self.images if _image_id(pin) == image),
            tags=frozenset(tag for tag, tagged in self.tags.items() if tagged == image),
            size=1,
            in_use=any(users),
        )

    def _drop_pins_without_tags(self, repository: str, image: HostImage) -> None:
        """The last tag of a repository takes the digests of the same repository along."""
        if not any(tag.startswith(f"{repository}:") for tag in self._image(image.id).tags):
            self.images -= {pin for pin in image.pins if pin.startswith(f"{repository}@")}

    def _refuse_taken(self, name: str, what: str) -> None:
        if any(each.name == name for each in self.containers.values()):
            raise Conflict(f"{what}: the name {name} is already in use")

    def _refuse_missing_network(self, container: FakeContainer) -> None:
        for network in container.endpoints:
            if network not in self.networks:
                raise NotFound(f"starting {container.name}: network {network} not found")
        mode = str(container.host_config.get("NetworkMode") or "")
        if mode.startswith("container:") and not self._find(mode.partition(":")[2]).up:
            raise Conflict(f"starting {container.name}: cannot join network of a non running one")

    def _refuse_held_ports(self, container: FakeContainer) -> None:
        for other in self.containers.values():
            if other is not container and other.up and other.ports & container.ports:
                container.exit_code, container.error = 128, "port is already allocated"
                raise EngineRefused(
                    f"starting {container.name}: port is already allocated",
                    mend="stop what holds the port, or publish another one",
                )

    def _resolve(self, container: str) -> FakeContainer | None:
        if container in self.containers:
            return self.containers[container]
        named = (each for each in self.containers.values() if each.name == container)
        return next(named, None)

    def _find(self, container: str) -> FakeContainer:
        found = self._resolve(container)
        if found is None:
            raise NotFound(f"No such container: {container}")
        return found

    def _emit(self, action: str, container: FakeContainer) -> None:
        if container.project:
            self._publish(
                EngineEvent(
                    kind="container",
                    action=action,
                    id=container.id,
                    name=container.name,
                    project=container.project,
                    at=self.now(),
                )
            )

    def _emit_network(self, action: str, name: str, container: str = "") -> None:
        self._publish(
            EngineEvent(kind="network", action=action, id=container or name, name=name, project="")
        )

    def _publish(self, event: EngineEvent) -> None:
        for stream in self._streams:
            stream.queue.put(event)


def _image_id(pin: str) -> str:
    return pin.rpartition("@")[2]


def _first_endpoints(request: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    mode = str((request.get("HostConfig") or {}).get("NetworkMode") or "default")
    if mode.startswith("container:"):
        return {}
    given = (request.get("NetworkingConfig") or {}).get("EndpointsConfig") or {}
    return dict(given) or {"bridge" if mode == "default" else mode: {}}


def _named(bodies: Mapping[str, JsonObject]) -> list[JsonObject]:
    return [{"Name": name, "Labels": body.get("Labels")} for name, body in bodies.items()]

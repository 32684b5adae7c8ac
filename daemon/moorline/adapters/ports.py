"""What the agent needs of the world, as Protocols.

Adapters perform I/O and decide nothing. Each raises only errors of `moorline.errors`: a
`Transient` where trying again may help, a `Stalled` where it cannot. Each Protocol has a fake in
`tests/fakes/` and one contract test that the fake and the real thing both pass.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from moorline.core.desired import StoredFile
from moorline.core.image import ImageRef
from moorline.core.images import HostImage
from moorline.core.model import FileMount, Hook, Inspection, ObservedEnvironment
from moorline.core.values import JsonObject

__all__ = [
    "Clock",
    "DiskSpace",
    "Engine",
    "EngineEvent",
    "EngineInfo",
    "EventStream",
    "FileStore",
    "ProbeResult",
    "Prober",
    "PullProgress",
]


# --- the engine ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PullProgress:
    """One layer's progress. `total` is 0 while unknown; both are bytes."""

    layer: str
    status: str
    current: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineInfo:
    """Versions as the engine reports them; `api` is the one that was negotiated."""

    version: str
    api: str
    live_restore: bool
    storage_driver: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineEvent:
    """A hint to look again: what happened to which container or network.

    `id` is the container's, also where a network was attached to it or detached. `at` is seconds
    of the engine's wall clock.
    """

    kind: Literal["container", "network"]
    action: str
    id: str
    name: str
    project: str
    at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskSpace:
    """How many bytes are free where the engine keeps its images."""

    path: str
    free: int


class EventStream(Protocol):
    """A running subscription. Iterating ends without an error when the engine goes away."""

    def __iter__(self) -> Iterator[EngineEvent]: ...

    def close(self) -> None:
        """End the iteration, from any thread."""
        ...


class Engine(Protocol):
    """One Docker Engine. Containers are named by id or by name."""

    def info(self) -> EngineInfo:
        """Versions and settings; raises EngineUnreachable or AccessDenied."""
        ...

    def observe(self, project: str, pins: Collection[str]) -> ObservedEnvironment:
        """Take one snapshot: one container list call, plus one look for each pin not in use."""
        ...

    def inspect(self, container: str) -> Inspection:
        """Inspect one container; raises NotFound."""
        ...

    def logs(self, container: str, *, lines: int) -> tuple[str, ...]:
        """The last `lines` lines of both streams, undecodable bytes replaced."""
        ...

    def pull(
        self, image: ImageRef, report: Callable[[PullProgress], None], *, platform: str = ""
    ) -> None:
        """Pull by digest; credentials are read afresh from Docker's configuration.

        `platform` is `os/architecture[/variant]`; empty means the host's own.
        """
        ...

    def local_images(self) -> tuple[HostImage, ...]:
        """All images of the host that are more than a layer of another, sorted by id."""
        ...

    def tag_image(self, image: str, tag: str) -> None:
        """Give an image (by id) one more name; raises NotFound."""
        ...

    def remove_image_name(self, name: str) -> None:
        """Take one name (`name:tag` or `name@digest`) away, never by force; with its last name
        the image goes. One that is gone is fine; the last name of an image that a container uses
        raises Conflict.
        """
        ...

    def disk_space(self) -> DiskSpace | None:
        """Where the engine keeps its images; None where that is not a disk of this machine."""
        ...

    def create_network(self, name: str, body: JsonObject) -> None:
        """Create a network (body: create request without Name)."""
        ...

    def remove_network(self, name: str) -> None:
        """Remove a network; one that is gone already is fine."""
        ...

    def create_volume(self, name: str, body: JsonObject) -> None:
        """Create a volume (body: create request without Name)."""
        ...

    def create_container(self, name: str, body: JsonObject) -> str:
        """Create and return the id; a taken name raises Conflict. The image must be there.

        `body` is the create request; its key `Platform` (which the API takes beside the request)
        may name the image's platform.
        """
        ...

    def start(self, container: str) -> None:
        """Start; one that runs already is fine."""
        ...

    def stop(self, container: str, *, grace: float) -> None:
        """Stop within `grace` seconds, then kill; one that is stopped or gone is fine."""
        ...

    def remove(self, container: str) -> None:
        """Remove, running or not, keeping its volumes; one that is gone is fine."""
        ...

    def rename(self, container: str, name: str) -> None:
        """Rename; its own name is fine, a taken one raises Conflict."""
        ...

    def unpause(self, container: str) -> None:
        """Unpause; one that is not paused is fine."""
        ...

    def set_restart_policy(self, container: str, policy: JsonObject) -> None:
        """Change the restart policy in place."""
        ...

    def connect(self, network: str, container: str, endpoint: JsonObject) -> None:
        """Attach a network (endpoint: EndpointSettings); attached already is fine."""
        ...

    def disconnect(self, network: str, container: str) -> None:
        """Detach a network by force; not attached is fine."""
        ...

    def run_hook(self, container: str, hook: Hook) -> tuple[int, str]:
        """Run a command inside; returns its exit code and its output's last 4 KiB."""
        ...

    def events(self) -> EventStream:
        """Subscribe to what may be drift (health, exec and pull noise filtered by the engine)."""
        ...

    def close(self) -> None:
        """Let go of all connections."""
        ...


# --- the host ------------------------------------------------------------------------------------


class FileStore(Protocol):
    """Keeps the contents of secrets and configs where containers can mount them."""

    def read_host(self, path: str) -> bytes:
        """A regular file of the host, at most 1 MiB; raises NotFound or AccessDenied."""
        ...

    def store(self, environment: str, mount: FileMount, content: bytes) -> StoredFile:
        """Write once per content and ownership; the same input gives the same path."""
        ...

    def sweep(self, environment: str, in_use: Collection[str]) -> None:
        """Remove an environment's stored files that are not among the paths `in_use`."""
        ...


class Clock(Protocol):
    """Time, and the only place to wait."""

    def now(self) -> datetime:
        """Wall time, UTC: for records."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump: for deadlines."""
        ...

    def wait(self, seconds: float) -> None:
        """Return after `seconds`, or at once when the daemon is to stop."""
        ...


# --- probes -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """What one outside probe saw. `detail` is for people: a status line or an error."""

    ok: bool
    detail: str


class Prober(Protocol):
    """Looks at a service from outside its container."""

    def http(self, url: str, *, timeout: float) -> ProbeResult:
        """GET; 2xx and 3xx are well."""
        ...

    def tcp(self, address: str, *, timeout: float) -> ProbeResult:
        """Connect to `host:port`."""
        ...

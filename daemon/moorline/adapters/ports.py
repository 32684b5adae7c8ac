"""What the agent needs of the world, as Protocols.

Adapters perform I/O and decide nothing. Each raises only errors of `moorline.errors`: a
`Transient` where trying again may help, a `Stalled` where it cannot. Each Protocol has a fake in
`tests/fakes/` and one contract test that the fake and the real thing both pass.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from moorline.core.desired import StoredFile
from moorline.core.image import ImageRef
from moorline.core.images import HostImage
from moorline.core.model import FileMount, Hook, Inspection, ObservedEnvironment
from moorline.core.values import JsonObject

__all__ = [
    "Blob",
    "Clock",
    "Commit",
    "DiskSpace",
    "Engine",
    "EngineEvent",
    "EngineInfo",
    "EventStream",
    "FileChange",
    "FileStore",
    "HistoryEntry",
    "ProbeResult",
    "Prober",
    "PullProgress",
    "Relation",
    "StateRepo",
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


# --- the state repo -----------------------------------------------------------------------------

Relation = Literal["same", "ahead", "behind", "diverged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A regular file at a commit."""

    oid: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit. `trailers` come from the message's last block only; `at` is ISO 8601, UTC."""

    sha: str
    author: str
    at: str
    subject: str
    trailers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One record file of a history branch."""

    branch: str
    path: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """What one commit did to one file. `at` is the committer's time, seconds since the epoch;
    `old` and `new` are blob oids, "" where there was or is no file.
    """

    commit: str
    at: float
    path: str
    old: str
    new: str


class StateRepo(Protocol):
    """The state repo as one host sees it: a mirror that is read at commits, and pushes."""

    def fetch(self) -> str:
        """Fetch branch and history; returns the branch's tip. The only call that needs a network
        besides the three that write.
        """
        ...

    def tip(self) -> str | None:
        """The branch's tip as of the last fetch; None before the first."""
        ...

    def relation(self, accepted: str, tip: str) -> Relation:
        """How `tip` stands to `accepted`: ahead is a fast-forward, behind an old state."""
        ...

    def read(self, commit: str, path: str) -> Blob | None:
        """One file; None where there is none. Raises Stalled for a symlink, submodule or
        executable, and for more than 1 MiB.
        """
        ...

    def paths(self, commit: str, folder: str) -> tuple[str, ...]:
        """Paths of the files directly in `folder`, sorted."""
        ...

    def last_change(self, commit: str, path: str) -> Commit | None:
        """The newest commit at or before `commit` that changed `path`."""
        ...

    def log(self, commit: str, path: str, *, limit: int) -> Sequence[Commit]:
        """Commits that changed `path`, newest first."""
        ...

    def commit(self, sha: str) -> Commit:
        """One commit; raises NotFound."""
        ...

    def expand(self, text: str) -> str | None:
        """The full sha of a commit reachable from the branch; None where there is none."""
        ...

    def replace(self, path: str, data: bytes, *, expected: str, message: str) -> str:
        """Commit one file onto the remote's branch and push, returning the sha.

        A compare-and-swap on the blob: if the file there is no longer `expected` (a blob oid),
        raises Conflict and pushes nothing. Other people's commits to other files are rebased on.
        Raises AccessDenied where the branch is protected.
        """
        ...

    def propose(self, branch: str, path: str, data: bytes, *, message: str) -> str:
        """Push the same commit to a branch of its own instead; returns the sha."""
        ...

    def append(self, branch: str, files: Mapping[str, bytes], *, message: str) -> str | None:
        """Add record files to a history branch and push; None where all were there already."""
        ...

    def history(self, prefix: str, *, limit: int) -> Sequence[HistoryEntry]:
        """Record files of all branches below `history/<prefix>`, newest id first."""
        ...

    def history_tips(self) -> Mapping[str, str]:
        """Every history branch and its tip, as of the last fetch."""
        ...

    def changes(self, commit: str, folder: str) -> Sequence[FileChange]:
        """Every change of a file below `folder` in the whole history of `commit`, merges against
        each parent, newest first. Raises Stalled where the history is shallow: what cannot be
        seen must not count as empty.
        """
        ...

    def files(self, commit: str, folder: str) -> Sequence[tuple[str, str]]:
        """Path and blob oid of everything below `folder`, however deep and of whatever mode;
        submodules have no blob and are left out.
        """
        ...

    def blobs(self, oids: Collection[str], *, skip_large: bool = False) -> Mapping[str, bytes]:
        """The contents of these blobs; raises Stalled where one is missing, or is larger than
        1 MiB (`skip_large` leaves those out instead).
        """
        ...

    def close(self) -> None:
        """End helper processes."""
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

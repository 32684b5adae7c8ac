"""The verbs of moving traffic from one version to another, and of the jobs around it."""

from dataclasses import dataclass

from moorline.core.action_base import OnContainer, Reasoned
from moorline.core.image import ImageRef
from moorline.core.strategy import ALL
from moorline.core.traffic import Track

__all__ = [
    "AdvanceCanary",
    "Await",
    "Enter",
    "Gate",
    "Leave",
    "Listen",
    "RemoveJob",
    "RunJob",
    "Shift",
    "Unlisten",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _OnService(Reasoned):
    service: str

    @property
    def subject(self) -> str:
        return self.service


@dataclass(frozen=True, slots=True, kw_only=True)
class Await(OnContainer):
    """Wait until one container is healthy."""

    verb = "await"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate(_OnService):
    """Hold a service against its health gate before it gets any traffic."""

    verb = "gate"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunJob(_OnService):
    """Run a one-shot container to its end. `target` is its name, the same at every attempt."""

    verb = "job"
    job: str
    target: str
    image: ImageRef
    networks: tuple[tuple[str, str], ...] = ()
    """(key, engine name) of every network the file has."""
    shares: tuple[tuple[str, str], ...] = ()
    """(HostConfig key, target of the container whose namespace it joins)."""

    @property
    def detail(self) -> str:
        return self.job


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveJob(_OnService):
    """Remove the container of a job that has ended; `target` is its name."""

    verb = "remove"
    job: str
    target: str

    @property
    def detail(self) -> str:
        return self.job


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen(_OnService):
    """Have the ingress listen as the file says, with `track` checked as this version asks."""

    verb = "listen"
    track: Track
    ports: tuple[str, ...]

    @property
    def detail(self) -> str:
        return ",".join(self.ports)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlisten(_OnService):
    """Have the ingress let go of a service's ports."""

    verb = "unlisten"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enter(OnContainer):
    """Put a running container on a track, at the address that it has then."""

    verb = "enter"
    track: Track

    @property
    def detail(self) -> str:
        return self.track


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave(OnContainer):
    """Let a container's sessions end, for `drain_timeout` seconds at most, and take it off."""

    verb = "leave"
    drain_timeout: float

    @property
    def subject(self) -> str:
        # one that is gone is known by the ingress alone, which knows no numbers
        return f"{self.service} #{self.number}" if self.number else self.service


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift(_OnService):
    """Give all new requests to one track."""

    verb = "shift"
    track: Track

    @property
    def detail(self) -> str:
        return f"all to {self.track}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvanceCanary(_OnService):
    """Give a track its next share of requests, once the present one has shown enough."""

    verb = "canary"
    track: Track
    shares: tuple[int, ...]

    @property
    def detail(self) -> str:
        steps = ", ".join(f"{100 * share / ALL:g} %" for share in self.shares)
        return f"{steps} to {self.track}"

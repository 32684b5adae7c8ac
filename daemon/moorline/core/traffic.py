"""Traffic: how requests from outside reach a service, and which of two versions gets them.

Each service behind the ingress has one *route*: its listeners on the host, and two *tracks*, blue
and green, each with the containers of one version behind it. A share says how much of the traffic
goes to green; nothing else decides. Which track a version is on is read from the containers that
are on it, and never remembered: whoever lost everything can rebuild it from labels.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal, TypeAlias

from moorline.core.strategy import ALL
from moorline.core.values import fingerprint

__all__ = [
    "TRACKS",
    "Check",
    "IngressPolicy",
    "Listener",
    "ObservedRoute",
    "Route",
    "RouteServer",
    "Track",
    "share_for",
]

Track: TypeAlias = Literal["blue", "green"]
TRACKS: tuple[Track, Track] = ("blue", "green")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """One published TCP port. `host_ip` is "" for all addresses."""

    host_port: int
    container_port: int
    host_ip: str = ""
    certificate: str = ""
    """Name of a certificate of the host to end TLS with; "" where bytes pass as they are."""

    @property
    def port(self) -> str:
        """The host's port as `8080/tcp`, as `ObservedContainer.host_ports` has it."""
        return f"{self.host_port}/tcp"


@dataclass(frozen=True, slots=True, kw_only=True)
class IngressPolicy:
    """`x-moorline.ingress`: how traffic to a service is handled."""

    mode: Literal["http", "tcp"] = "tcp"
    drain_timeout: float = 30.0
    """Seconds that sessions may take to end before their container is stopped all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """How the ingress itself looks at a container: a GET of `path`, or a connection where "" ."""

    path: str = ""
    port: int | None = None
    """None: the port that the traffic goes to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What a file asks of the ingress for one service."""

    environment: str
    service: str
    listeners: tuple[Listener, ...]
    mode: Literal["http", "tcp"]
    check: Check
    slow_after: float | None = None
    """Seconds after which an answer counts as slow; None where nobody asks."""

    @property
    def ports(self) -> frozenset[str]:
        """The host's ports, as `8080/tcp`."""
        return frozenset(each.port for each in self.listeners)

    @property
    def frontend(self) -> str:
        """Fingerprint of what is common to both tracks."""
        return fingerprint([self.mode, [asdict(each) for each in self.listeners]])

    @property
    def backend(self) -> str:
        """Fingerprint of what belongs to the track of one version."""
        return fingerprint([asdict(self.check), self.slow_after])


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteServer:
    """One container on a track. `address` is its IP, "" where the listeners differ in it.

    state: ready takes requests, drain only ends those it has, maint takes none.
    """

    container: str
    track: Track
    address: str
    state: Literal["ready", "drain", "maint"] = "ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedRoute:
    """A route in force. `frontend` and `backends` are `Route`'s fingerprints; a certificate that
    was renewed on the host makes `frontend` empty.
    """

    service: str
    frontend: str
    backends: Mapping[Track, str] = field(default_factory=dict)
    ports: frozenset[str] = frozenset()
    servers: tuple[RouteServer, ...] = ()
    share: int = 0
    """Of the traffic that goes to green, out of `ALL`."""


def share_for(track: Track) -> int:
    """The share that gives all traffic to `track`."""
    return ALL if track == "green" else 0

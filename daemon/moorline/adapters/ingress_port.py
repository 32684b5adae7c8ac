"""What the agent needs of an ingress, as a Protocol. The rules of `ports` hold here too."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from moorline.core.traffic import ObservedRoute, Route, Track

__all__ = ["Ingress", "TrackStats"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackStats:
    """Counters of one track since it was set up or the ingress was reloaded; they only grow
    in between.

    requests   requests (sessions, for TCP) that were sent to it
    errors     answers with 5xx and failed connections
    timed      answers whose time was looked at
    slow       those of them that took longer than the route's `slow_after`
    """

    requests: int = 0
    errors: int = 0
    timed: int = 0
    slow: int = 0


class Ingress(Protocol):
    """The data plane in front of services. Every change is durable: it outlives the ingress.

    Every method raises IngressUnreachable where it does not answer, and all but `observe` raise
    NotFound for a route that is not there. Container ids are full ids.
    """

    def observe(self, environment: str) -> Mapping[str, ObservedRoute] | None:
        """Service → its route in force; None where the host has no ingress."""
        ...

    def listen(self, route: Route, track: Track) -> None:
        """Put the frontend of `route` and the backend of `track` in force, keeping the other
        track, all servers and the share. A first route gets the same backend on both tracks.

        Raises EngineRefused where a port is taken or a certificate is missing or refused: what
        was in force stays.
        """
        ...

    def unlisten(self, environment: str, service: str) -> None:
        """Let go of a route; one that is not there is fine."""
        ...

    def enter(
        self, environment: str, service: str, track: Track, *, container: str, address: str
    ) -> None:
        """Put a container on a track, ready, at `address`; on no other. Repeating is fine."""
        ...

    def drain(self, environment: str, service: str, container: str) -> None:
        """Give it no new requests; one that is not there is fine."""
        ...

    def sessions(self, environment: str, service: str, container: str) -> int:
        """How many requests or connections it still serves; 0 where it is not there."""
        ...

    def leave(self, environment: str, service: str, container: str) -> None:
        """End what sessions it has, and take it off; one that is not there is fine."""
        ...

    def shift(self, environment: str, service: str, share: int) -> None:
        """Give green this share of the new requests, out of `core.strategy.ALL`."""
        ...

    def stats(self, environment: str, service: str) -> Mapping[Track, TrackStats]:
        """The counters of both tracks."""
        ...

    def close(self) -> None:
        """Let go of all connections."""
        ...

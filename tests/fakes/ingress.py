"""An ingress in memory: it does what the contract says, and what a test wants it to see."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from moorline.adapters.ingress_port import TrackStats
from moorline.core.traffic import TRACKS, ObservedRoute, Route, RouteServer, Track
from moorline.errors import EngineRefused, IngressUnreachable, NotFound

__all__ = ["FakeIngress"]


@dataclass(slots=True)
class _Entry:
    routes: dict[Track, Route]
    """As each track was asked for last; what is common to both is in `common`."""
    common: Route
    certificates: dict[str, str]
    servers: dict[str, RouteServer] = field(default_factory=dict)
    share: int = 0


@dataclass(slots=True)
class FakeIngress:
    """All environments' routes. The fields are what surrounds it, for a test to change.

    taken         host ports that other programs listen on
    certificates  name → content of the host's certificates; "broken" is refused
    answers       False: IngressUnreachable for whoever asks
    """

    taken: set[int] = field(default_factory=set)
    certificates: dict[str, str] = field(default_factory=dict)
    answers: bool = True
    calls: list[str] = field(default_factory=list)
    """Every change that was asked for, as `verb service …`."""
    _entries: dict[tuple[str, str], _Entry] = field(default_factory=dict)
    _sessions: dict[str, int] = field(default_factory=dict)
    _stats: dict[tuple[str, str, Track], TrackStats] = field(default_factory=dict)

    # --- what a test does ---

    def busy(self, container: str, sessions: int) -> None:
        """Have a container be at so many requests."""
        self._sessions[container] = sessions

    def count(self, environment: str, service: str, track: Track, stats: TrackStats) -> None:
        """Set the counters of a track."""
        self._stats[environment, service, track] = stats

    def forget(self, environment: str, service: str) -> None:
        """Lose a route, as no ingress should."""
        self._entries.pop((environment, service), None)

    # --- the port ---

    def observe(self, environment: str) -> Mapping[str, ObservedRoute]:
        found = {name: each for (env, name), each in self._entries.items() if env == environment}
        if found:
            self._ask()
        return {name: self._observed(name, entry) for name, entry in found.items()}

    def listen(self, route: Route, track: Track) -> None:
        self._ask("listen", route.service, track)
        self._refuse(route)
        key = (route.environment, route.service)
        entry = self._entries.get(key)
        certificates = {
            each.certificate: self.certificates[each.certificate]
            for each in route.listeners
            if each.certificate
        }
        if entry is None:
            self._entries[key] = _Entry(dict.fromkeys(TRACKS, route), route, certificates)
            return
        entry.routes[track] = route
        entry.common, entry.certificates = route, certificates

    def unlisten(self, environment: str, service: str) -> None:
        if (environment, service) in self._entries:
            self._ask("unlisten", service)
            del self._entries[environment, service]

    def enter(
        self, environment: str, service: str, track: Track, *, container: str, address: str
    ) -> None:
        entry = self._entry(environment, service)
        self._ask("enter", service, track, container)
        entry.servers[container] = RouteServer(container=container, track=track, address=address)

    def drain(self, environment: str, service: str, container: str) -> None:
        entry = self._entry(environment, service)
        self._ask("drain", service, container)
        if container in entry.servers:
            entry.servers[container] = replace(entry.servers[container], state="drain")

    def sessions(self, environment: str, service: str, container: str) -> int:
        self._entry(environment, service)
        self._ask()
        return self._sessions.get(container, 0)

    def leave(self, environment: str, service: str, container: str) -> None:
        entry = self._entry(environment, service)
        self._ask("leave", service, container)
        entry.servers.pop(container, None)
        self._sessions.pop(container, None)

    def shift(self, environment: str, service: str, share: int) -> None:
        entry = self._entry(environment, service)
        self._ask("shift", service, str(share))
        entry.share = share

    def stats(self, environment: str, service: str) -> Mapping[Track, TrackStats]:
        self._entry(environment, service)
        self._ask()
        return {
            each: self._stats.get((environment, service, each), TrackStats()) for each in TRACKS
        }

    def close(self) -> None:
        """Nothing is open."""

    # --- how ---

    def _ask(self, *words: str) -> None:
        if not self.answers:
            raise IngressUnreachable("the ingress does not answer")
        if words:
            self.calls.append(" ".join(words))

    def _entry(self, environment: str, service: str) -> _Entry:
        if (environment, service) not in self._entries:
            raise NotFound(f"{environment}/{service} has no route in the ingress")
        return self._entries[environment, service]

    def _refuse(self, route: Route) -> None:
        others = {
            listener.host_port
            for key, entry in self._entries.items()
            for listener in entry.common.listeners
            if key != (route.environment, route.service)
        }
        for listener in route.listeners:
            if listener.host_port in others | self.taken:
                raise EngineRefused(f"port {listener.host_port} is taken")
            if self.certificates.get(listener.certificate, "broken") == "broken" and (
                listener.certificate
            ):
                raise EngineRefused(f"certificate {listener.certificate}")

    def _observed(self, service: str, entry: _Entry) -> ObservedRoute:
        renewed = any(
            self.certificates.get(name, content) != content
            for name, content in entry.certificates.items()
        )
        return ObservedRoute(
            service=service,
            frontend="" if renewed else entry.common.frontend,
            backends={each: entry.routes[each].backend for each in TRACKS},
            ports=entry.common.ports,
            servers=tuple(
                sorted(entry.servers.values(), key=lambda each: (each.track, each.container))
            ),
            share=entry.share,
        )

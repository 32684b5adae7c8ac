"""What HAProxy really does, as routes: read from HAProxy, and explained by what is stored."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from moorline.adapters.ingress.certificates import Certificates
from moorline.adapters.ingress.model import Entry
from moorline.adapters.ingress.names import backend_name, route_key
from moorline.adapters.ingress.render import Layout, definition, variable
from moorline.adapters.ingress.runtime import LiveServer, Runtime, State
from moorline.core.traffic import TRACKS, ObservedRoute, RouteServer, Track

__all__ = ["Observer"]

_PORT_AT = 2
"""Where the port is in `names.frontend_name`."""
_LEAST_FIRST: tuple[State, ...] = ("maint", "drain", "ready")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Snapshot:
    """Definitions by variable, servers by backend and name, shares by route key."""

    definitions: Mapping[str, str]
    servers: Mapping[str, Mapping[str, LiveServer]]
    shares: Mapping[str, int]


class Observer:
    """Reads every route of an environment in a few questions, however many there are."""

    def __init__(self, runtime: Runtime, layout: Layout, certificates: Certificates) -> None:
        self._runtime = runtime
        self._layout = layout
        self._certificates = certificates

    def routes(self, entries: Mapping[str, Entry]) -> Mapping[str, ObservedRoute]:
        """Service → its route."""
        seen = self._look(entries.values())
        return {name: self._route(entry, seen) for name, entry in entries.items()}

    def has(self, entry: Entry) -> bool:
        """Whether HAProxy runs some definition of this route."""
        return bool(self._runtime.variables([variable(entry)]))

    def runs(self, entry: Entry) -> bool:
        """Whether HAProxy runs this definition."""
        found = self._runtime.variables([variable(entry)])
        return found.get(variable(entry)) == definition(entry, self._layout)

    def ports(self) -> frozenset[int]:
        """The ports that routes listen on in the running HAProxy."""
        names = (name.split(":") for name in self._runtime.frontends())
        return frozenset(
            int(words[_PORT_AT])
            for words in names
            if len(words) > _PORT_AT and words[_PORT_AT].isdigit()
        )

    def adopted(self, entry: Entry) -> Entry:
        """A new entry with what HAProxy serves already: only our own files were lost."""
        seen = self._look([entry])
        found = (server for track in TRACKS for server in _servers(entry, track, seen))
        return msgspec.structs.replace(
            entry,
            servers=tuple(each for each in found if each.state == "ready" and each.address),
            share=_share(entry, seen),
        )

    def _look(self, entries: Collection[Entry]) -> _Snapshot:
        servers: dict[str, dict[str, LiveServer]] = {}
        for server in self._runtime.servers():
            servers.setdefault(server.backend, {})[server.name] = server
        return _Snapshot(
            definitions=self._runtime.variables(variable(each) for each in entries),
            servers=servers,
            shares=self._runtime.shares(self._layout.shares),
        )

    def _route(self, entry: Entry, seen: _Snapshot) -> ObservedRoute:
        running = seen.definitions.get(variable(entry), "")
        in_force = not entry.gone and running == definition(entry, self._layout)
        fresh = in_force and not self._certificates.renewed(entry)
        return ObservedRoute(
            service=entry.service,
            frontend=entry.route("blue").frontend if fresh else "",
            backends={each: entry.route(each).backend if in_force else "" for each in TRACKS},
            ports=entry.route("blue").ports if running else frozenset(),
            servers=tuple(server for track in TRACKS for server in _servers(entry, track, seen)),
            share=_share(entry, seen) if running else 0,
        )


def _share(entry: Entry, seen: _Snapshot) -> int:
    return seen.shares.get(route_key(entry.environment, entry.service), 0)


def _servers(entry: Entry, track: Track, seen: _Snapshot) -> Iterator[RouteServer]:
    places = [
        seen.servers.get(backend_name(entry.environment, entry.service, each, track), {})
        for each in entry.listeners
    ]
    for name in sorted({name for place in places for name in place}):
        server = _server(track, [place[name] for place in places if name in place], len(places))
        stored = entry.server(name)
        # one in maintenance that is nobody's is on its way out: its connections have to end first
        if server.state != "maint" or (stored is not None and stored.track == track):
            yield server


def _server(track: Track, found: list[LiveServer], places: int) -> RouteServer:
    """One container in the backends of its track; in some of them only, it takes nothing yet."""
    addresses = {each.address for each in found}
    states = {each.state for each in found}
    if len(found) < places:
        states.add("maint")
    return RouteServer(
        container=found[0].name,
        track=track,
        address=addresses.pop() if len(addresses) == 1 else "",
        state=min(states, key=_LEAST_FIRST.index),
    )

"""What HAProxy really does, as routes: read from HAProxy, and explained by what is stored."""

from collections.abc import Iterator, Mapping

import msgspec

from moorline.adapters.ingress.certificates import Certificates
from moorline.adapters.ingress.model import Entry
from moorline.adapters.ingress.names import backend_name, route_key
from moorline.adapters.ingress.render import Layout, definition, variable
from moorline.adapters.ingress.runtime import LiveServer, Runtime
from moorline.core.traffic import TRACKS, ObservedRoute, RouteServer, Track

__all__ = ["Observer"]

_PORT_AT = 2
"""Where the port is in `names.frontend_name`."""


class Observer:
    """Reads every route of an environment in three questions and one per route."""

    def __init__(self, runtime: Runtime, layout: Layout, certificates: Certificates) -> None:
        self._runtime = runtime
        self._layout = layout
        self._certificates = certificates

    def runs(self, entry: Entry) -> bool:
        """Whether HAProxy runs this definition."""
        found = self._runtime.variables([variable(entry)])
        return found.get(variable(entry)) == definition(entry, self._layout)

    def has(self, entry: Entry) -> bool:
        """Whether HAProxy runs some definition of this route."""
        return bool(self._runtime.variables([variable(entry)]))

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
        live = self._live()
        found = (server for track in TRACKS for server in _servers(entry, track, live))
        key = route_key(entry.environment, entry.service)
        return msgspec.structs.replace(
            entry,
            servers=tuple(each for each in found if each.state == "ready" and each.address),
            share=self._runtime.share(self._layout.shares, key),
        )

    def routes(self, entries: Mapping[str, Entry]) -> Mapping[str, ObservedRoute]:
        """Service → its route."""
        running = self._runtime.variables(variable(each) for each in entries.values())
        live = self._live()
        return {
            name: self._route(entry, running.get(variable(entry), ""), live)
            for name, entry in entries.items()
        }

    def _live(self) -> Mapping[str, list[LiveServer]]:
        live: dict[str, list[LiveServer]] = {}
        for server in self._runtime.servers():
            live.setdefault(server.backend, []).append(server)
        return live

    def _route(
        self, entry: Entry, running: str, live: Mapping[str, list[LiveServer]]
    ) -> ObservedRoute:
        in_force = not entry.gone and running == definition(entry, self._layout)
        fresh = in_force and not self._certificates.renewed(entry)
        key = route_key(entry.environment, entry.service)
        return ObservedRoute(
            service=entry.service,
            frontend=entry.route("blue").frontend if fresh else "",
            backends={each: entry.route(each).backend if in_force else "" for each in TRACKS},
            ports=entry.route("blue").ports if running else frozenset(),
            servers=tuple(server for track in TRACKS for server in _servers(entry, track, live)),
            share=self._runtime.share(self._layout.shares, key) if running else 0,
        )


def _servers(
    entry: Entry, track: Track, live: Mapping[str, list[LiveServer]]
) -> Iterator[RouteServer]:
    names = [
        backend_name(entry.environment, entry.service, each, track) for each in entry.listeners
    ]
    places = [{server.name: server for server in live.get(name, [])} for name in names]
    for name in sorted({name for place in places for name in place}):
        found = [place[name] for place in places if name in place]
        server = _server(name, track, found, complete=len(found) == len(places))
        stored = entry.server(name)
        # one in maintenance that is nobody's is on its way out: its connections have to end first
        if server.state != "maint" or (stored is not None and stored.track == track):
            yield server


def _server(name: str, track: Track, found: list[LiveServer], *, complete: bool) -> RouteServer:
    addresses = {each.address for each in found}
    address = addresses.pop() if len(addresses) == 1 else ""
    states = {each.state for each in found}
    if not complete or "maint" in states:
        return RouteServer(container=name, track=track, address=address, state="maint")
    state = "drain" if "drain" in states else "ready"
    return RouteServer(container=name, track=track, address=address, state=state)  # type: ignore[arg-type]

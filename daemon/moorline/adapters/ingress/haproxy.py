"""The Ingress port on HAProxy.

Rule 1: a change is stored and written to HAProxy's file first, then made in the running HAProxy.
        Whatever happens in between, the next look shows what HAProxy does, and a HAProxy that
        starts anew does what is stored.
Rule 2: servers, their states and shares change by runtime commands. Only what a route listens on
        or is checked by takes a reload, and only after HAProxy itself found the file good.
Rule 3: what moorline did not make is left alone: an existing HAProxy's own proxies, its sockets.
"""

import dataclasses
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from moorline.adapters.ingress import listening, tracks
from moorline.adapters.ingress.certificates import Certificates
from moorline.adapters.ingress.keeper import Keeper
from moorline.adapters.ingress.model import Entry, Environments, Store, merged, placed
from moorline.adapters.ingress.names import refuse_unsafe, refuse_unsafe_container
from moorline.adapters.ingress.observing import Observer
from moorline.adapters.ingress.render import Layout
from moorline.adapters.ingress.runtime import Runtime
from moorline.adapters.ingress.swap import Swap
from moorline.adapters.ingress_port import TrackStats
from moorline.core.traffic import TRACKS, ObservedRoute, Route, RouteServer, Track
from moorline.errors import EngineRefused, IngressUnreachable, NotFound

__all__ = ["HaproxyIngress"]

_T = TypeVar("_T")


class HaproxyIngress:
    """One HAProxy of this host; see the port `Ingress`. Constructing it touches nothing.

    keeper   keeps HAProxy running; None for whoever only looks
    config   the file that HAProxy reads; by default `haproxy.cfg` in the folder, which then is
             all of its configuration
    """

    def __init__(
        self,
        folder: Path,
        *,
        keeper: Keeper | None,
        certificates: Path,
        admin: Path | None = None,
        master: Path | None = None,
        config: Path | None = None,
        patience: float = 10.0,
    ) -> None:
        layout = Layout(folder=folder, managed=config is None, ipv6=listening.has_address("::"))
        self._keeper = keeper
        self._layout = layout
        self._store = Store(folder)
        self._certificates = Certificates(certificates, layout)
        self._runtime = Runtime(
            admin=admin or folder / "admin.sock", master=master or folder / "master.sock"
        )
        self._observer = Observer(self._runtime, layout, self._certificates)
        self._swap = Swap(
            self._runtime, layout, config or folder / "haproxy.cfg", keeper, patience=patience
        )
        self._lock = threading.RLock()
        self._kept = False

    # --- looking --------------------------------------------------------------------------------

    def observe(self, environment: str) -> Mapping[str, ObservedRoute]:
        entries = self._store.of(environment)
        return self._do(lambda: self._observer.routes(entries)) if entries else {}

    def sessions(self, environment: str, service: str, container: str) -> int:
        entry = self._entry(environment, service)
        return self._do(lambda: tracks.sessions(self._runtime, entry, container))

    def stats(self, environment: str, service: str) -> Mapping[Track, TrackStats]:
        entry = self._entry(environment, service)
        return self._do(
            lambda: {track: tracks.stats(self._runtime, entry, track) for track in TRACKS}
        )

    # --- the frontends --------------------------------------------------------------------------

    def listen(self, route: Route, track: Track) -> None:
        refuse_unsafe(route)
        with self._lock:
            self._refuse_neighbours(route)
            self._do(lambda: self._listen(route, track))

    def unlisten(self, environment: str, service: str) -> None:
        with self._lock:
            entry = self._store.get(environment, service)
            if entry is not None:
                self._store.put(msgspec.structs.replace(entry, gone=True))
                self._do(lambda: self._unlisten(entry))

    # --- the servers ----------------------------------------------------------------------------

    def enter(
        self, environment: str, service: str, track: Track, *, container: str, address: str
    ) -> None:
        refuse_unsafe_container(container)
        with self._lock:
            entry = self._entry(environment, service)
            server = RouteServer(container=container, track=track, address=address)
            changed = placed(entry, server, container=container)
            self._put(changed)
            self._do(lambda: tracks.enter(self._runtime, changed, server))

    def drain(self, environment: str, service: str, container: str) -> None:
        with self._lock:
            entry = self._entry(environment, service)
            server = entry.server(container)
            if server is not None:
                drained = dataclasses.replace(server, state="drain")
                self._put(placed(entry, drained, container=container))
            self._do(lambda: tracks.drain(self._runtime, entry, container))

    def leave(self, environment: str, service: str, container: str) -> None:
        with self._lock:
            entry = self._entry(environment, service)
            changed = placed(entry, None, container=container)
            self._put(changed)
            self._do(lambda: tracks.leave(self._runtime, changed, container))

    def shift(self, environment: str, service: str, share: int) -> None:
        with self._lock:
            entry = msgspec.structs.replace(self._entry(environment, service), share=share)
            self._put(entry)
            self._do(lambda: tracks.shift(self._runtime, self._layout.shares, entry))

    def close(self) -> None:
        """Nothing is open between calls."""

    # --- how ------------------------------------------------------------------------------------

    def _do(self, work: Callable[[], _T]) -> _T:
        """Do something that may be repeated; HAProxy is started, and waited for, if it has to."""
        with self._lock:
            if self._keeper is None:
                return work()
            if self._kept:
                try:
                    return work()
                except IngressUnreachable:
                    self._kept = False
            self._swap.write(self._store.environments)
            self._keeper.keep()
            self._swap.await_answer()
            self._kept = True
            return work()

    def _listen(self, route: Route, track: Track) -> None:
        copies = self._certificates.copy(route.listeners)
        old = self._store.get(route.environment, route.service)
        entry = merged(old, route, track, copies)
        if old is None:
            entry = self._observer.adopted(entry)
        try:
            self._swap.check(self._with(entry))
            self._refuse_taken(route)
            self._put(entry)
            self._reload_unless_it_runs(entry)
        except EngineRefused:
            self._restore(route, old)
            raise
        finally:
            self._certificates.sweep(self._store.environments)

    def _restore(self, route: Route, old: Entry | None) -> None:
        if self._store.get(route.environment, route.service) == old:
            return
        if old is None:
            self._store.drop(route.environment, route.service)
        else:
            self._store.put(old)
        self._swap.write(self._store.environments)
        self._swap.recover()

    def _unlisten(self, entry: Entry) -> None:
        self._swap.write(self._store.environments)
        if self._observer.has(entry):
            self._swap.reload(lambda: not self._observer.has(entry))
        self._store.drop(entry.environment, entry.service)
        self._certificates.sweep(self._store.environments)

    def _reload_unless_it_runs(self, entry: Entry) -> None:
        if not self._observer.runs(entry):
            self._swap.reload(lambda: self._observer.runs(entry))

    def _refuse_neighbours(self, route: Route) -> None:
        """Two frontends of one HAProxy can share a port, and would share its requests."""
        for entries in self._store.environments.values():
            for entry in entries.values():
                if (entry.environment, entry.service) != (route.environment, route.service):
                    _refuse_shared(route, entry)

    def _refuse_taken(self, route: Route) -> None:
        held = self._observer.ports()
        for listener in route.listeners:
            if listener.host_ip and not listening.has_address(listener.host_ip):
                raise EngineRefused(
                    f"{route.environment}/{route.service}: this host has no {listener.host_ip}",
                    mend="leave the address out, or name one of the host's",
                )
            if listener.host_port not in held and listening.taken(listener):
                raise EngineRefused(
                    f"{route.environment}/{route.service}: port {listener.host_port} of this host"
                    " is taken by another program",
                    mend="stop that program, or choose another port",
                )

    def _entry(self, environment: str, service: str) -> Entry:
        entry = self._store.get(environment, service)
        if entry is None or entry.gone:
            raise NotFound(f"{environment}/{service} has no route in the ingress")
        return entry

    def _put(self, entry: Entry) -> None:
        self._store.put(entry)
        self._swap.write(self._store.environments)

    def _with(self, entry: Entry) -> Environments:
        others = self._store.of(entry.environment)
        return {
            **self._store.environments,
            entry.environment: {**others, entry.service: entry},
        }


def _refuse_shared(route: Route, neighbour: Entry) -> None:
    for mine in route.listeners:
        for theirs in neighbour.listeners:
            same = mine.host_port == theirs.host_port
            if same and listening.overlap(mine.host_ip, theirs.host_ip) and not neighbour.gone:
                raise EngineRefused(
                    f"{route.environment}/{route.service}: port {mine.host_port} belongs to"
                    f" {neighbour.environment}/{neighbour.service}",
                    mend="choose another port",
                )

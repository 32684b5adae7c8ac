"""Servers and counters of one route's tracks, in every backend that a track has.

Each function may be repeated, and copes with what a killed one left half done.
"""

import time
from collections.abc import Iterator
from pathlib import Path

from moorline.adapters.ingress.model import Backend, Entry
from moorline.adapters.ingress.names import backend_name, checked_address, route_key
from moorline.adapters.ingress.render import server_options
from moorline.adapters.ingress.runtime import LiveServer, Runtime
from moorline.adapters.ingress_port import TrackStats
from moorline.core.traffic import TRACKS, RouteServer, Track

__all__ = ["drain", "enter", "leave", "sessions", "shift", "stats"]

_PATIENCE = 0.25
_STEP = 0.02


def enter(runtime: Runtime, entry: Entry, server: RouteServer) -> None:
    """Have a server in all backends of its track, ready, and in none of the other."""
    sweep(runtime, entry)
    for track in TRACKS:
        for name, port in _backends(entry, track):
            there = {each.name for each in runtime.servers(name)}
            if track == server.track:
                backend = entry.backends[track]
                _enter(runtime, name, server, backend, port, known=server.container in there)
            elif server.container in there:
                _take_off(runtime, name, server.container)


def drain(runtime: Runtime, entry: Entry, container: str) -> None:
    """No new requests for a server, wherever it is."""
    for name, _ in _all_backends(entry):
        runtime.state(name, container, "drain")


def leave(runtime: Runtime, entry: Entry, container: str) -> None:
    """Take a server off, wherever it is."""
    for name, _ in _all_backends(entry):
        if any(each.name == container for each in runtime.servers(name)):
            _take_off(runtime, name, container)
    sweep(runtime, entry)


def sessions(runtime: Runtime, entry: Entry, container: str) -> int:
    """What a server is still at."""
    return sum(runtime.sessions(name, container) for name, _ in _all_backends(entry))


def shift(runtime: Runtime, shares: Path, entry: Entry) -> None:
    """Put the stored share in force."""
    runtime.set_share(shares, route_key(entry.environment, entry.service), entry.share)


def stats(runtime: Runtime, entry: Entry, track: Track) -> TrackStats:
    """The counters of one track, over all its listeners."""
    requests = errors = timed = slow = 0
    for name, _ in _backends(entry, track):
        counters = runtime.counters(name)
        kinds = ("hrsp_5xx",) if entry.mode == "http" else ("econ", "eresp")
        requests += int(counters.get("stot") or 0)
        errors += sum(int(counters.get(kind) or 0) for kind in kinds)
        if entry.backends[track].slow_after is not None:
            answers, late = runtime.timings(name)
            timed, slow = timed + answers, slow + late
    return TrackStats(requests=requests, errors=errors, timed=timed, slow=slow)


def sweep(runtime: Runtime, entry: Entry) -> None:
    """Delete servers that left while connections of theirs were still open."""
    for name, _ in _all_backends(entry):
        for server in runtime.servers(name):
            if _left(server, entry):
                runtime.delete(name, server.name)


def _left(server: LiveServer, entry: Entry) -> bool:
    return server.state == "maint" and entry.server(server.name) is None


def _enter(
    runtime: Runtime, name: str, server: RouteServer, backend: Backend, port: int, *, known: bool
) -> None:
    if known:
        runtime.move(name, server.container, server.address, port)
        runtime.ready(name, server.container)
        return
    address = f"{checked_address(server.address)}:{port}"
    runtime.add(name, server.container, address, server_options(backend))


def _take_off(runtime: Runtime, name: str, container: str) -> None:
    runtime.state(name, container, "maint")
    runtime.end_sessions(name, container)
    end = time.monotonic() + _PATIENCE
    while not runtime.delete(name, container) and time.monotonic() < end:
        time.sleep(_STEP)


def _all_backends(entry: Entry) -> Iterator[tuple[str, int]]:
    for track in TRACKS:
        yield from _backends(entry, track)


def _backends(entry: Entry, track: Track) -> Iterator[tuple[str, int]]:
    """Name and container port of each backend of a track."""
    for listener, port in zip(entry.listeners, entry.backends[track].ports, strict=True):
        yield backend_name(entry.environment, entry.service, listener, track), port

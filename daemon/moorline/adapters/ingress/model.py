"""What the ingress is meant to do: one JSON file per environment, the truth after any restart.

Rule 1: an entry is stored before HAProxy is told. Whoever is killed in between finds the
        difference by looking at HAProxy, and a HAProxy that restarts starts from what is stored.
Rule 2: `gone` is stored before a route is taken away, and the entry is dropped after: a route that
        HAProxy still has is never forgotten.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from moorline.adapters.ingress import files
from moorline.core.traffic import TRACKS, Check, Listener, Route, RouteServer, Track
from moorline.errors import StorageFailed

__all__ = ["Backend", "Entry", "Environments", "Store", "merged", "placed"]


class Backend(msgspec.Struct, frozen=True, kw_only=True):
    """What the version on one track asks for: its check, and its port behind each listener."""

    check: Check
    slow_after: float | None
    ports: tuple[int, ...]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One route in force. `certificates` maps a name to the SHA-256 of what is in force."""

    environment: str
    service: str
    mode: str
    listeners: tuple[Listener, ...]
    backends: dict[Track, Backend]
    servers: tuple[RouteServer, ...] = ()
    share: int = 0
    certificates: dict[str, str] = {}
    gone: bool = False

    def route(self, track: Track) -> Route:
        """The route as it was asked for with this track."""
        backend = self.backends[track]
        return Route(
            environment=self.environment,
            service=self.service,
            listeners=self.listeners,
            mode="http" if self.mode == "http" else "tcp",
            check=backend.check,
            slow_after=backend.slow_after,
        )

    def server(self, container: str) -> RouteServer | None:
        """The container's place."""
        return next((each for each in self.servers if each.container == container), None)


Environments = Mapping[str, Mapping[str, Entry]]
"""Environment → service → entry."""


def merged(old: Entry | None, route: Route, track: Track, certificates: dict[str, str]) -> Entry:
    """The entry after `route` was put in force with `track`.

    The other track keeps its check and, behind each listener that stays, the port of its version.
    """
    backend = Backend(
        check=route.check,
        slow_after=route.slow_after,
        ports=tuple(each.container_port for each in route.listeners),
    )
    fresh = Entry(
        environment=route.environment,
        service=route.service,
        mode=route.mode,
        listeners=route.listeners,
        backends=dict.fromkeys(TRACKS, backend),
        certificates=certificates,
    )
    if old is None or old.gone:
        return fresh
    other: Track = "green" if track == "blue" else "blue"
    moved = _moved(old.backends[other], old.listeners, route.listeners)
    return msgspec.structs.replace(
        fresh, backends={track: backend, other: moved}, servers=old.servers, share=old.share
    )


def _moved(backend: Backend, before: tuple[Listener, ...], after: tuple[Listener, ...]) -> Backend:
    known = {
        (each.host_ip, each.host_port): port
        for each, port in zip(before, backend.ports, strict=True)
    }
    ports = (known.get((each.host_ip, each.host_port), each.container_port) for each in after)
    return msgspec.structs.replace(backend, ports=tuple(ports))


def placed(entry: Entry, server: RouteServer | None, *, container: str) -> Entry:
    """The entry with `container` at this place only, or nowhere."""
    others = tuple(each for each in entry.servers if each.container != container)
    servers = others if server is None else (*others, server)
    return msgspec.structs.replace(entry, servers=servers)


class Store:
    """The files. Nothing is kept in memory: another moorline may have worked in between."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "routes"

    @property
    def environments(self) -> Environments:
        """Everything that is in force."""
        paths = sorted(self._folder.glob("[!.]*.json"))
        return {path.stem: _read(path) for path in paths}

    def of(self, environment: str) -> Mapping[str, Entry]:
        """Service → entry of one environment."""
        return _read(self._path(environment))

    def get(self, environment: str, service: str) -> Entry | None:
        """One entry."""
        return self.of(environment).get(service)

    def put(self, entry: Entry) -> None:
        """Store one entry in place of the one there was."""
        self._save(entry.environment, {**self.of(entry.environment), entry.service: entry})

    def drop(self, environment: str, service: str) -> None:
        """Forget one entry."""
        kept = {name: each for name, each in self.of(environment).items() if name != service}
        self._save(environment, kept)

    def _save(self, environment: str, entries: Mapping[str, Entry]) -> None:
        path = self._path(environment)
        if not entries:
            files.remove(path)
            return
        files.make_folder(self._folder.parent)
        files.make_folder(self._folder)
        files.write(path, msgspec.json.format(msgspec.json.encode(list(entries.values()))))

    def _path(self, environment: str) -> Path:
        return self._folder / f"{environment}.json"


def _read(path: Path) -> dict[str, Entry]:
    try:
        entries = msgspec.json.decode(path.read_bytes(), type=list[Entry])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        mend = "remove it: what HAProxy runs is then taken over from HAProxy itself"
        raise StorageFailed(f"{path} cannot be read: {error}", mend=mend) from None
    return {each.service: each for each in entries}

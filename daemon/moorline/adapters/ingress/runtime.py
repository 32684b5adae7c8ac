"""HAProxy's sockets: one command per connection, and answers that say whether it worked.

There is no exit status: an accepted command answers with nothing or a known sentence, a refused
one with any other. So every command here says which sentences it expects.
"""

import csv
import re
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from moorline.adapters.ingress.names import escaped
from moorline.errors import Conflict, IngressUnreachable

__all__ = ["LiveServer", "Runtime", "State"]

State: TypeAlias = Literal["ready", "drain", "maint"]

PATIENCE = 2.0
_STEP = 0.02
_BATCH = 100
_MAP_ROW = 3
"""A pointer, a key and a value."""
_VARIABLE = re.compile(r"^(proc\.\w+): type=str value=<(.*)>$", re.MULTILINE)
_COUNTER = re.compile(r"\b(gpc[01])=(\d+)")
_SESSION = re.compile(r"^(0x[0-9a-f]+): .* (be=\S+ srv=\S+) ", re.MULTILINE)
_MAINT, _DRAIN = 0x01, 0x08


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveServer:
    """One server as HAProxy has it."""

    backend: str
    name: str
    address: str
    port: int
    admin: int

    @property
    def state(self) -> State:
        """As in `RouteServer`. 0x04, "disabled in the file", says nothing about now."""
        if self.admin & _MAINT:
            return "maint"
        return "drain" if self.admin & _DRAIN else "ready"


class Runtime:
    """The admin socket of the worker, and the socket of the master."""

    def __init__(self, *, admin: Path, master: Path) -> None:
        self._admin = admin
        self._master = master

    # --- looking --------------------------------------------------------------------------------

    def pid(self) -> int:
        """The worker's process id as HAProxy sees it; it changes when a reload took effect."""
        found = re.search(r"^Pid: (\d+)$", self._ask("show info"), re.MULTILINE)
        if found is None:
            raise IngressUnreachable(f"{self._admin} does not answer like HAProxy")
        return int(found[1])

    def variables(self, names: Iterable[str]) -> Mapping[str, str]:
        """Those of the process-wide variables that are set."""
        wanted = list(names)
        batches = (wanted[at : at + _BATCH] for at in range(0, len(wanted), _BATCH))
        answers = (self._ask(";".join(f"get var {each}" for each in batch)) for batch in batches)
        return {name: value for answer in answers for name, value in _VARIABLE.findall(answer)}

    def servers(self, backend: str = "") -> tuple[LiveServer, ...]:
        """The servers of one backend, or of all; none where there is no such backend."""
        answer = self._ask(f"show servers state {backend}".rstrip())
        rows = (line.split() for line in answer.splitlines())
        table = [row for row in rows if len(row) > 1]
        header = next((row[1:] for row in table if row[0] == "#"), [])
        found = (dict(zip(header, row, strict=False)) for row in table if row[0] != "#")
        return tuple(_server(each) for each in found if "srv_name" in each)

    def frontends(self) -> frozenset[str]:
        """The names of all frontends that listen."""
        return frozenset(row["pxname"] for row in self._rows(-1, 1))

    def shares(self, path: Path) -> Mapping[str, int]:
        """The running map of shares; what is not in it has 0."""
        rows = (line.split() for line in self._ask(f"show map {escaped(str(path))}").splitlines())
        entries = (row[1:] for row in rows if len(row) == _MAP_ROW)
        return {key: int(value) for key, value in entries if value.isdigit()}

    def counters(self, backend: str) -> Mapping[str, str]:
        """The statistics of one backend."""
        return next(iter(self._rows(backend, 2)), {})

    def timings(self, backend: str) -> tuple[int, int]:
        """How many answers of a backend were timed, and how many of those were slow."""
        found = dict(_COUNTER.findall(self._ask(f"show table {backend}")))
        return int(found.get("gpc0", 0)), int(found.get("gpc1", 0))

    def sessions(self, backend: str, server: str) -> int:
        """What a server is still at, with workers that end after a reload included."""
        rows = list(self._rows(backend, 4))
        for worker in self._old_workers():
            rows += _table(self._ask_master(f"@!{worker} show stat {backend} 4 -1"))
        return sum(int(row["scur"] or 0) for row in rows if row.get("svname") == server)

    # --- changing -------------------------------------------------------------------------------

    def add(self, backend: str, server: str, address: str, options: str) -> None:
        """Add a server and let it serve at once: its own gate has passed."""
        where = f"{backend}/{server}"
        self._tell(f"add server {where} {address} {options}", "New server registered.")
        self._tell(f"enable health {where}")
        self.ready(backend, server)

    def ready(self, backend: str, server: str) -> None:
        """Let a server take requests, whatever was seen of it before."""
        where = f"{backend}/{server}"
        self._tell(f"set server {where} health up")
        self._tell(f"set server {where} state ready")

    def move(self, backend: str, server: str, address: str, port: int) -> None:
        """Change a server's address."""
        command = f"set server {backend}/{server} addr {address} port {port}"
        self._tell(command, "IP changed", "no need to change", "nothing changed", "port changed")

    def state(self, backend: str, server: str, state: State) -> None:
        """Set drain or maint; a server that is not there is fine."""
        self._tell(f"set server {backend}/{server} state {state}", "No such")

    def end_sessions(self, backend: str, server: str) -> None:
        """End what a server is still at; a server that is not there is fine."""
        command = f"shutdown sessions server {backend}/{server}"
        self._tell(command, "No such")
        for worker in self._old_workers():
            # its proxies are disabled, so that it takes no command about them
            for session, where in _SESSION.findall(self._ask_master(f"@!{worker} show sess")):
                if where == f"be={backend} srv={server}":
                    self._ask_master(f"@!{worker} shutdown session {session}")

    def delete(self, backend: str, server: str) -> bool:
        """Delete a server in maintenance; False where connections of it are still open."""
        answer = self._ask(f"del server {backend}/{server}")
        return answer.startswith(("Server deleted", "No such"))

    def set_share(self, shares: Path, key: str, share: int) -> None:
        """Set a route's share in the running map."""
        path = escaped(str(shares))
        missing = "entry not found"
        if missing in self._tell(f"set map {path} {key} {share}", missing):
            self._tell(f"add map {path} {key} {share}")

    def reload(self) -> None:
        """Have the master start a new worker with the file as it is; `pid` tells when it did."""
        self._ask_master("reload")

    # --- the wire -------------------------------------------------------------------------------

    def _old_workers(self) -> list[str]:
        _, _, old = self._ask_master("show proc").partition("# old workers")
        return re.findall(r"^(\d+)\s+worker", old, re.MULTILINE)

    def _rows(self, proxy: str | int, kind: int) -> list[dict[str, str]]:
        return _table(self._ask(f"show stat {proxy} {kind} -1"))

    def _tell(self, command: str, *expected: str) -> str:
        answer = self._ask(command)
        if answer and not any(each in answer for each in expected):
            # it was restarted or steered by hand in between: whoever looks again sees how it is
            raise Conflict(f"HAProxy: {command.split(' check', 1)[0]}: {answer}")
        return answer

    def _ask(self, command: str) -> str:
        return _exchange(self._admin, command)

    def _ask_master(self, command: str) -> str:
        # after a reload its new worker answers a moment before the master itself does
        return _exchange(self._master, command, refusals_for=PATIENCE)


def _exchange(path: Path, command: str, *, refusals_for: float = 0.0) -> str:
    try:
        with _connect(path, time.monotonic() + refusals_for) as connection:
            connection.sendall(f"{command}\n".encode())
            # the master answers the next command until it hears that there is none
            connection.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) else str(error)
        raise IngressUnreachable(
            f"HAProxy does not answer at {path}: {words or type(error).__name__}",
            mend="look at its log: 'docker logs moorline-ingress' where moorline runs it",
        ) from None
    return answer.decode(errors="replace").strip()


def _connect(path: Path, end: float) -> socket.socket:
    while True:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE)
        try:
            connection.connect(str(path))
        except BaseException as error:
            connection.close()
            if not isinstance(error, ConnectionRefusedError) or time.monotonic() > end:
                raise
            time.sleep(_STEP)
        else:
            return connection


def _table(text: str) -> list[dict[str, str]]:
    header, _, rows = text.removeprefix("# ").partition("\n")
    names = header.split(",")
    return [
        dict(zip(names, row, strict=False))
        for row in csv.reader(rows.splitlines())
        if len(row) > 1
    ]


def _server(row: Mapping[str, str]) -> LiveServer:
    return LiveServer(
        backend=row["be_name"],
        name=row["srv_name"],
        address=row["srv_addr"],
        port=int(row["srv_port"]),
        admin=int(row["srv_admin_state"]),
    )

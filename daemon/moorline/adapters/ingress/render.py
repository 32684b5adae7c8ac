"""From routes to HAProxy's configuration: the same routes are always the same text.

Decisions that are not visible in a line below:

timeout connect   A stopped container's address answers nothing at all, so this is what one lost
                  server costs a request; the next attempt goes to another server (redispatch 1).
retry-on          Not used: only failed connections are tried again, never a request that may
                  have reached a service.
timeouts          Long where a WebSocket or a slow answer is waited for; what a client that says
                  nothing can hold is bounded by http-request and http-keep-alive.
hard-stop-after   How long the worker before a reload may serve the sessions that it has.
set-var proc.…    Each route's fingerprint in the global section is how HAProxy tells, when
                  asked, what it really runs: a file says only what it will run.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from moorline.adapters.ingress.model import Backend, Entry, Environments
from moorline.adapters.ingress.names import (
    backend_name,
    checked_address,
    frontend_name,
    quoted,
    route_key,
)
from moorline.core.traffic import TRACKS, Listener, RouteServer, Track
from moorline.core.values import fingerprint

__all__ = ["Layout", "definition", "render", "server_options", "share_map", "variable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where things are for HAProxy; the folder has the same path inside its container.

    managed   whether the file is all of HAProxy's configuration: an existing HAProxy brings its
              own `global` section and sockets
    ipv6      whether the host can listen on IPv6 addresses
    """

    folder: Path
    managed: bool
    ipv6: bool

    @property
    def shares(self) -> Path:
        """The map of shares."""
        return self.folder / "share.map"

    def certificate(self, name: str, digest: str) -> Path:
        """A certificate that is in force; a renewed one is another file."""
        return self.folder / "certificates" / f"{name}-{digest[:16]}.pem"


_SOCKET = """\
    stats socket {} mode 660 level admin expose-fd listeners
    stats timeout 10s
    hard-stop-after 1h
    fd-hard-limit 50000
    ssl-default-bind-options ssl-min-ver TLSv1.2
"""
_DEFAULTS = """
defaults moorline
    timeout connect 200ms
    timeout client 1h
    timeout server 1h
    timeout tunnel 24h
    timeout client-fin 30s
    timeout queue 5s
    timeout http-request 10s
    timeout http-keep-alive 75s
    timeout check 2s
    option redispatch 1
    retries 3
    balance roundrobin
"""


def render(environments: Environments, layout: Layout) -> str:
    """The whole file."""
    entries = [each for each in _entries(environments) if not each.gone]
    lines = ["# Written by moorline, and overwritten: change the environment file instead."]
    lines += ["global"]
    if layout.managed:
        lines += [_SOCKET.format(quoted(str(layout.folder / "admin.sock"))).rstrip("\n")]
    lines += [
        f"    set-var {variable(each)} str({quoted(definition(each, layout))})" for each in entries
    ]
    lines += [_DEFAULTS]
    lines += [line for each in entries for line in _sections(each, layout, with_servers=True)]
    return "\n".join(lines) + "\n"


def share_map(environments: Environments) -> str:
    """The map of shares; keys are `route_key`s."""
    entries = [each for each in _entries(environments) if not each.gone]
    return "".join(
        f"{route_key(each.environment, each.service)} {each.share}\n" for each in entries
    )


def definition(entry: Entry, layout: Layout) -> str:
    """Fingerprint of everything about a route that only a reload can change."""
    return fingerprint([_DEFAULTS, *_sections(entry, layout, with_servers=False)])[:32]


def variable(entry: Entry) -> str:
    """The process-wide variable with the definition that runs."""
    return f"proc.moorline_{fingerprint([entry.environment, entry.service])[:16]}"


def server_options(backend: Backend) -> str:
    """What stands behind a server's address, in the file and in `add server` alike: servers that
    are added take nothing from default-server.
    """
    port = f" port {backend.check.port}" if backend.check.port is not None else ""
    options = "inter 500ms fall 2 rise 1 observe layer4 error-limit 2 on-error mark-down"
    return f"check {options}{port}"


def _entries(environments: Environments) -> Iterator[Entry]:
    for environment in sorted(environments):
        yield from (each for _, each in sorted(environments[environment].items()))


def _sections(entry: Entry, layout: Layout, *, with_servers: bool) -> Iterator[str]:
    for index, listener in enumerate(entry.listeners):
        yield from _frontend(entry, listener, layout)
        for track in TRACKS:
            yield from _backend(entry, listener, track)
            if with_servers:
                yield from _servers(entry, index, track)
        yield ""


def _frontend(entry: Entry, listener: Listener, layout: Layout) -> Iterator[str]:
    blue, green = (
        backend_name(entry.environment, entry.service, listener, track) for track in TRACKS
    )
    rule = "http-request" if entry.mode == "http" else "tcp-request content"
    key = route_key(entry.environment, entry.service)
    shares = quoted(str(layout.shares))
    yield f"frontend {frontend_name(entry.environment, entry.service, listener)} from moorline"
    yield f"    mode {entry.mode}"
    for address in _addresses(listener, ipv6=layout.ipv6):
        yield f"    bind {address}{_tls(entry, listener, layout)}"
    yield f"    {rule} set-var(txn.share) str({quoted(key)}),map_str_int({shares},0)"
    yield from _dice(rule)
    if entry.mode == "http":
        yield "    option forwardfor"
        yield "    http-request set-header X-Forwarded-Proto http"
        yield "    http-request set-header X-Forwarded-Proto https if { ssl_fc }"
    # a track without a usable server leaves its requests to the other
    yield "    acl to_green var(txn.roll) -m int lt 0"
    yield f"    acl blue_up nbsrv({blue}) gt 0"
    yield f"    acl green_up nbsrv({green}) gt 0"
    yield f"    use_backend {green} if to_green green_up || to_green !blue_up"
    yield f"    use_backend {green} if green_up !blue_up"
    yield f"    default_backend {blue}"


def _dice(rule: str) -> Sequence[str]:
    """Number the requests, and scatter the numbers: of any 10,000 in a row exactly the share goes
    to green, and of any few about as many. Chance would need a hundred times as many to be so
    exact. (6181 has no divisor in common with 10,000, and comes close to the golden ratio.)
    """
    return (
        "    stick-table type integer size 1 nopurge store gpc0",
        f"    {rule} track-sc1 int(1)",
        f"    {rule} set-var(txn.roll) sc_inc_gpc0(1),mul(6181),mod(10000),sub(txn.share)",
    )


def _tls(entry: Entry, listener: Listener, layout: Layout) -> str:
    if not listener.certificate:
        return ""
    path = layout.certificate(listener.certificate, entry.certificates[listener.certificate])
    alpn = " alpn h2,http/1.1" if entry.mode == "http" else ""
    return f" ssl crt {quoted(str(path))}{alpn}"


def _addresses(listener: Listener, *, ipv6: bool) -> Iterator[str]:
    """Two sockets for all addresses: on one for both, IPv4 clients would be `::ffff:…`."""
    if not listener.host_ip:
        yield f"ipv4@*:{listener.host_port}"
    if listener.host_ip:
        only = " v6only" if ":" in listener.host_ip else ""
        yield f"{checked_address(listener.host_ip)}:{listener.host_port}{only}"
    elif ipv6:
        yield f"ipv6@:::{listener.host_port} v6only"


def _backend(entry: Entry, listener: Listener, track: Track) -> Iterator[str]:
    backend = entry.backends[track]
    name = backend_name(entry.environment, entry.service, listener, track)
    yield f"backend {name} from moorline"
    yield f"    mode {entry.mode}"
    if backend.check.path:
        yield "    option httpchk"
        path = quoted(backend.check.path)
        yield f"    http-check send meth GET uri {path} ver HTTP/1.1 hdr Host localhost"
    if entry.mode == "http" and backend.slow_after is not None:
        yield from _slow(backend.slow_after)


def _slow(seconds: float) -> Sequence[str]:
    # HAProxy has no fetch for a request's time before 3.0, so the clock is read twice
    return (
        "    stick-table type string len 8 size 1 nopurge store gpc0,gpc1",
        "    http-request track-sc0 str(track)",
        f"    http-request set-var(txn.slow_at) date(0,ms),add({max(0, round(seconds * 1000))})",
        "    http-response sc-inc-gpc0(0)",
        "    http-response sc-inc-gpc1(0) if { date(0,ms),sub(txn.slow_at) gt 0 }",
    )


def _servers(entry: Entry, index: int, track: Track) -> Iterable[str]:
    backend = entry.backends[track]
    for server in entry.servers:
        if server.track == track:
            yield f"    {_server(server, backend, index)}"


def _server(server: RouteServer, backend: Backend, index: int) -> str:
    # who is leaving has no sessions with a worker that starts now
    state = "" if server.state == "ready" else " disabled"
    address = f"{checked_address(server.address)}:{backend.ports[index]}"
    return f"server {server.container} {address} {server_options(backend)}{state}"

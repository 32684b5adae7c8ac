"""HAProxy or moorline dies, or somebody interferes: what is stored and what is seen stay true."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from moorline.adapters.ingress import HaproxyIngress
from moorline.adapters.ingress.runtime import Runtime
from moorline.core.strategy import ALL
from moorline.core.traffic import Check, Listener, ObservedRoute, Route
from moorline.errors import EngineRefused, StorageFailed
from tests.adapters.ingress_worlds import Haproxy, listening, route
from tests.parts.processes import until
from tests.parts.sshd import free_port
from tests.parts.webservice import WebService, get, serving_versions

OLD, NEW = "a" * 64, "b" * 64


@pytest.fixture
def haproxy() -> Iterator[Haproxy]:
    with listening() as made:
        yield made


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def service() -> Iterator[WebService]:
    with serving_versions(free_port(), "old") as (old,):
        yield old


def web(port: int, service: WebService, path: str = "/health") -> Route:
    return route(Listener(host_port=port, container_port=service.port), path=path)


def serving(haproxy: Haproxy, port: int, service: WebService) -> HaproxyIngress:
    """An ingress with one route whose traffic all goes to green."""
    ingress = haproxy.ingress()
    ingress.listen(web(port, service), "green")
    ingress.enter("production", "web", "green", container=OLD, address=service.address)
    ingress.shift("production", "web", ALL)
    return ingress


def seen(ingress: HaproxyIngress) -> ObservedRoute:
    return ingress.observe("production")["web"]


def admin(haproxy: Haproxy) -> Runtime:
    folder = haproxy.folder / "ingress"
    return Runtime(admin=folder / "admin.sock", master=folder / "master.sock")


def backend(port: int, track: str = "green") -> str:
    return f"production:web:{port}:{track}"


def test_a_killed_haproxy_starts_as_it_was(
    haproxy: Haproxy, port: int, service: WebService
) -> None:
    ingress = serving(haproxy, port, service)
    before = seen(ingress)
    haproxy.keeper.kill()
    assert seen(ingress) == before
    assert get(port) == (200, "old")
    assert haproxy.keeper.starts == 2


def test_a_haproxy_that_somebody_else_restarts_serves_at_once(
    haproxy: Haproxy, port: int, service: WebService
) -> None:
    ingress = serving(haproxy, port, service)
    before = seen(ingress)
    haproxy.keeper.kill()
    haproxy.keeper.keep()
    assert seen(haproxy.ingress()) == before
    assert get(port) == (200, "old")


def test_a_draining_server_gets_nothing_after_a_restart(
    haproxy: Haproxy, port: int, service: WebService
) -> None:
    ingress = serving(haproxy, port, service)
    ingress.drain("production", "web", OLD)
    haproxy.keeper.kill()
    assert [each.state for each in seen(ingress).servers] == ["maint"]
    ingress.enter("production", "web", "green", container=OLD, address=service.address)
    assert [each.state for each in seen(ingress).servers] == ["ready"]
    assert get(port) == (200, "old")


def test_another_daemon_takes_over_without_a_reload(
    haproxy: Haproxy, port: int, service: WebService
) -> None:
    before = seen(serving(haproxy, port, service))
    pid = admin(haproxy).pid()
    successor = haproxy.ingress()
    successor.listen(web(port, service), "green")
    assert seen(successor) == before
    assert admin(haproxy).pid() == pid


class _Crash(Exception):
    """Stands in for kill -9."""


class _Crashing(Runtime):
    """Dies instead of giving a reload, or one other command."""

    def reload(self) -> None:
        raise _Crash

    def add(self, *_: str) -> None:
        raise _Crash

    def delete(self, *_: str) -> bool:
        raise _Crash


def crashing(haproxy: Haproxy) -> HaproxyIngress:
    ingress = haproxy.ingress()
    folder = haproxy.folder / "ingress"
    runtime = _Crashing(admin=folder / "admin.sock", master=folder / "master.sock")
    ingress._runtime = ingress._swap._runtime = runtime
    return ingress


def test_a_file_that_was_written_and_not_loaded_is_not_in_force(
    haproxy: Haproxy, port: int, service: WebService
) -> None:
    ingress = serving(haproxy, port, service)
    changed = web(port, service, "/")
    with pytest.raises(_Crash):
        crashing(haproxy).listen(changed, "blue")
    assert (seen(ingress).frontend, set(seen(ingress).backends.values())) == ("", {""})
    assert get(port) == (200, "old")
    ingress.listen(changed, "blue")
    assert seen(ingress).backends["blue"] == changed.backend
    assert get(port) == (200, "old")


def test_a_first_route_that_was_not_loaded_is_not_in_force(
    haproxy: Haproxy, port: int, service: WebService
) -> None:
    haproxy.ingress().listen(replace(web(free_port(), service), service="other"), "blue")
    with pytest.raises(_Crash):
        crashing(haproxy).listen(web(port, service), "blue")
    found = seen(haproxy.ingress())
    assert (found.frontend, found.ports, found.servers) == ("", frozenset(), ())


def test_a_route_that_was_half_let_go_is_still_seen(
    haproxy: Haproxy, port: int, service: WebService
) -> None:
    ingress = serving(haproxy, port, service)
    with pytest.raises(_Crash):
        crashing(haproxy).unlisten("production", "web")
    assert seen(ingress).frontend == ""
    ingress.unlisten("production", "web")
    assert ingress.observe("production") == {}


def test_a_half_done_entrance_shows_and_is_repeated(
    haproxy: Haproxy, port: int, service: WebService
) -> None:
    ingress = serving(haproxy, port, service)
    with pytest.raises(_Crash):
        crashing(haproxy).enter(
            "production", "web", "blue", container=NEW, address=service.address
        )
    assert [each.container for each in seen(ingress).servers] == [OLD]
    ingress.enter("production", "web", "blue", container=NEW, address=service.address)
    assert [each.container for each in seen(ingress).servers] == [NEW, OLD]


def test_a_server_that_could_not_be_deleted_is_deleted_later(
    haproxy: Haproxy, port: int, service: WebService
) -> None:
    ingress = serving(haproxy, port, service)
    with pytest.raises(_Crash):
        crashing(haproxy).leave("production", "web", OLD)
    assert seen(ingress).servers == ()
    assert [each.name for each in admin(haproxy).servers(backend(port))] == [OLD]
    ingress.leave("production", "web", NEW)
    assert admin(haproxy).servers(backend(port)) == ()


def test_what_a_person_does_by_hand_is_seen(
    haproxy: Haproxy, port: int, service: WebService
) -> None:
    ingress = serving(haproxy, port, service)
    hand = admin(haproxy)
    hand.state(backend(port), OLD, "maint")
    assert [each.state for each in seen(ingress).servers] == ["maint"]
    assert hand.delete(backend(port), OLD)
    assert seen(ingress).servers == ()
    hand.add(backend(port), NEW, f"{service.address}:{service.port}", "check")
    assert [each.container for each in seen(ingress).servers] == [NEW]
    ingress.leave("production", "web", NEW)
    assert seen(ingress).servers == ()


def test_lost_files_are_taken_over_from_haproxy(
    haproxy: Haproxy, port: int, service: WebService
) -> None:
    before = seen(serving(haproxy, port, service))
    (haproxy.folder / "ingress" / "routes" / "production.json").unlink()
    ingress = haproxy.ingress()
    assert ingress.observe("production") == {}
    ingress.listen(web(port, service), "green")
    assert seen(ingress) == before
    assert get(port) == (200, "old")


def test_a_damaged_file_is_named(haproxy: Haproxy, port: int, service: WebService) -> None:
    ingress = serving(haproxy, port, service)
    (haproxy.folder / "ingress" / "routes" / "production.json").write_text("{")
    with pytest.raises(StorageFailed, match=r"production\.json"):
        ingress.observe("production")


def test_a_file_that_haproxy_cannot_take_leaves_the_old_one_in_force(
    haproxy: Haproxy, port: int, service: WebService
) -> None:
    before = seen(serving(haproxy, port, service))
    ingress = haproxy.ingress(patience=3)
    with socket.socket() as bound:  # and not listening: nobody sees it before HAProxy tries
        bound.bind(("127.0.0.1", 0))
        wanted = replace(web(bound.getsockname()[1], service), service="other")
        with pytest.raises(EngineRefused, match="reload"):
            ingress.listen(wanted, "blue")
        assert ingress.observe("production") == {"web": before}
        assert get(port) == (200, "old")
    ingress.listen(wanted, "blue")
    assert set(ingress.observe("production")) == {"web", "other"}
    assert get(port) == (200, "old")


def test_an_address_of_another_host_is_refused(
    haproxy: Haproxy, port: int, service: WebService
) -> None:
    listener = Listener(host_port=port, container_port=service.port, host_ip="192.0.2.1")
    with pytest.raises(EngineRefused, match=r"192\.0\.2\.1"):
        haproxy.ingress().listen(route(listener), "blue")


def test_environments_change_at_the_same_time(haproxy: Haproxy, service: WebService) -> None:
    ingress = haproxy.ingress()

    def change(environment: str) -> int:
        port = free_port()
        ingress.listen(replace(web(port, service), environment=environment), "blue")
        for share in range(10):
            ingress.enter(environment, "web", "blue", container=OLD, address=service.address)
            ingress.shift(environment, "web", share)
        return port

    names = [f"environment-{number}" for number in range(4)]
    with ThreadPoolExecutor() as pool:
        ports = list(pool.map(change, names))
    assert [get(port) for port in ports] == [(200, "old")] * 4
    assert [ingress.observe(name)["web"].share for name in names] == [9] * 4


HOSTILE = (
    {"service": "web\n    bind :1"},
    {"service": "web production"},
    {"service": "web:8080"},
    {"service": "../../etc/x"},
    {"service": ""},
    {"environment": "production/../x"},
    {"environment": "a;b"},
    {"check": Check(path="/a b")},
    {"check": Check(path="/\n    server x 1.2.3.4:5")},
    {"check": Check(path="/\r\nX-Evil: 1")},
    {"check": Check(path="/\u00e9")},
    {"check": Check(path="no-slash")},
    {"check": Check(path="/", port=0)},
    {"check": Check(path="/", port=65536)},
    {"mode": "health"},
    {"listeners": ()},
    {"listeners": (Listener(host_port=0, container_port=1),)},
    {"listeners": (Listener(host_port=1, container_port=65536),)},
    {"listeners": (Listener(host_port=8080, container_port=1, host_ip="1.2.3.4 ssl"),)},
    {"listeners": (Listener(host_port=8080, container_port=1, host_ip="localhost"),)},
    {"listeners": (Listener(host_port=8080, container_port=1, certificate="../key"),)},
    {"listeners": (Listener(host_port=8080, container_port=1),) * 2},
)


@pytest.mark.parametrize("part", HOSTILE, ids=str)
def test_hostile_parts_of_a_route_are_refused(haproxy: Haproxy, part: dict[str, object]) -> None:
    hostile = replace(route(Listener(host_port=8080, container_port=80)), **part)  # type: ignore[arg-type]
    with pytest.raises(EngineRefused):
        haproxy.ingress().listen(hostile, "blue")
    assert not (haproxy.folder / "ingress" / "routes").exists()


@pytest.mark.parametrize(
    ("container", "address"),
    [("a b", "127.0.0.2"), ("a;b", "127.0.0.2"), (OLD, "127.0.0.2;x"), (OLD, "web"), (OLD, "")],
)
def test_hostile_servers_are_refused(
    haproxy: Haproxy, port: int, service: WebService, container: str, address: str
) -> None:
    ingress = serving(haproxy, port, service)
    before = seen(ingress)
    with pytest.raises(EngineRefused):
        ingress.enter("production", "web", "blue", container=container, address=address)
    assert seen(ingress) == before


@pytest.mark.parametrize(
    "path", ["/a'b", '/"$HOME"', "/#x", "/\\x", "/%[src]", "/?a=1&b=;c", "/{}"]
)
def test_a_path_arrives_as_it_was_written(
    haproxy: Haproxy, port: int, service: WebService, path: str
) -> None:
    ingress = haproxy.ingress()
    ingress.listen(web(port, service, path), "blue")
    ingress.enter("production", "web", "blue", container=OLD, address=service.address)
    haproxy.keeper.kill()
    seen(ingress)  # servers of the file are checked from the start
    until(lambda: any(head.startswith(f"GET {path} HTTP/1.1\r\n") for head in service.seen))


def test_private_keys_go_when_nobody_needs_them(
    haproxy: Haproxy, port: int, service: WebService
) -> None:
    haproxy.give("shop")
    listener = Listener(host_port=port, container_port=service.port, certificate="shop")
    ingress = haproxy.ingress()
    ingress.listen(route(listener), "blue")
    copies = haproxy.folder / "ingress" / "certificates"
    assert [each.stat().st_mode & 0o777 for each in copies.iterdir()] == [0o640]
    ingress.listen(web(port, service), "blue")
    assert list(copies.iterdir()) == []

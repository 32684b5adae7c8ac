"""What clients of a real HAProxy see while it is steered."""

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from moorline.adapters.ingress import HaproxyIngress
from moorline.adapters.ingress_port import TrackStats
from moorline.core.strategy import ALL
from moorline.core.traffic import Check, Listener, Route, Track
from tests.adapters.ingress_worlds import Haproxy, listening, route
from tests.parts.processes import until
from tests.parts.sshd import free_port
from tests.parts.webservice import WebService, get, load, serving_versions

OLD, NEW = "a" * 64, "b" * 64


@pytest.fixture
def haproxy() -> Iterator[Haproxy]:
    with listening() as made:
        yield made


@pytest.fixture
def ingress(haproxy: Haproxy) -> HaproxyIngress:
    return haproxy.ingress()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def versions() -> Iterator[tuple[WebService, WebService]]:
    """Two versions of one service, as two containers have them: one port, two addresses."""
    with serving_versions(free_port(), "old", "new") as (old, new):
        yield old, new


def web(port: int, service: WebService, **options: float) -> Route:
    listener = Listener(host_port=port, container_port=service.port)
    return route(listener, path="/health", **options)  # type: ignore[arg-type]


def enter(ingress: HaproxyIngress, track: Track, container: str, service: WebService) -> None:
    ingress.enter("production", "web", track, container=container, address=service.address)


@pytest.mark.parametrize("keep_alive", [True, False])
def test_twenty_swaps_under_load_lose_no_request(
    ingress: HaproxyIngress,
    port: int,
    versions: tuple[WebService, WebService],
    keep_alive: bool,  # noqa: FBT001
) -> None:
    sides: tuple[tuple[Track, str, WebService], ...] = (
        ("blue", OLD, versions[0]),
        ("green", NEW, versions[1]),
    )
    ingress.listen(web(port, versions[0]), "blue")
    enter(ingress, *sides[0])
    with load(port, keep_alive=keep_alive) as seen:
        for swap in range(1, 21):
            (_, old, _), (track, new, service) = sides[1 - swap % 2], sides[swap % 2]
            enter(ingress, track, new, service)
            ingress.shift("production", "web", ALL if track == "green" else 0)
            ingress.drain("production", "web", old)
            until(lambda old=old: ingress.sessions("production", "web", old) == 0)  # type: ignore[misc]
            ingress.leave("production", "web", old)
            before = seen.answers[service.name]
            until(lambda name=service.name, least=before: seen.answers[name] > least)  # type: ignore[misc]
    assert seen.failures == []


def test_servers_of_one_track_are_swapped_without_a_loss(
    ingress: HaproxyIngress, port: int, versions: tuple[WebService, WebService]
) -> None:
    old, new = versions
    ingress.listen(web(port, old), "blue")
    enter(ingress, "blue", OLD, old)
    with load(port) as seen:
        until(lambda: seen.answers["old"] > 100)
        enter(ingress, "blue", NEW, new)
        ingress.drain("production", "web", OLD)
        until(lambda: ingress.sessions("production", "web", OLD) == 0)
        ingress.leave("production", "web", OLD)
        until(lambda: seen.answers["new"] > 100)
    assert seen.failures == []


def test_reloads_under_load_lose_no_request(
    ingress: HaproxyIngress, port: int, versions: tuple[WebService, WebService]
) -> None:
    old = versions[0]
    ingress.listen(web(port, old), "blue")
    enter(ingress, "blue", OLD, old)
    with load(port, keep_alive=False) as seen:
        for reload in range(5):
            ingress.listen(replace(web(port, old), check=Check(path=f"/health?{reload}")), "green")
            before = seen.total
            until(lambda least=before: seen.total > least + 100)  # type: ignore[misc]
    assert seen.failures == []


@pytest.mark.parametrize("share", [100, 2500])
def test_the_share_is_exact_within_a_point(
    ingress: HaproxyIngress, port: int, versions: tuple[WebService, WebService], share: int
) -> None:
    old, new = versions
    ingress.listen(web(port, old), "blue")
    enter(ingress, "blue", OLD, old)
    enter(ingress, "green", NEW, new)
    ingress.shift("production", "web", share)
    with load(port) as seen:
        until(lambda: seen.total >= 10_000, within=60)
    assert seen.failures == []
    assert seen.answers["new"] / seen.total == pytest.approx(share / ALL, abs=0.01)


def test_a_track_without_a_usable_server_leaves_its_requests_to_the_other(
    ingress: HaproxyIngress, port: int, versions: tuple[WebService, WebService]
) -> None:
    old, new = versions
    ingress.listen(web(port, old), "blue")
    ingress.shift("production", "web", ALL)
    enter(ingress, "blue", OLD, old)
    assert get(port) == (200, "old")
    enter(ingress, "green", NEW, new)
    assert get(port) == (200, "new")
    new.healthy = False
    until(lambda: get(port) == (200, "old"))


def test_a_request_under_way_is_served_to_its_end(
    ingress: HaproxyIngress, port: int, versions: tuple[WebService, WebService]
) -> None:
    old = versions[0]
    ingress.listen(web(port, old), "blue")
    enter(ingress, "blue", OLD, old)
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(get, port, "/slow")
        until(lambda: ingress.sessions("production", "web", OLD) == 1)
        ingress.drain("production", "web", OLD)
        assert ingress.sessions("production", "web", OLD) == 1
        until(lambda: ingress.sessions("production", "web", OLD) == 0)
        assert answer.result() == (200, "old")


def test_a_request_from_before_a_reload_still_counts_as_a_session(
    ingress: HaproxyIngress, port: int, versions: tuple[WebService, WebService]
) -> None:
    old = versions[0]
    ingress.listen(web(port, old), "blue")
    enter(ingress, "blue", OLD, old)
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n")
        until(lambda: ingress.sessions("production", "web", OLD) == 1)
        ingress.listen(replace(web(port, old), check=Check(path="/")), "green")
        assert ingress.sessions("production", "web", OLD) == 1
        ingress.leave("production", "web", OLD)
        until(lambda: ingress.sessions("production", "web", OLD) == 0)


def test_another_port_of_the_new_version_leaves_the_old_one_alone(
    ingress: HaproxyIngress, port: int, versions: tuple[WebService, WebService]
) -> None:
    with serving_versions(free_port(), "other", "moved") as (_, moved):
        ingress.listen(web(port, versions[0]), "blue")
        enter(ingress, "blue", OLD, versions[0])
        with load(port) as seen:
            ingress.listen(web(port, moved), "green")
            enter(ingress, "green", NEW, moved)
            assert get(port) == (200, "old")
            ingress.shift("production", "web", ALL)
            until(lambda: seen.answers["moved"] > 0)
        assert seen.failures == []


def test_the_service_learns_who_asks_and_how(
    ingress: HaproxyIngress, port: int, versions: tuple[WebService, WebService]
) -> None:
    ingress.listen(web(port, versions[0]), "blue")
    enter(ingress, "blue", OLD, versions[0])
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/", headers={"X-Forwarded-Proto": "https"})
    connection.getresponse().read()
    connection.close()
    head = versions[0].seen[-1].lower()
    assert "x-forwarded-for: 127.0.0.1\r\n" in head
    assert "x-forwarded-proto: http\r\n" in head
    assert "x-forwarded-proto: https" not in head


def test_tls_ends_with_the_certificate_of_the_host(
    haproxy: Haproxy, ingress: HaproxyIngress, port: int, versions: tuple[WebService, WebService]
) -> None:
    haproxy.give("shop")
    listener = Listener(host_port=port, container_port=versions[0].port, certificate="shop")
    ingress.listen(route(listener), "blue")
    enter(ingress, "blue", OLD, versions[0])
    trusted = ssl.create_default_context(cafile=str(haproxy.certificates / "shop.pem"))
    connection = http.client.HTTPSConnection("localhost", port, context=trusted)
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"old"
    connection.close()
    assert "x-forwarded-proto: https\r\n" in versions[0].seen[-1].lower()


def test_tcp_passes_bytes_and_counts_what_cannot_connect(
    ingress: HaproxyIngress, port: int
) -> None:
    with socket.create_server(("127.0.0.2", 0)) as server:
        behind = server.getsockname()[1]
        echo = threading.Thread(target=_echo, args=(server,))
        echo.start()
        listener = Listener(host_port=port, container_port=behind)
        ingress.listen(route(listener, mode="tcp"), "blue")
        ingress.enter("production", "web", "blue", container=OLD, address="127.0.0.2")
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"\x00\xffhello")
            assert client.recv(100) == b"\x00\xffhello"
        expected = TrackStats(requests=1)
        until(lambda: ingress.stats("production", "web")["blue"] == expected)
        server.shutdown(socket.SHUT_RDWR)
        echo.join()
    with socket.create_connection(("127.0.0.1", port)) as client:
        assert client.recv(100) == b""
    until(lambda: ingress.stats("production", "web")["blue"].errors > 0)


def _echo(server: socket.socket) -> None:
    try:
        while True:
            connection, _ = server.accept()
            with connection:
                while data := connection.recv(1000):
                    connection.sendall(data)
    except OSError:
        return


def test_each_track_has_counters_of_its_own(
    ingress: HaproxyIngress, port: int, versions: tuple[WebService, WebService]
) -> None:
    old, new = versions
    ingress.listen(web(port, old, slow_after=0.1), "blue")
    enter(ingress, "blue", OLD, old)
    enter(ingress, "green", NEW, new)
    for path in ("/", "/", "/slow", "/error"):
        get(port, path)
    ingress.shift("production", "web", ALL)
    get(port, "/slow")
    # a client has its answer a moment before it is counted
    until(
        lambda: (
            ingress.stats("production", "web")
            == {
                "blue": TrackStats(requests=4, errors=1, timed=4, slow=1),
                "green": TrackStats(requests=1, errors=0, timed=1, slow=1),
            }
        )
    )


def test_a_request_that_nobody_can_serve_is_an_error(
    ingress: HaproxyIngress, port: int, versions: tuple[WebService, WebService]
) -> None:
    ingress.listen(web(port, versions[0]), "blue")
    assert get(port)[0] == 503
    expected = TrackStats(requests=1, errors=1)
    until(lambda: ingress.stats("production", "web")["blue"] == expected)


def test_two_listeners_are_one_route(
    ingress: HaproxyIngress, port: int, versions: tuple[WebService, WebService]
) -> None:
    other = free_port()
    both = tuple(
        Listener(host_port=each, container_port=versions[0].port, host_ip="127.0.0.1")
        for each in (port, other)
    )
    ingress.listen(route(*both), "blue")
    enter(ingress, "blue", OLD, versions[0])
    assert get(port) == get(other) == (200, "old")
    until(lambda: ingress.stats("production", "web")["blue"].requests == 2)
    ingress.leave("production", "web", OLD)
    assert get(other)[0] == 503

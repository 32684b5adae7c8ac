"""What only the real prober can get wrong."""

import socket
import threading

import pytest

from moorline.adapters.probe import SocketProber
from tests.parts.stub_http import Reply, serving

PROBER = SocketProber()


@pytest.mark.parametrize(
    "target",
    ["", "ftp://127.0.0.1/", "http:///health", "http://127.0.0.1:x/", "http://127.0.0.1:99999/"],
)
def test_what_is_not_a_url_is_not_well(target: str) -> None:
    assert not PROBER.http(target, timeout=1).ok


@pytest.mark.parametrize("target", ["", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:99999", "::1"])
def test_what_is_not_an_address_is_not_well(target: str) -> None:
    assert not PROBER.tcp(target, timeout=1).ok


def test_the_query_is_sent_along() -> None:
    with serving(lambda _: Reply()) as stub:
        assert PROBER.http(f"http://{stub.address}/a?b=c#d", timeout=5).ok
        assert PROBER.http(f"http://{stub.address}", timeout=5).ok
    assert [each.path for each in stub.requests] == ["/a?b=c", "/"]


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with serving(lambda _: Reply()) as stub:
        assert PROBER.http(f"http://{stub.address}/", timeout=5).ok


def test_what_is_not_http_is_not_well() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"220 mail.example ready\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        result = PROBER.http(f"http://127.0.0.1:{server.getsockname()[1]}/", timeout=5)
        thread.join()
    assert not result.ok
    assert result.detail


def test_ipv6_addresses_are_understood() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        assert PROBER.tcp(f"[::1]:{server.getsockname()[1]}", timeout=5).ok

"""Whether a port of this host is taken, whoever has it."""

import socket
from collections.abc import Iterator

import pytest

from moorline.adapters.ingress.listening import has_address, overlap, taken
from moorline.core.traffic import Listener


@pytest.fixture(params=["127.0.0.1", "0.0.0.0", "::1", "::"])
def held(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    """An address and a port that some program listens on."""
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.create_server((request.param, 0), family=family) as server:
        yield request.param, server.getsockname()[1]


def test_a_port_is_taken_at_its_own_address_and_at_all(held: tuple[str, int]) -> None:
    address, port = held
    assert taken(Listener(host_port=port, container_port=1))
    assert taken(Listener(host_port=port, container_port=1, host_ip=address))


def test_a_port_nobody_listens_on_is_free(held: tuple[str, int]) -> None:
    _, port = held
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        free = bound.getsockname()[1]
    assert free != port
    assert not taken(Listener(host_port=free, container_port=1))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("", "10.0.0.1", True),
        ("0.0.0.0", "10.0.0.1", True),
        ("10.0.0.1", "::", True),
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("::1", "fd00::1", False),
        ("fd00::1", "fd00:0::1", True),
    ],
)
def test_addresses_collide_where_one_is_all_of_them(
    *, one: str, other: str, expected: bool
) -> None:
    assert overlap(one, other) is expected
    assert overlap(other, one) is expected


def test_an_address_is_this_host_s_or_not() -> None:
    assert has_address("127.0.0.1")
    assert not has_address("192.0.2.1")

"""Which ports of this host other programs listen on.

HAProxy must not find out by itself: a new worker that cannot bind asks the old one to let go of
its sockets for a second first, and then leaves the master waiting for a person.
"""

import ipaddress
import socket
from collections.abc import Iterator
from pathlib import Path

from moorline.core.traffic import Listener

__all__ = ["has_address", "overlap", "taken"]

_TABLES = (Path("/proc/self/net/tcp"), Path("/proc/self/net/tcp6"))
_LISTEN = "0A"


def has_address(address: str) -> bool:
    """Whether a socket here can listen on an address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def taken(listener: Listener) -> bool:
    """Whether some program listens where `listener` would."""
    return any(
        port == listener.host_port and overlap(address, listener.host_ip)
        for address, port in _listening()
    )


def overlap(one: str, other: str) -> bool:
    """Whether two listening addresses collide; "" and an unspecified address are all of them."""
    if not one or not other:
        return True
    first, second = ipaddress.ip_address(one), ipaddress.ip_address(other)
    return first == second or first.is_unspecified or second.is_unspecified


def _listening() -> Iterator[tuple[str, int]]:
    for table in _TABLES:
        if not table.exists():
            continue
        for line in table.read_text().splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            if state == _LISTEN:
                address, _, port = local.partition(":")
                yield _address(address), int(port, 16)


def _address(text: str) -> str:
    """The kernel writes each 32 bits of an address in the machine's own order."""
    words = [bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8)]
    return str(ipaddress.ip_address(b"".join(words)))

"""Tell systemd how we are (sd_notify(3)); without systemd, tell nobody."""

import os
import socket
from contextlib import suppress

__all__ = ["notify"]


def notify(state: str) -> None:
    """Send one message such as `READY=1`; never blocks and never fails."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        # a supervisor that does not read must not stop us
        channel.sendto(state.encode(), socket.MSG_DONTWAIT, address)

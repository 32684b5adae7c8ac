"""Probes: look at a service from outside its container.

Connections are new each time and go straight there: a proxy from the environment or a connection
kept alive would prove something else.
"""

import http.client
import socket
from urllib.parse import urlsplit

from moorline.adapters.ports import ProbeResult

__all__ = ["SocketProber"]

_WELL = range(200, 400)
_MAX_DETAIL = 200


class SocketProber:
    """See the port `Prober`. `timeout` bounds the connect and each wait for an answer."""

    def http(self, url: str, *, timeout: float) -> ProbeResult:
        try:
            status, reason = _get(url, timeout)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return ProbeResult(ok=False, detail=_words(error))
        return ProbeResult(ok=status in _WELL, detail=f"{status} {reason}".strip())

    def tcp(self, address: str, *, timeout: float) -> ProbeResult:
        try:
            where = urlsplit(f"tcp://{address}")
            with socket.create_connection((where.hostname, where.port), timeout):
                return ProbeResult(ok=True, detail="connected")
        except (OSError, ValueError) as error:
            return ProbeResult(ok=False, detail=_words(error))


def _get(url: str, timeout: float) -> tuple[int, str]:
    """Send one GET; the body is not read, and a redirect is an answer like any other."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(f"not an http:// URL: {url}")
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    try:
        target = parts._replace(scheme="", netloc="", fragment="").geturl()
        connection.request("GET", target or "/", headers={"Connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.reason
    finally:
        connection.close()


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error) or type(error).__name__)[:_MAX_DETAIL]

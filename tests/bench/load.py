"""Load from wrk, and what it says of it."""

import re
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Load", "Wrk"]

_SCRIPT = Path(__file__).parents[1] / "parts" / "wrk.sh"
_CONNECTIONS = 6
"""Fewer than busybox's httpd lets wait: it is the rollouts that are to be tried, not the page."""
_LONGEST = "1h"
_PATIENCE = 30
_REQUESTS = re.compile(r"^\s*(\d+) requests in", re.MULTILINE)
_SOCKET = re.compile(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)")
_STATUS = re.compile(r"Non-2xx or 3xx responses: (\d+)")


@dataclass(frozen=True, slots=True)
class Load:
    """What became of the requests."""

    requests: int
    failed: int
    """Those without an answer, or with one that is not 2xx or 3xx."""
    report: str

    def __str__(self) -> str:
        return f"{self.failed} of {self.requests:,}"


class Wrk:
    """Asks without a pause from its making until it is stopped."""

    def __init__(self, url: str, *headers: str) -> None:
        program = subprocess.run([_SCRIPT], check=True, capture_output=True, text=True).stdout
        options = [word for header in headers for word in ("-H", header)]
        self._process = subprocess.Popen(
            [program.strip(), "-t1", f"-c{_CONNECTIONS}", f"-d{_LONGEST}", *options, url],
            stdout=subprocess.PIPE,
            text=True,
        )

    def stop(self) -> Load:
        """End it, and read its report."""
        self._process.send_signal(signal.SIGINT)
        report, _ = self._process.communicate(timeout=_PATIENCE)
        return read_report(report)

    def kill(self) -> None:
        """End it whatever it does."""
        self._process.kill()
        self._process.wait()


def read_report(report: str) -> Load:
    """Count in wrk's own words; a sort of failure that did not happen is not in them."""
    requests = _REQUESTS.search(report)
    assert requests, report
    socket, status = _SOCKET.search(report), _STATUS.search(report)
    failed = sum(map(int, socket.groups())) if socket else 0
    return Load(int(requests[1]), failed + (int(status[1]) if status else 0), report)

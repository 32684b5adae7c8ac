"""Looking for processes, and waiting for something to become true."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

__all__ = ["command_lines", "kill_session", "until"]


def until(condition: Callable[[], bool], *, within: float = 10.0) -> None:
    """Wait for a condition, or fail after `within` seconds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"still not so after {within:g} s"
        time.sleep(0.005)


def command_lines(containing: str) -> list[str]:
    """The command lines of living processes in which a text stands."""
    lines = (_read(folder / "cmdline") for folder in Path("/proc").glob("[0-9]*"))
    return [line.replace("\0", " ") for line in lines if containing in line]


def kill_session(leader: int, *, sparing: str) -> None:
    """SIGKILL every process of a session, except where `sparing` stands in the command line."""
    for folder in Path("/proc").glob("[0-9]*"):
        # field 6 is the session; field 2, the name, may contain spaces and ends with a parenthesis
        fields = _read(folder / "stat").rpartition(")")[2].split()
        ours = bool(fields) and int(fields[3]) == leader
        if ours and sparing not in _read(folder / "cmdline"):
            with suppress(ProcessLookupError):
                os.kill(int(folder.name), signal.SIGKILL)


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""

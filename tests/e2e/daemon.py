"""`moorline run` as a process, and the only way in which scenarios wait."""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

__all__ = ["Daemon", "eventually"]

DEADLINE = 40.0


def eventually(condition: Callable[[], object], what: str, *, within: float = DEADLINE) -> float:
    """Wait until `condition` returns something true, and return how long it took; fails with
    `what` after `within` seconds.
    """
    began = time.monotonic()
    last: object = None
    while time.monotonic() < began + within:
        try:
            last = condition()
        except (AssertionError, LookupError, OSError) as error:
            last = error
        else:
            if last:
                return time.monotonic() - began
        # the only sleep: it keeps the machine free for what is looked at
        time.sleep(0.05)
    raise AssertionError(f"not within {within:.0f} s: {what} (last look: {last!r})")


class Daemon:
    """`moorline run` as a process."""

    def __init__(self, command: Sequence[str], *, log: Path, env: Mapping[str, str]) -> None:
        self._log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=env
            )

    @property
    def log(self) -> str:
        """Everything that it wrote so far."""
        return self._log.read_text(errors="replace")

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def wait_for(self, words: str) -> None:
        """Wait until its log has these words; one that hangs is asked for its stacks."""
        try:
            eventually(lambda: words in self.log or not self.alive, f"{words!r} in the log")
        except AssertionError as error:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait()
            raise AssertionError(f"{error}:\n{self.log}") from None
        assert words in self.log, self.log

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=DEADLINE)

    def reload(self) -> None:
        """SIGHUP."""
        self.process.send_signal(signal.SIGHUP)

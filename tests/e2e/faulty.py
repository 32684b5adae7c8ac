"""The daemon on a host that can be told to misbehave, by files beside the configuration.

    python faulty.py --config FILE run

The files are:

    pause     a change, as `engine.start`: before such a one it waits until the file is gone, and
              meanwhile there is a file `paused`
    clock     seconds by which the wall clock is wrong
    patience  seconds that the engine has for an answer; read at the start only

None is there at first.
"""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from moorline.adapters.engine import DockerEngine
from moorline.adapters.ports import Clock
from moorline.agent.host import Host
from tests.e2e.wired import run_wired


@dataclass(frozen=True, slots=True)
class Pause:
    """Waits before a change, for as long as it is told to."""

    folder: Path

    def around(self, name: str, change: Callable[[], object]) -> object:
        while self._told() == name:
            (self.folder / "paused").touch()
            time.sleep(0.01)
        (self.folder / "paused").unlink(missing_ok=True)
        return change()

    def _told(self) -> str:
        with suppress(FileNotFoundError):
            return (self.folder / "pause").read_text()
        return ""


@dataclass(frozen=True, slots=True)
class JumpingClock:
    """A clock whose wall time somebody sets; what measures durations is not affected."""

    real: Clock
    folder: Path

    def now(self) -> datetime:
        wrong = 0.0
        with suppress(FileNotFoundError):
            wrong = float((self.folder / "clock").read_text())
        return self.real.now() + timedelta(seconds=wrong)

    def monotonic(self) -> float:
        return self.real.monotonic()

    def wait(self, seconds: float) -> None:
        self.real.wait(seconds)


def misbehaving(folder: Path, host: Host) -> Host:
    """The host with a clock that jumps, and with an engine that has to answer soon."""
    patience = folder / "patience"
    engine = host.engine
    if patience.exists():
        engine = DockerEngine(host.config.engine.url, timeout=float(patience.read_text()))
    return replace(host, clock=JumpingClock(host.clock, folder), engine=engine)


if __name__ == "__main__":
    config = Path(sys.argv[2])
    beside = config.parent
    sys.exit(run_wired(config, Pause(beside), changed=lambda host: misbehaving(beside, host)))

"""The daemon with a tripwire: it kills itself with SIGKILL at the n-th change that it makes.

    python crashing.py --config FILE run

Nothing is counted until the file `tripwire` lies beside the configuration; it says `<n> <when>`:

    after     the call has returned, and what the agent does with that is lost
    during    the call was made a moment ago and has not been waited for

Being killed before the n-th change is being killed after the one before it.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.e2e.wired import run_wired

A_MOMENT = 0.01
"""Long enough for a request to be on its way, short enough for it not to be answered."""


class Tripwire:
    """Counts changes, and ends the process at one of them."""

    def __init__(self, folder: Path) -> None:
        self._order = folder / "tripwire"
        self._passed = folder / "changes"
        self._count = 0
        self._lock = threading.Lock()

    def around(self, name: str, change: Callable[[], object]) -> object:
        """Make one change, if we live to see its end."""
        last, when = self._read()
        if self._pass(name, counting=last > 0) != last or last == 0:
            return change()
        if when == "after":
            change()
        else:
            threading.Thread(target=change, daemon=True).start()
            time.sleep(A_MOMENT)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("still alive")

    def _pass(self, name: str, *, counting: bool) -> int:
        with self._lock:
            self._count += counting
            if counting:
                with self._passed.open("a") as passed:
                    passed.write(f"{self._count} {name}\n")
            return self._count

    def _read(self) -> tuple[int, str]:
        if not self._order.exists():
            return 0, ""
        number, _, when = self._order.read_text().partition(" ")
        return int(number), when


if __name__ == "__main__":
    config = Path(sys.argv[2])
    sys.exit(run_wired(config, Tripwire(config.parent)))

"""The one real clock. Everything else takes time as an argument or through the `Clock` port."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from moorline.errors import Interrupted

__all__ = ["SystemClock", "stop_check"]


class SystemClock:
    """Wall and monotonic time; waits end early once `stop` is set."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def now(self) -> datetime:
        """Wall time, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """Return after `seconds`, or at once when the daemon is to stop."""
        self._stop.wait(seconds)


def stop_check(stop: threading.Event, says: str) -> Callable[[], None]:
    """What raises Interrupted with these words once `stop` is set."""

    def check() -> None:
        if stop.is_set():
            raise Interrupted(says)

    return check

"""One moorline at a time per state directory."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moorline.agent.storage import storage_errors
from moorline.errors import Locked

__all__ = ["state_lock"]


@contextmanager
def state_lock(state_dir: Path, purpose: str) -> Iterator[None]:
    """Hold the lock while the body runs; raises Locked naming who holds it.

    The kernel lets go of it when the process ends, however it ends: there is no stale lock.
    """
    path = state_dir / "lock"
    with storage_errors(path):
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = path.open("a+")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read(200).strip() or "another moorline"
            raise Locked(
                f"{holder} is working with {state_dir}",
                mend="it applies commits by itself; look with 'moorline status'",
            ) from None
        with storage_errors(path):
            file.truncate(0)
            file.write(f"moorline {purpose} (pid {os.getpid()})")
            file.flush()
        yield

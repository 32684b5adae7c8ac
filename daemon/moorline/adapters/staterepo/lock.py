"""Who else works on the mirror: one file lock, shared by all, held alone to clean up.

The lock belongs to an open file, not to a process, and git inherits that file. A git that
outlives a killed moorline therefore still holds it, with everything it started itself.
"""

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from moorline.errors import StorageFailed

__all__ = ["MirrorLock", "remove_stale_lock", "storage"]

_IN_THE_WAY = re.compile(r"Unable to create '(/[^']+\.lock)': File exists")

_LOOK_AGAIN = 0.02


class MirrorLock:
    """A lock file beside the mirror, so that it survives the mirror's replacement."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def shared(self) -> Iterator[int]:
        """Work beside others; yields the file descriptor that children must keep."""
        with self._open() as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            yield descriptor

    @contextmanager
    def alone(self, *, patience: float) -> Iterator[bool]:
        """Wait up to `patience` seconds for the others; yields whether they are all gone."""
        deadline = time.monotonic() + patience
        with self._open() as descriptor:
            while not (alone := _take(descriptor)) and time.monotonic() < deadline:
                time.sleep(_LOOK_AGAIN)
            yield alone

    @contextmanager
    def _open(self) -> Iterator[int]:
        with storage(self._path):
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def remove_stale_lock(repository: Path, said: str, *, older_than: float) -> None:
    """Remove the lock that git complains of, if it is in `repository` and `older_than` seconds.

    For a remote on a local path: whoever kills moorline with everything it started may kill the
    receiving git too, and leave its lock. Git holds one for milliseconds; nothing else would ever
    take it away, and no record could be written any more.
    """
    found = _IN_THE_WAY.search(said)
    if found is None:
        return
    lock = Path(found[1]).resolve()
    with suppress(OSError):
        old = time.time() - lock.stat().st_mtime > older_than
        if old and lock.is_relative_to(repository.resolve()):
            lock.unlink()


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def storage(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals into StorageFailed."""
    try:
        yield
    except OSError as failed:
        raise StorageFailed(
            f"cannot write {path}: {failed.strerror}",
            mend="make room, or let moorline's user write its state directory",
        ) from None

"""Files of the ingress folder: whole or not at all, on disk when written, and nobody else's.

They are the group's as well as ours: HAProxy's container has another user, and the daemon's group.
Nobody else comes past the state directory.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moorline.errors import StorageFailed

__all__ = ["make_folder", "remove", "write"]


def make_folder(path: Path) -> None:
    """A folder for the daemon and its HAProxy."""
    with _disk(path):
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o770)  # whatever the umask is


def write(path: Path, data: bytes) -> None:
    """Put `data` at `path`, mode 0640; a file that is the same already is left alone."""
    with _disk(path):
        if path.exists() and path.read_bytes() == data:
            return
        aside = path.with_name(f".{path.name}.new")
        aside.unlink(missing_ok=True)
        try:
            with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as f:
                f.write(data)
                f.flush()
                os.fchmod(f.fileno(), 0o640)
                os.fsync(f.fileno())
            aside.rename(path)
        except OSError:
            aside.unlink(missing_ok=True)
            raise
        _sync(path.parent)


def remove(path: Path) -> None:
    """Take a file away; one that is gone is fine."""
    with _disk(path):
        path.unlink(missing_ok=True)
        _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        mend = "free some space there, or let moorline's user write to it"
        raise StorageFailed(f"{path}: {error.strerror or error}", mend=mend) from None

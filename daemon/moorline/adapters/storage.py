"""Files that survive kill -9 and power loss, and the errors of a disk, in one place."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moorline.errors import StorageFailed

__all__ = [
    "read_if_there",
    "remove_durably",
    "storage_errors",
    "sync_folder",
    "write_durably",
]

NOBODY_ELSES = 0o600
READABLE = 0o644
"""Whoever may enter the folder may run `moorline status`."""


def write_durably(path: Path, data: bytes, *, mode: int = READABLE) -> None:
    """Replace `path` by `data`: after this returns it is on disk, before it the old one is."""
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.new")
        aside.unlink(missing_ok=True)  # a killed attempt's
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with os.fdopen(os.open(aside, flags, NOBODY_ELSES), "wb") as file:
                file.write(data)
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            aside.rename(path)
        except OSError:
            aside.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def read_if_there(path: Path) -> bytes | None:
    """What is in `path`; None where there is no such file."""
    with storage_errors(path):
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None


def remove_durably(path: Path) -> None:
    """Have no `path` any more, also after a power loss."""
    with storage_errors(path):
        if path.exists():
            path.unlink()
            sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename or unlink in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn what a disk says into one line with a mend."""
    try:
        yield
    except OSError as error:
        mend = "free some space there, or let moorline's user write to it"
        raise StorageFailed(f"{path}: {error.strerror or error}", mend=mend) from None

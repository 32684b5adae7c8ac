"""Locks: one moorline at a time per state directory, and one change at a time of a shared file."""

import fcntl
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moorline.adapters.storage import storage_errors
from moorline.errors import Locked, UsageError

__all__ = ["file_lock", "lock_holder", "state_lock"]


@contextmanager
def state_lock(state_dir: Path, purpose: str) -> Iterator[None]:
    """Hold the lock while the body runs; raises Locked naming who holds it.

    The kernel lets go of it when the process ends, however it ends: there is no stale lock.
    """
    path = state_dir / "lock"
    with storage_errors(path):
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        _refuse_to_mix_owners(state_dir)
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


def _refuse_to_mix_owners(state_dir: Path) -> None:
    """Root's files in the folder would be in the way of the daemon that it belongs to."""
    owner = state_dir.stat().st_uid
    if os.geteuid() == 0 and owner != 0:
        try:
            name = pwd.getpwuid(owner).pw_name
        except KeyError:
            name = f"#{owner}"
        mend = f"run this as that user: sudo -u '{name}' moorline …"
        raise UsageError(f"{state_dir} belongs to {name}", mend=mend)


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Wait for every other thread and process to be done with the file, which may not be there
    yet, and keep them out of it while the body runs. The lock is a file beside it.
    """
    beside = path.with_suffix(".lock")
    with storage_errors(beside):
        beside.parent.mkdir(parents=True, exist_ok=True)
        file = beside.open("a")
    with file:
        with storage_errors(beside):
            # the kernel lets go of it when the process ends, however it ends
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def lock_holder(state_dir: Path) -> str:
    """Who works with this state directory now, "" for nobody; does not touch the lock.

    Trying the lock would be simpler, and could keep a daemon from starting at that instant.
    """
    try:
        with (state_dir / "lock").open() as file:
            inode = os.fstat(file.fileno()).st_ino
            holder = file.read(200).strip()
        locks = Path("/proc/locks").read_text(encoding="ascii")
    except OSError:
        return ""
    # 1: FLOCK  ADVISORY  WRITE 4711 08:01:131090 0 EOF
    held = [line.split()[-3] for line in locks.splitlines() if " FLOCK " in line]
    is_held = any(place.endswith(f":{inode}") for place in held)
    return (holder or "another moorline") if is_held else ""

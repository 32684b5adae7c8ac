"""Files of the ingress folder: whole or not at all, on disk when written, and nobody else's.

They are the group's as well as ours: HAProxy's container has another user, and the daemon's group.
Nobody else comes past the state directory.
"""

from pathlib import Path

from moorline.adapters.storage import storage_errors, sync_folder, write_durably

__all__ = ["make_folder", "remove", "write"]


def make_folder(path: Path) -> None:
    """A folder for the daemon and its HAProxy."""
    with storage_errors(path):
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o770)  # whatever the umask is


def write(path: Path, data: bytes) -> None:
    """Put `data` at `path`, mode 0640; a file that is the same already is left alone."""
    with storage_errors(path):
        if path.exists() and path.read_bytes() == data:
            return
    write_durably(path, data, mode=0o640)


def remove(path: Path) -> None:
    """Take a file away; one that is gone is fine."""
    with storage_errors(path):
        path.unlink(missing_ok=True)
        sync_folder(path.parent)

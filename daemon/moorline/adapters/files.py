"""The host's own files: contents of secrets and configs, laid out for containers to mount.

Rule 1: a path is named after a keyed hash of content and ownership. The same content is the same
        path, and a path tells nobody what is in it.
Rule 2: a file appears complete or not at all: written aside, then renamed.
Rule 3: secrets lie on a tmpfs (the runtime directory), configs in the state directory, so that the
        engine finds configs again after a reboot, before moorline is up.
"""

import hmac
import os
import secrets
import stat
import threading
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from moorline.core.desired import StoredFile
from moorline.core.model import FileMount
from moorline.errors import AccessDenied, NotFound, StorageFailed

__all__ = ["HostFileStore", "PlanningFileStore"]

LIMIT = 1 << 20


class HostFileStore:
    """Stores below `runtime_dir` (secrets) and `state_dir` (configs)."""

    def __init__(self, *, state_dir: Path, runtime_dir: Path) -> None:
        self._folders = {"secret": runtime_dir / "secrets", "config": state_dir / "configs"}
        self._key_path = state_dir / "key"

    def read_host(self, path: str) -> bytes:
        """A regular file of the host, at most 1 MiB; raises NotFound or AccessDenied."""
        try:
            # O_NONBLOCK: opening a pipe must not wait for somebody to write to it
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise AccessDenied(f"{path} is not a regular file")
                data = file.read(LIMIT + 1)
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(f"{path} is not on this host", mend="create it") from None
        except PermissionError:
            mend = "let the user that moorline runs as read it"
            raise AccessDenied(f"{path} cannot be read", mend=mend) from None
        except OSError as error:
            raise AccessDenied(f"{path} cannot be read: {error.strerror}") from None
        if len(data) > LIMIT:
            raise AccessDenied(f"{path} is larger than 1 MiB")
        return data

    def store(self, environment: str, mount: FileMount, content: bytes) -> StoredFile:
        """Write once per content and ownership; the same input gives the same path."""
        try:
            stored = self._place(environment, mount, content)
            path = Path(stored.path)
            if not path.exists():
                _make_passable(path.parent.parent, path.parent)
                _write(path, content, mount)
        except OSError as error:
            mend = "free some space, or let moorline write there"
            raise StorageFailed(f"cannot store a {mount.kind}: {error}", mend=mend) from None
        return stored

    def sweep(self, environment: str, in_use: Collection[str]) -> None:
        """Remove an environment's stored files that are not among the paths `in_use`."""
        for folder in self._folders.values():
            if not (folder / environment).is_dir():
                continue
            for path in (folder / environment).iterdir():
                if str(path) not in in_use:
                    path.unlink(missing_ok=True)

    def _place(self, environment: str, mount: FileMount, content: bytes) -> StoredFile:
        ownership = f"{mount.kind}:{mount.uid}:{mount.gid}:{mount.mode:o}:".encode()
        version = hmac.new(self._key(), ownership + content, "sha256").hexdigest()
        path = self._folders[mount.kind] / environment / version[:32]
        return StoredFile(version=version, path=str(path))

    def _key(self) -> bytes:
        with suppress(FileNotFoundError):
            return self._key_path.read_bytes()
        self._key_path.parent.mkdir(parents=True, exist_ok=True)
        aside = self._key_path.with_suffix(f".{_mark()}")
        with _open_new(aside, 0o600) as file:
            file.write(secrets.token_bytes(32))
            file.flush()
            os.fsync(file.fileno())
        # link, not rename: whoever comes first wins, and the other reads that key
        with suppress(FileExistsError):
            os.link(aside, self._key_path)
        aside.unlink()
        return self._key_path.read_bytes()


class PlanningFileStore(HostFileStore):
    """Says where files would lie, and writes none: for whoever only looks ahead."""

    def store(self, environment: str, mount: FileMount, content: bytes) -> StoredFile:
        """The path that the store gives to this content."""
        try:
            return self._place(environment, mount, content)
        except PermissionError:
            mend = "run this as the user that moorline runs as, or as root"
            raise AccessDenied(f"{self._key_path} cannot be read", mend=mend) from None

    def sweep(self, environment: str, in_use: Collection[str]) -> None:
        """Remove nothing."""

    def _key(self) -> bytes:
        with suppress(FileNotFoundError):
            return self._key_path.read_bytes()
        # nothing was ever stored here, so there is nothing that a path could be equal to
        return secrets.token_bytes(32)


def _make_passable(*folders: Path) -> None:
    """Folders that containers' own users pass through and nobody lists."""
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o711)


def _write(path: Path, content: bytes, mount: FileMount) -> None:
    aside = path.with_name(f".{path.name}.{_mark()}")
    try:
        with _open_new(aside, 0o600) as file:
            file.write(content)
            file.flush()
            _give(file.fileno(), mount)
            os.fchmod(file.fileno(), mount.mode)
            os.fsync(file.fileno())
        aside.rename(path)
    finally:
        aside.unlink(missing_ok=True)


def _mark() -> str:
    """Tells threads apart as well as processes; the dead leave at most one file each."""
    return f"{os.getpid()}-{threading.get_native_id()}"


def _give(descriptor: int, mount: FileMount) -> None:
    try:
        os.fchown(descriptor, mount.uid, mount.gid)
    except PermissionError:
        # whoever may read it by its mode needs no ownership; for anyone else it would be useless
        if not mount.mode & stat.S_IROTH:
            raise


def _open_new(path: Path, mode: int) -> BinaryIO:
    """A file that did not exist, with `mode` from its first moment on."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb")

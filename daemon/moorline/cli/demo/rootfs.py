"""A file system for an image, as the tar that `docker import` takes."""

import io
import tarfile
from collections.abc import Mapping

__all__ = ["root_fs"]


def root_fs(files: Mapping[str, bytes | str]) -> bytes:
    """A tar of executable files (bytes) and of symlinks (text: where they lead)."""
    with io.BytesIO() as buffer:
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for path, content in files.items():
                _add(tar, path, content)
        return buffer.getvalue()


def _add(tar: tarfile.TarFile, path: str, content: bytes | str) -> None:
    entry = tarfile.TarInfo(path)
    if isinstance(content, str):
        entry.type, entry.linkname = tarfile.SYMTYPE, content
        tar.addfile(entry)
        return
    entry.mode, entry.size = 0o755, len(content)
    tar.addfile(entry, io.BytesIO(content))

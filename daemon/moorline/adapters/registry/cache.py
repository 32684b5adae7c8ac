"""Manifests and configs on disk, by digest: what has a digest never changes.

`<folder>/<kind>/<2 hex>/<hex>` holds a media type, a newline and the bytes. An entry is verified
whenever it is read, and a disk that is full or broken costs time but no answer.
"""

import hashlib
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Literal, TypeAlias

from moorline.adapters.http import MAX_BODY
from moorline.core.image import Digest
from moorline.core.manifest import Manifest

__all__ = ["Cache", "Kind"]

Kind: TypeAlias = Literal["manifests", "blobs"]

_MEDIA_TYPE = re.compile(rb"[\w.+-]+/[\w.+-]+", re.ASCII)
_LONGEST_TYPE = 256


class Cache:
    """Thread-safe, also between processes. Without a folder it holds nothing."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def get(self, kind: Kind, digest: Digest) -> Manifest | None:
        """What was kept, unless it is damaged."""
        path = self._path(kind, digest)
        if path is None:
            return None
        try:
            with path.open("rb") as file:
                content = file.read(MAX_BODY + _LONGEST_TYPE)
        except OSError:
            return None
        media_type, _, data = content.partition(b"\n")
        intact = hashlib.sha256(data).hexdigest() == path.name
        if not intact or not _MEDIA_TYPE.fullmatch(media_type):
            return None
        return Manifest(media_type.decode(), data)

    def put(self, kind: Kind, digest: Digest, content: Manifest) -> None:
        """Keep something that was verified, if the disk allows."""
        path = self._path(kind, digest)
        if path is None:
            return
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, content.media_type.encode() + b"\n" + content.data)

    def _path(self, kind: Kind, digest: Digest) -> Path | None:
        _, _, hexadecimal = digest.value.partition(":")
        return self._folder and self._folder / kind / hexadecimal[:2] / hexadecimal


def _write(path: Path, data: bytes) -> None:
    """All or nothing as others see it; what power loss leaves of it is found out when reading."""
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(aside).rename(path)
    except OSError:
        Path(aside).unlink(missing_ok=True)
        raise

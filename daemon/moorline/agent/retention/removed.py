"""The exact bytes of every manifest that retention deletes, kept so that it can be put back."""

import base64
import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from moorline.adapters.storage import storage_errors, write_durably
from moorline.core.manifest import Manifest

__all__ = ["Removed", "Saved"]

KEPT = 90 * 86400.0
"""Seconds. GitHub brings a version back for 30 days, a plain registry until it cleans up."""


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """A deleted version: enough to restore it by id, or to put it again."""

    package: str
    digest: str
    id: str
    tags: tuple[str, ...]
    media_type: str
    data: str
    """The manifest's bytes, in base64."""
    decision: str
    at: float

    @property
    def manifest(self) -> Manifest:
        """The bytes, with their type."""
        return Manifest(self.media_type, base64.b64decode(self.data))


class Removed:
    """`removed/<hex>-<package>.json`, written before the deletion is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "removed"

    def save(self, saved: Saved) -> None:
        """Keep one, durably."""
        path = self._folder / f"{_hex(saved.digest)}-{_mark(saved.package)}.json"
        write_durably(path, msgspec.json.encode(saved))
        with storage_errors(path):
            os.utime(path, (saved.at, saved.at))

    def find(self, digest: str) -> tuple[Saved, ...]:
        """What is kept of a digest, in any package; the newest first."""
        found = self._read(f"{_hex(digest)}-*.json")
        return tuple(sorted(found, key=lambda each: -each.at))

    def of_package(self, package: str) -> dict[str, Saved]:
        """Digest → what is kept of one package."""
        return {each.digest: each for each in self._read(f"*-{_mark(package)}.json")}

    def forget(self, now: float) -> None:
        """Drop what no registry could bring back any more."""
        with storage_errors(self._folder):
            for path in self._folder.glob("*.json"):
                if path.stat().st_mtime < now - KEPT:
                    path.unlink(missing_ok=True)

    def _read(self, pattern: str) -> Iterator[Saved]:
        with storage_errors(self._folder):
            contents = [path.read_bytes() for path in self._folder.glob(pattern)]
        for data in contents:
            # a damaged one is as good as none
            with suppress(msgspec.DecodeError):
                yield msgspec.json.decode(data, type=Saved)


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")


def _mark(package: str) -> str:
    """What a package is in a file's name, where it cannot stand itself."""
    return hashlib.sha256(package.encode()).hexdigest()[:12]

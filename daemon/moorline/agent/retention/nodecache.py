"""What the manifests of a package refer to, kept on disk from one run to the next.

A manifest never changes, so that this is true for as long as the version is there. Digests and
blobs are written once however many images share them: a hundred thousand images of a few base
images are read in a second, and take little memory.
"""

import hashlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from moorline.adapters.storage import read_if_there, write_durably
from moorline.core.manifest import Blob, Node

__all__ = ["NodeCache"]

_FORMAT = 1


class _Row(msgspec.Struct, frozen=True, array_like=True):
    """A node; digests and blobs are numbers in the tables, -1 is none."""

    digest: int
    size: int
    children: list[int]
    platforms: list[str]
    config: int
    blobs: list[int]
    subject: int
    artifact_type: str
    revision: str
    created: str


class _Table(msgspec.Struct, frozen=True, array_like=True):
    format: int
    digests: list[str]
    blobs: list[tuple[int, int]]
    rows: list[_Row]


class NodeCache:
    """One file per package, replaced as a whole."""

    def __init__(self, folder: Path, package: str) -> None:
        name = hashlib.sha256(package.encode()).hexdigest()[:24]
        self._path = folder / "nodes" / f"{name}.msgpack"

    def load(self) -> dict[str, Node]:
        """Digest → node; nothing where the file is not there, or not one of ours."""
        data = read_if_there(self._path)
        if data is None:
            return {}
        try:
            table = msgspec.msgpack.decode(data, type=_Table)
            return _nodes(table) if table.format == _FORMAT else {}
        except (msgspec.DecodeError, IndexError):
            # it is read from the registry again: only that must not be known wrongly
            return {}

    def save(self, nodes: Mapping[str, Node]) -> None:
        """Keep these, and forget all others."""
        write_durably(self._path, msgspec.msgpack.encode(_table(nodes.values())))


def _nodes(table: _Table) -> dict[str, Node]:
    digests = ["", *(sys.intern(each) for each in table.digests)]
    blobs = [Blob(digests[digest + 1], size) for digest, size in table.blobs]
    nodes = (
        Node(
            digest=digests[row.digest + 1],
            size=row.size,
            children=tuple(digests[each + 1] for each in row.children),
            platforms=tuple(sys.intern(each) for each in row.platforms),
            config=digests[row.config + 1],
            blobs=tuple(blobs[each] for each in row.blobs),
            subject=digests[row.subject + 1],
            artifact_type=sys.intern(row.artifact_type),
            revision=row.revision,
            created=row.created,
        )
        for row in table.rows
    )
    return {node.digest: node for node in nodes}


class _Numbers:
    """Digests and blobs, numbered in the order of their first appearance."""

    def __init__(self) -> None:
        self.digests: dict[str, int] = {"": -1}
        self.blobs: dict[tuple[int, int], int] = {}

    def digest(self, digest: str) -> int:
        return self.digests.setdefault(digest, len(self.digests) - 1)

    def blob(self, blob: Blob) -> int:
        return self.blobs.setdefault((self.digest(blob.digest), blob.size), len(self.blobs))

    def all(self, digests: Sequence[str]) -> list[int]:
        return [self.digest(each) for each in digests]


def _table(nodes: Iterable[Node]) -> _Table:
    numbers = _Numbers()
    rows = [
        _Row(
            digest=numbers.digest(node.digest),
            size=node.size,
            children=numbers.all(node.children),
            platforms=list(node.platforms),
            config=numbers.digest(node.config),
            blobs=[numbers.blob(each) for each in node.blobs],
            subject=numbers.digest(node.subject),
            artifact_type=node.artifact_type,
            revision=node.revision,
            created=node.created,
        )
        for node in nodes
    ]
    # without the one that stands for none
    return _Table(_FORMAT, list(numbers.digests)[1:], list(numbers.blobs), rows)

"""The bytes that a deletion frees. Layers are shared, so each blob is counted once.

How much a registry really frees is between the two bounds: it may share blobs with repositories
that nobody looked at, and a plain registry frees nothing before its own garbage collection.
"""

from collections.abc import Iterable, Mapping

from moorline.core.manifest import Node

__all__ = ["freed", "own_size"]


def own_size(node: Node | None) -> int:
    """Bytes of one manifest with its config and layers; 0 for one that could not be read."""
    if node is None:
        return 0
    return node.size + sum(blob.size for blob in node.blobs)


def freed(
    doomed: Iterable[str], staying: Iterable[str], nodes: Mapping[str, Node]
) -> tuple[int, int]:
    """At least (what nothing that stays refers to) and at most (all of it), in bytes."""
    going = _sizes(doomed, nodes)
    needed = _sizes(staying, nodes).keys() if going else ()
    least = sum(size for digest, size in going.items() if digest not in needed)
    return least, sum(going.values())


def _sizes(digests: Iterable[str], nodes: Mapping[str, Node]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for digest in digests:
        node = nodes.get(digest)
        if node is not None:
            sizes[digest] = node.size
            for blob in node.blobs:
                sizes[blob.digest] = blob.size
    return sizes

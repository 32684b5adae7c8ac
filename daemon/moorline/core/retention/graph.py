"""What belongs together in one package: an index and its parts, an image and what refers to it.

The arrows go from what is pulled to what a pull, or a check of its signature, needs besides. They
may run in a circle: a tag that attaches one manifest to another is only a name.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from moorline.core.manifest import Node
from moorline.core.retention.model import Version
from moorline.core.retention.tags import subject_of

__all__ = ["Graph"]


@dataclass(frozen=True, slots=True)
class Graph:
    """`subjects`: digest → what it is attached to; `parents`: digest → an index that lists it."""

    nodes: Mapping[str, Node]
    subjects: Mapping[str, str]
    parents: Mapping[str, str]
    attached: Mapping[str, Sequence[str]]
    """The reverse of `subjects`."""

    @classmethod
    def of(cls, versions: Iterable[Version], nodes: Mapping[str, Node]) -> "Graph":
        """The graph of what a package lists."""
        subjects: dict[str, str] = {}
        attached: dict[str, list[str]] = defaultdict(list)
        parents: dict[str, str] = {}
        for version in versions:
            node = nodes.get(version.digest)
            for subject in _subjects(version, node):
                subjects.setdefault(version.digest, subject)
                attached[subject].append(version.digest)
            for child in node.children if node else ():
                parents.setdefault(child, version.digest)
        return cls(nodes, subjects, parents, attached)

    def closure(self, roots: Iterable[str]) -> dict[str, str]:
        """Everything that `roots` need: digest → the one that it is needed by ("" for a root)."""
        needed = dict.fromkeys(roots, "")
        waiting = list(needed)
        while waiting:
            digest = waiting.pop()
            for each in self._needs(digest):
                if each not in needed:
                    needed[each] = digest
                    waiting.append(each)
        return needed

    def depths(self, digests: Iterable[str]) -> dict[str, int]:
        """How many indexes stand above each, counting only those among `digests`."""
        depths = dict.fromkeys(digests, 0)
        # an index holds the digests of its parts, so that no circle is possible here
        waiting = [each for each in depths if (node := self.nodes.get(each)) and node.children]
        while waiting:
            digest = waiting.pop()
            below = depths[digest] + 1
            for child in self._children(digest):
                if depths.get(child, below) < below:
                    depths[child] = below
                    waiting.append(child)
        return depths

    def _needs(self, digest: str) -> tuple[str, ...]:
        return (*self._children(digest), *self.attached.get(digest, ()))

    def _children(self, digest: str) -> tuple[str, ...]:
        node = self.nodes.get(digest)
        return node.children if node else ()


def _subjects(version: Version, node: Node | None) -> set[str]:
    found = {subject for tag in version.tags if (subject := subject_of(tag))}
    if node is not None and node.subject:
        found.add(node.subject)
    return found

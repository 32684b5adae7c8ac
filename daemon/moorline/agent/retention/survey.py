"""All versions of one package, and what each of them refers to.

A first run reads every manifest once; a later one lists the versions, and reads those that are
new. What is held in memory is what a manifest refers to, never its bytes.
"""

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from moorline.agent.retention.nodecache import NodeCache
from moorline.agent.retention.offices import Offices, Progress, silent
from moorline.core.image import Digest, ImageRef
from moorline.core.manifest import Node, read_manifest
from moorline.core.retention.model import Pins, Version
from moorline.errors import NotFound

__all__ = ["survey", "unnamed"]

THREADS = 4
"""Registries count requests; more would only run into their limits."""
_BATCH = 128


def survey(
    offices: Offices,
    package: str,
    progress: Progress = silent,
    *,
    also: Sequence[Version] = (),
) -> tuple[tuple[Version, ...], dict[str, Node]]:
    """Every version, and digest → node for all that can be read: whoever decides has to see that
    one is missing. Raises what the registry does: a part of a listing is none.

    A plain registry does not list what has no tag. Of that, what an index names is found by
    itself; `also` is what else may be there, as a pinned version whose tag moved on.
    """
    return _Survey(offices, package, progress).run(also)


def unnamed(pins: Pins) -> tuple[Version, ...]:
    """What is pinned, for a registry that may not list it."""
    return tuple(Version(digest=digest) for digest in sorted(pins.held))


class _Survey:
    def __init__(self, offices: Offices, package: str, progress: Progress) -> None:
        self._offices = offices
        self._name = package
        self._image = ImageRef.parse(package)
        self._packages = offices.packages(self._image)
        self._patiently = offices.patiently
        self._progress = progress
        self._cache = NodeCache(offices.folder, package)
        self._before: dict[str, Node] = {}
        self._known: dict[str, Node] = {}
        self._stale: set[str] = set()

    def run(self, also: Sequence[Version]) -> tuple[tuple[Version, ...], dict[str, Node]]:
        found = self._patiently(
            lambda: self._packages.versions(self._image, lambda count: self._say(count, 0))
        )
        self._before = self._cache.load()
        self._learn(found)
        versions = [each for each in found if each.digest not in self._stale]
        if not any(each.id for each in versions):
            versions += self._unnamed(also, {each.digest for each in versions})
            versions += self._unlisted(versions)
        if self._known.keys() != self._before.keys():
            self._cache.save(self._known)
        return tuple(versions), self._known

    def _learn(self, versions: Sequence[Version]) -> None:
        """Find out what they refer to: from the last survey, or by reading their manifests."""
        known = {each.digest for each in versions} & self._before.keys()
        self._known |= {digest: self._before[digest] for digest in known}
        self._read([each for each in versions if each.digest not in self._known])

    def _read(self, versions: Sequence[Version]) -> None:
        """Read the manifests of versions that were never seen before."""
        waiting, done = iter(versions), 0
        with ThreadPoolExecutor(THREADS, thread_name_prefix="manifest") as pool:
            # by batches: a hundred thousand waiting calls are memory, and cannot be called off
            while batch := list(islice(waiting, _BATCH)):
                for node in pool.map(self._node, batch):
                    if node is not None:
                        self._known[node.digest] = node
                done += len(batch)
                self._say(done, len(versions))
                self._offices.check_stop()

    def _node(self, version: Version) -> Node | None:
        """None for what cannot be read, or is not there: the list was a stale one then."""
        image = self._image.pinned(Digest(version.digest))
        try:
            return read_manifest(self._patiently(lambda: self._offices.registry.manifest(image)))
        except ValueError:
            return None
        except NotFound:
            if self._patiently(lambda: self._packages.look(self._image, version)) is None:
                self._stale.add(version.digest)
            return None

    def _unlisted(self, versions: Sequence[Version]) -> Iterator[Version]:
        """What only an index names, down to what the last of them names."""
        seen, level = {each.digest for each in versions}, list(versions)
        while level:
            named = self._parts(level, seen)
            below = [Version(digest=each, created=created) for each, created in named.items()]
            self._learn(below)
            level = [each for each in below if each.digest not in self._stale]
            seen |= named.keys()
            yield from level

    def _unnamed(self, also: Sequence[Version], listed: Collection[str]) -> list[Version]:
        """Those that are there; their manifests may be in the cache long after they went."""

        def is_there(version: Version) -> bool:
            image = self._image.pinned(Digest(version.digest))
            return self._patiently(lambda: self._offices.registry.exists(image))

        # of two that are the same the first: it may know how old it is
        asked = {each.digest: each for each in reversed(also) if each.digest not in listed}
        with ThreadPoolExecutor(THREADS, thread_name_prefix="manifest") as pool:
            answers = zip(asked.values(), pool.map(is_there, asked.values()), strict=True)
            there = [version for version, answer in answers if answer]
        self._learn(there)
        return there

    def _parts(self, versions: Sequence[Version], seen: Collection[str]) -> dict[str, float]:
        """Digest → when it was there at the latest: that is when its index came."""
        named: dict[str, float] = {}
        for version in versions:
            node = self._known.get(version.digest)
            for child in node.children if node else ():
                if child not in seen:
                    named[child] = max(version.created, named.get(child, 0.0))
        return named

    def _say(self, done: int, total: int) -> None:
        self._progress(self._name, done, total)

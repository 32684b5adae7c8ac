"""The Packages port on a plain registry: its tags, grouped by what they name.

What has no tag is not listed by any registry, and is found only through an index or by its digest.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from moorline.adapters.http import MAX_BODY
from moorline.adapters.registry_port import Registry
from moorline.core.image import Digest, ImageRef
from moorline.core.manifest import read_manifest
from moorline.core.retention.model import Version
from moorline.errors import NotFound, RegistryRefused

__all__ = ["OciPackages"]

_DEEPEST = 3


@dataclass(frozen=True, slots=True)
class _Survey:
    tags: Mapping[str, Digest]
    made: float


class OciPackages:
    """See the port `Packages`.

    What each tag names is asked anew after `fresh` seconds at the latest, and before each deletion
    for the tags that are new or were the version's own: to ask for all of them each time would
    take one request per tag and deletion.
    """

    def __init__(self, registry: Registry, *, fresh: float = 60) -> None:
        self._registry = registry
        self._fresh = fresh
        self._surveys: dict[str, _Survey] = {}

    def versions(
        self, image: ImageRef, progress: Callable[[int], None] = lambda _: None
    ) -> tuple[Version, ...]:
        by_digest: dict[Digest, list[str]] = {}
        for tag, digest in self._survey(image, progress).items():
            by_digest.setdefault(digest, []).append(tag)
        found = [self._version(image, digest, tags) for digest, tags in by_digest.items()]
        return tuple(sorted(found, key=lambda each: (-each.created, each.digest)))

    def look(self, image: ImageRef, version: Version) -> Version | None:
        digest = Digest(version.digest)
        if not self._registry.exists(image.pinned(digest)):
            return None
        return self._version(image, digest, self._tags_now(image, digest, version.tags))

    def find(self, image: ImageRef, digest: Digest) -> Version | None:
        return self.look(image, Version(digest=str(digest)))

    def delete(self, image: ImageRef, version: Version) -> None:
        self._registry.delete_manifest(image.at(Digest(version.digest)))

    def untag(self, image: ImageRef, tag: str) -> None:
        self._registry.delete_tag(image.tagged(tag))

    def restore(self, image: ImageRef, version: Version) -> None:
        raise RegistryRefused(
            f"{image.name}@{version.digest}: {image.registry} brings nothing back by itself",
            mend="its manifest has to be put again, which works while its blobs are there",
        )

    def close(self) -> None:
        """Let go of all connections."""
        self._registry.close()

    def _survey(
        self, image: ImageRef, progress: Callable[[int], None] = lambda _: None
    ) -> Mapping[str, Digest]:
        """Ask what every tag names; one that is gone before it is its turn is left out."""
        tags: dict[str, Digest] = {}
        for tag in self._registry.tags(image):
            self._note(image, tag, tags)
            progress(len(tags))
        self._surveys[image.name] = _Survey(tags, time.monotonic())
        return tags

    def _note(self, image: ImageRef, tag: str, tags: dict[str, Digest]) -> None:
        try:
            tags[tag] = self._registry.resolve(image.tagged(tag))
        except NotFound:
            tags.pop(tag, None)

    def _tags_now(self, image: ImageRef, digest: Digest, known: Iterable[str]) -> list[str]:
        survey = self._surveys.get(image.name)
        try:
            if survey is None or time.monotonic() > survey.made + self._fresh:
                tags = self._survey(image)
            else:
                tags = self._corrected(image, survey.tags, known)
        except NotFound:  # some registries know no repository that has no tag
            return []
        return [tag for tag, named in tags.items() if named == digest]

    def _corrected(
        self, image: ImageRef, surveyed: Mapping[str, Digest], known: Iterable[str]
    ) -> Mapping[str, Digest]:
        listed = set(self._registry.tags(image))
        tags = {tag: named for tag, named in surveyed.items() if tag in listed}
        for tag in (listed - tags.keys()) | set(known):
            self._note(image, tag, tags)
        return tags

    def _version(self, image: ImageRef, digest: Digest, tags: Iterable[str]) -> Version:
        created = self._created(image.at(digest))
        return Version(digest=str(digest), tags=tuple(sorted(tags)), created=created)

    def _created(self, image: ImageRef) -> float:
        """When the image was built, for registries do not tell when it came; 0 where unknown."""
        try:
            return self._built(image)
        except (NotFound, ValueError):  # whoever decides will look at it again, and say so
            return 0.0

    def _built(self, image: ImageRef, depth: int = 0) -> float:
        node = read_manifest(self._registry.manifest(image))
        if stated := _seconds(node.created):
            return stated
        if node.config and node.blobs[0].size <= MAX_BODY:
            return _seconds_of_config(self._registry.blob(image, Digest(node.config)))
        if node.children and depth < _DEEPEST:
            # all parts of an index are from one build
            return self._built(image.at(Digest(node.children[0])), depth + 1)
        return 0.0


def _seconds_of_config(data: bytes) -> float:
    try:
        config = json.loads(data)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return _seconds(config.get("created")) if isinstance(config, dict) else 0.0


def _seconds(moment: object) -> float:
    """Seconds of an RFC 3339 date; 0 for none, and for one that a reproducible build made up."""
    try:
        when = datetime.fromisoformat(str(moment))
        aware = when if when.tzinfo else when.replace(tzinfo=UTC)
        return max(aware.timestamp(), 0.0)
    except (ValueError, OverflowError):
        return 0.0

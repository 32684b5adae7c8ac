"""Bringing back what retention deleted.

GHCR restores a version by its id for 30 days. A plain registry takes its manifest again, as long
as its garbage collection has not taken the layers. An index comes back with its parts, an image
with what was attached to it, and each with those of its tags that nothing else carries by now.
"""

from collections.abc import Iterator
from functools import partial

from moorline.agent.durable.lock import state_lock
from moorline.agent.retention.ledger import decisions, load_applied
from moorline.agent.retention.offices import Offices
from moorline.agent.retention.removed import Removed, Saved
from moorline.core.image import Digest, ImageRef
from moorline.core.manifest import Manifest, Node, read_manifest
from moorline.core.retention.model import Version
from moorline.core.retention.tags import subject_of
from moorline.errors import NotFound, RegistryRefused

__all__ = ["restore"]

_RECORDS = 100
"""So many decisions are searched for what another host deleted."""


def restore(offices: Offices, digest: Digest) -> str:
    """Bring it back, in every package that lost it; says what was done.

    Raises NotFound where retention never deleted it, RegistryRefused where its layers are gone.
    """
    with state_lock(offices.folder, "retention restore"):
        saved = Removed(offices.folder).find(str(digest)) or tuple(_on_record(offices, digest))
        if not saved:
            raise NotFound(
                f"{digest}: no record of retention having deleted it",
                mend="look at 'moorline retention history'",
            )
        return "\n".join(_Package(offices, each).restore(each) for each in saved)


def _on_record(offices: Offices, digest: Digest) -> Iterator[Saved]:
    """What the records say of a digest that another host deleted: its manifest is not here."""
    offices.repo.fetch()
    for decision in decisions(offices.repo, _RECORDS):
        if decision.applied is None:
            continue
        applied = load_applied(offices.repo, decision.decided.id)
        found = [
            Saved(
                package=package.name,
                digest=each.digest,
                id=each.id,
                tags=each.tags,
                media_type="",
                data="",
                decision=applied.id,
                at=applied.ended,
            )
            for package in applied.packages
            for each in package.versions
            if each.digest == str(digest) and each.result == "deleted"
        ]
        if found:
            yield from found
            return


class _Package:
    """One package while something in it is brought back."""

    def __init__(self, offices: Offices, saved: Saved) -> None:
        self._offices = offices
        self._image = ImageRef.parse(saved.package)
        self._packages = offices.packages(self._image)
        self._known = Removed(offices.folder).of_package(saved.package)
        self._nodes = {
            digest: read_manifest(each.manifest) for digest, each in self._known.items()
        }
        self._back: list[str] = []
        self._missing: list[str] = []

    def restore(self, saved: Saved) -> str:
        """Bring it back with what belongs to it; returns a sentence."""
        self._bring_back(saved)
        tags = [tag for tag in saved.tags if self._names(tag, saved.digest)]
        others = len(self._back) - (saved.digest in self._back)
        words = [f"{saved.package}@{saved.digest} is back"]
        if tags:
            words.append(f"as {', '.join(tags)}")
        if others > 0:
            words.append(f"with {others} manifests that belong to it")
        if self._missing:
            words.append(f"but without {', '.join(self._missing)}, which is not there any more")
        return f"{' '.join(words)}; retention decides about it again unless it is pinned"

    def _bring_back(self, saved: Saved) -> None:
        """Parts first: a registry refuses an index whose parts are missing."""
        node = self._nodes.get(saved.digest)
        self._bring_back_parts(node)
        self._put_back(saved)
        if node is None:
            self._bring_back_parts(read_manifest(self._manifest(saved)))
        self._put_tags(saved)
        for each in self._attached(saved.digest):
            if each.digest not in self._back:
                self._bring_back(each)

    def _bring_back_parts(self, node: Node | None) -> None:
        for part in node.children if node else ():
            if part in self._known and part not in self._back:
                self._bring_back(self._known[part])
            elif not self._exists(part):
                self._missing.append(part)

    def _attached(self, digest: str) -> Iterator[Saved]:
        """Signatures and the like, that went with it."""
        for each in self._known.values():
            node = self._nodes[each.digest]
            if node.subject == digest or any(subject_of(tag) == digest for tag in each.tags):
                yield each

    def _put_back(self, saved: Saved) -> None:
        if self._exists(saved.digest):
            return
        version = Version(digest=saved.digest, tags=saved.tags, id=saved.id)
        try:
            self._offices.patiently(lambda: self._packages.restore(self._image, version))
        except (RegistryRefused, NotFound) as error:
            self._put_again(saved, error)
        self._back.append(saved.digest)

    def _put_again(self, saved: Saved, why: Exception) -> None:
        """Put the very bytes; they name the layers, which must still be there."""
        if not saved.data:
            raise RegistryRefused(
                f"{saved.package}@{saved.digest}: {why}",
                mend=f"its manifest is on the host that deleted it (record {saved.decision})",
            )
        image = self._image.pinned(Digest(saved.digest))
        try:
            self._offices.patiently(
                lambda: self._offices.registry.put_manifest(image, saved.manifest)
            )
        except RegistryRefused as error:
            raise RegistryRefused(
                f"{image}: it cannot be put back: {error}",
                mend="its layers are gone with the registry's garbage collection; build it again",
            ) from None

    def _put_tags(self, saved: Saved) -> None:
        """Those that are free: one that was given to something else meanwhile stays there."""
        for tag in saved.tags:
            if self._offices.resolved(self._image.tagged(tag)) is None:
                manifest, image = self._manifest(saved), self._image.tagged(tag)
                self._offices.patiently(
                    partial(self._offices.registry.put_manifest, image, manifest)
                )

    def _manifest(self, saved: Saved) -> Manifest:
        if saved.data:
            return saved.manifest
        return self._offices.registry.manifest(self._image.pinned(Digest(saved.digest)))

    def _exists(self, digest: str) -> bool:
        image = self._image.pinned(Digest(digest))
        return self._offices.patiently(lambda: self._offices.registry.exists(image))

    def _names(self, tag: str, digest: str) -> bool:
        return self._offices.resolved(self._image.tagged(tag)) == Digest(digest)

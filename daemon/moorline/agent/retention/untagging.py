"""Taking one tag off a version that stays.

Where a registry can delete a tag, that is all. GHCR cannot: there a dummy takes the tag over, and
is deleted with it. A crash in between leaves a tag on a dummy, so it is on disk first which, and
every later run begins with finishing it; a dummy that nobody remembers is known by its type.
"""

import hashlib
import json
from collections.abc import Iterable

from moorline.agent.retention.carrier import Carrier
from moorline.agent.retention.journal import Journal, Line
from moorline.agent.retention.offices import Offices
from moorline.core.image import Digest
from moorline.core.manifest import OCI_MANIFEST, Manifest
from moorline.core.retention.model import Untag, Version
from moorline.core.retention.outcomes import Result
from moorline.errors import AccessDenied, NotFound, RegistryRefused, RegistryUnreachable

__all__ = ["DUMMY", "Untagger", "dummy_manifest"]

DUMMY = "application/vnd.moorline.untag.v1+json"
EMPTY_TYPE, EMPTY = "application/vnd.oci.empty.v1+json", b"{}"
_LOOKS = 10
"""So often a new version is looked for: lists lag behind."""


def dummy_manifest(decision: str, tag: str) -> Manifest:
    """A manifest of nothing, unlike any other."""
    empty = {
        "mediaType": EMPTY_TYPE,
        "digest": f"sha256:{hashlib.sha256(EMPTY).hexdigest()}",
        "size": len(EMPTY),
    }
    value = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": DUMMY,
        "config": empty,
        "layers": [empty],
        "annotations": {"moorline.retention.id": decision, "moorline.retention.tag": tag},
    }
    return Manifest(OCI_MANIFEST, json.dumps(value).encode())


class Untagger:
    """The tags of one package."""

    def __init__(self, offices: Offices, journal: Journal, carrier: Carrier) -> None:
        self._offices = offices
        self._journal = journal
        self._carrier = carrier
        self._image = carrier.image
        self._packages = carrier.packages

    def finish(self, versions: Iterable[Version]) -> None:
        """Take off what a run was killed over; `versions` are dummies that a survey found."""
        open_tags: dict[str, Line] = {}
        for line in self._journal.lines:
            if line.package == self._image.name and line.turn == "untagging":
                open_tags[line.tag] = line
            elif line.package == self._image.name and line.turn == "untagged":
                open_tags.pop(line.tag, None)
        for line in open_tags.values():
            self._go_on(line)
        for version in versions:
            self._drop(Digest(version.digest), among=version.tags)

    def untag(self, asked: Iterable[Untag]) -> None:
        """Take off what was decided and is decided afresh; the rest stays, and says why."""
        ended = {
            line.tag
            for line in self._journal.lines
            if line.package == self._image.name and line.turn == "untagged"
        }
        for each in asked:
            if each.tag in ended:
                continue
            self._carrier.look_again()
            now = self._offices.resolved(self._image.tagged(each.tag))
            if now is None:
                self._end(each.tag, each.digest, "gone")
            elif reason := self._objection(each, now):
                self._end(each.tag, each.digest, "vetoed", reason)
            else:
                self._take_off(each)
                self._offices.pause(self._carrier.pace)

    # --- below ---

    def _objection(self, asked: Untag, now: Digest) -> str:
        fresh = self._carrier.fresh
        if fresh.problem:
            return fresh.problem
        if now != Digest(asked.digest):
            return f"it names {now} now"
        is_due = any((each.tag, each.digest) == (asked.tag, asked.digest) for each in fresh.untag)
        return "" if is_due else "not to be taken off any more"

    def _take_off(self, asked: Untag) -> None:
        self._begin(asked)
        try:
            self._offices.patiently(lambda: self._packages.untag(self._image, asked.tag))
        except NotFound:
            self._end(asked.tag, asked.digest, "gone")
        except RegistryRefused:
            self._take_over(asked)
        else:
            self._end(asked.tag, asked.digest, "deleted")

    def _begin(self, asked: Untag, dummy: str = "") -> Line:
        line = Line(
            turn="untagging",
            package=self._image.name,
            tag=asked.tag,
            digest=asked.digest,
            dummy=dummy,
        )
        self._journal.write(line)
        return line

    def _take_over(self, asked: Untag) -> None:
        dummy = dummy_manifest(self._journal.lines[0].decision, asked.tag)
        line = self._begin(asked, str(dummy.digest))
        registry, tagged = self._offices.registry, self._image.tagged(asked.tag)
        try:
            self._offices.patiently(lambda: registry.put_blob(self._image, EMPTY))
            self._offices.patiently(lambda: registry.put_manifest(tagged, dummy))
        except RegistryRefused as error:
            self._end(asked.tag, asked.digest, "refused", str(error))
            return
        self._remove(line)

    def _go_on(self, line: Line) -> None:
        now = self._offices.resolved(self._image.tagged(line.tag))
        if line.dummy and str(now) != line.digest:
            self._finish_dummy(line, now)
        elif now is None:
            self._end(line.tag, line.digest, "deleted")
        # else it was not done; whether it still should be is decided afresh

    def _finish_dummy(self, line: Line, now: Digest | None) -> None:
        if now is None or str(now) == line.dummy:
            self._remove(line)
            return
        self._drop(Digest(line.dummy), among=())
        self._end(line.tag, line.digest, "vetoed", f"it names {now} now")

    def _remove(self, line: Line) -> None:
        """Delete the dummy, and the tag with it; a registry that will not gets the tag back."""
        dummy = Digest(line.dummy)
        try:
            self._drop(dummy, among=(line.tag,))
        except (RegistryRefused, AccessDenied) as error:
            self._give_back(line)
            self._end(line.tag, line.digest, "refused", str(error))
            if isinstance(error, AccessDenied):
                raise
            return
        if self._offices.resolved(self._image.tagged(line.tag)) == dummy:
            raise RegistryUnreachable(
                f"{self._image.tagged(line.tag)}: it names a dummy that is not listed yet",
                mend="the next run deletes it",
            )
        self._end(line.tag, line.digest, "deleted")

    def _drop(self, dummy: Digest, among: Iterable[str]) -> None:
        """Delete a dummy that has no other tags than these."""
        version = self._find(dummy, is_there=bool(among))
        if version is None or not set(version.tags) <= set(among):
            return
        try:
            self._offices.patiently(lambda: self._packages.delete(self._image, version))
        except NotFound:
            return

    def _find(self, dummy: Digest, *, is_there: bool) -> Version | None:
        for _ in range(_LOOKS if is_there else 1):
            found = self._offices.patiently(lambda: self._packages.find(self._image, dummy))
            if found is not None:
                return found
            if not self._offices.registry.exists(self._image.pinned(dummy)):
                return None
            self._offices.pause(max(1.0, self._carrier.pace))
        return None

    def _give_back(self, line: Line) -> None:
        registry, image = self._offices.registry, self._image.pinned(Digest(line.digest))
        original = self._offices.patiently(lambda: registry.manifest(image))
        tagged = self._image.tagged(line.tag)
        self._offices.patiently(lambda: registry.put_manifest(tagged, original))

    def _end(self, tag: str, digest: str, result: Result, reason: str = "") -> None:
        self._journal.write(
            Line(
                turn="untagged",
                package=self._image.name,
                tag=tag,
                digest=digest,
                result=result,
                reason=reason,
            )
        )

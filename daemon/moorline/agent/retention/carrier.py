"""Carrying a decision out in one package: delete what is still condemned, and nothing else.

Rule 1: deleted is what was condemned in the recorded decision and is condemned afresh, with the
        same tags. Anything else stays, and the record says why.
Rule 2: what stays, for whatever reason, keeps everything that it needs: parts of an index whose
        deletion failed are not deleted either.
Rule 3: on disk first that a deletion is asked for, and the manifest's bytes; then it is asked for.
"""

import base64
from collections.abc import Iterable

from moorline.agent.retention.journal import Journal, Line
from moorline.agent.retention.offices import Offices
from moorline.agent.retention.removed import Removed, Saved
from moorline.agent.retention.view import View
from moorline.core.image import Digest, ImageRef
from moorline.core.retention.model import Decision, Verdict, Version
from moorline.core.retention.outcomes import Result
from moorline.errors import NotFound, RegistryRefused

__all__ = ["Carrier"]


class Carrier:
    """One package, as `view` shows it."""

    def __init__(self, offices: Offices, journal: Journal, view: View) -> None:
        self.image = ImageRef.parse(view.package)
        self.packages = offices.packages(self.image)
        self._offices = offices
        self._journal = journal
        self._view = view
        self._removed = Removed(offices.folder)
        self._going: dict[str, Version] = {}
        """What is condemned twice and not yet decided about in this run."""
        mine = [line for line in journal.lines if line.package == view.package]
        self._asked = {line.digest for line in mine if line.turn == "deleting"}
        self._ended = {line.digest for line in mine if line.turn == "ended"}

    @property
    def fresh(self) -> Decision:
        """What would go now."""
        return self._view.fresh

    @property
    def pace(self) -> float:
        """Seconds between two changes."""
        return self._view.ground.policy.pace

    def delete(self, recorded: Decision) -> None:
        """Delete in the order of the fresh decision."""
        self._agree(recorded)
        for verdict in self.fresh.doomed:
            if verdict.version.digest in self._going:
                self._delete(verdict.version)

    def look_again(self) -> None:
        """Look at whatever may have changed, and veto what must not go any more."""
        if self._view.look_again():
            self._veto_what_stays()

    # --- what goes ---

    def _agree(self, recorded: Decision) -> None:
        """Find out what is condemned twice; veto the rest of the recorded decision."""
        listed = {each.version.digest: each for each in recorded.doomed}
        for digest, verdict in listed.items():
            if digest in self._ended:
                continue
            if digest not in self._view.versions:
                self._end(verdict.version, "deleted" if digest in self._asked else "gone")
            else:
                self._going[digest] = verdict.version
        self._veto_what_stays()

    def _veto_what_stays(self) -> None:
        fresh = {each.version.digest: each for each in self.fresh.verdicts}
        for digest, version in list(self._going.items()):
            if reason := self._objection(version, fresh.get(digest)):
                self._end(version, "vetoed", reason)
        self._keep_what_is_needed(self._view.versions.keys() - self._going.keys())

    def _objection(self, version: Version, fresh: Verdict | None) -> str:
        if self.fresh.problem or fresh is None:
            return self.fresh.problem or "nothing is decided about it now"
        if fresh.fate == "keep":
            return f"kept now: {fresh.reason}"
        return _moved(version, fresh.version)

    def _veto(self, version: Version, reason: str) -> None:
        self._end(version, "vetoed", reason)
        self._keep_what_is_needed([version.digest])

    def _keep_what_is_needed(self, staying: Iterable[str]) -> None:
        for digest, needed_by in self._view.graph.closure(staying).items():
            version = self._going.get(digest)
            if version is not None:
                self._end(version, "vetoed", f"needed by {needed_by or digest}, which stays")

    # --- one deletion ---

    def _delete(self, version: Version) -> None:
        self.look_again()
        if version.digest not in self._going:
            return
        now = self._offices.patiently(lambda: self.packages.look(self.image, version))
        if now is None:
            self._end(version, "deleted" if version.digest in self._asked else "gone")
        elif reason := _moved(version, now):
            self._veto(version, reason)
        elif self._save(now):
            self._ask(now)
            self._offices.pause(self.pace)

    def _save(self, version: Version) -> bool:
        """Keep its manifest; one that cannot be kept could not be brought back."""
        try:
            image = self.image.pinned(Digest(version.digest))
            manifest = self._offices.patiently(lambda: self._offices.registry.manifest(image))
        except NotFound:
            self._veto(version, "its manifest cannot be read, and so not be kept")
            return False
        self._removed.save(
            Saved(
                package=self._view.package,
                digest=version.digest,
                id=version.id,
                tags=version.tags,
                media_type=manifest.media_type,
                data=base64.b64encode(manifest.data).decode(),
                decision=self._journal.lines[0].decision,
                at=self._offices.now(),
            )
        )
        return True

    def _ask(self, version: Version) -> None:
        self._journal.write(
            Line(turn="deleting", package=self._view.package, digest=version.digest)
        )
        try:
            self._offices.patiently(lambda: self.packages.delete(self.image, version))
        except NotFound:
            self._find_out(version)
        except RegistryRefused as error:
            self._refused(version, str(error))
        else:
            self._end(version, "deleted")

    def _find_out(self, version: Version) -> None:
        """Not there, says the registry: what it also says to a token that may not delete."""
        if self._offices.patiently(lambda: self.packages.look(self.image, version)) is not None:
            self._refused(
                version,
                "the registry lists it, and says that it is not there: "
                "a list that lags behind, or a token that may not delete",
            )
        else:
            self._end(version, "deleted" if version.digest in self._asked else "gone")

    def _refused(self, version: Version, reason: str) -> None:
        self._end(version, "refused", reason)
        self._keep_what_is_needed([version.digest])

    def _end(self, version: Version, result: Result, reason: str = "") -> None:
        self._journal.write(
            Line(
                turn="ended",
                package=self._view.package,
                digest=version.digest,
                result=result,
                reason=reason,
                id=version.id,
                tags=version.tags,
            )
        )
        self._ended.add(version.digest)
        self._going.pop(version.digest, None)
        if result in ("deleted", "gone"):
            self._view.drop(version.digest)


def _moved(then: Version, now: Version) -> str:
    if set(then.tags) == set(now.tags):
        return ""
    before, after = (", ".join(each.tags) or "none" for each in (then, now))
    return f"its tags changed: {after} instead of {before}"

"""From a journal to the record of what was done."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from moorline.agent.retention.journal import Journal, Line, Outgoing
from moorline.agent.retention.offices import Offices
from moorline.agent.retention.removed import Removed
from moorline.agent.retention.verify import missing_names
from moorline.agent.retention.view import View
from moorline.core.manifest import read_manifest
from moorline.core.retention.model import DAY, Decision, Untag, Verdict, Version
from moorline.core.retention.outcomes import (
    AppliedRecord,
    PackageOutcome,
    UntagOutcome,
    VersionOutcome,
)
from moorline.core.retention.records import DecisionRecord
from moorline.core.retention.space import freed
from moorline.errors import RegistryUnreachable

__all__ = ["deleted_digests", "is_late", "orphans", "outgoing", "package_space"]

GARBAGE = (
    "the registry frees the space of what was deleted when its own garbage collection runs; until "
    "then a deleted image can be put back with 'moorline retention restore'"
)
NOT_TRIED = "not tried"


def is_late(offices: Offices, journal: Journal) -> bool:
    """Whether a run has waited for a registry for so long that a new decision is worth more."""
    return offices.now() - journal.lines[0].at > DAY


def deleted_digests(journal: Journal, package: str) -> frozenset[str]:
    """What this run deleted in a package so far."""
    return frozenset(
        line.digest
        for line in journal.lines
        if line.package == package and line.turn == "ended" and line.result in ("deleted", "gone")
    )


def orphans(
    record: DecisionRecord, decision: Decision, deleted: Collection[str]
) -> tuple[Version, ...]:
    """Versions without a tag that were to go and did not yet, as old as they were on record: the
    index that named them may be gone by now.
    """
    return tuple(
        replace(each.version, created=record.decided - each.age)
        for each in decision.doomed
        if not each.version.tags and each.version.digest not in deleted
    )


def package_space(offices: Offices, journal: Journal, view: View) -> tuple[int, int]:
    """Bytes freed in a package, at least and at most, whatever run it was that deleted."""
    deleted = deleted_digests(journal, view.package)
    saved = Removed(offices.folder).of_package(view.package) if deleted - view.nodes.keys() else {}
    before = {
        digest: read_manifest(saved[digest].manifest)
        for digest in saved.keys() & deleted - view.nodes.keys()
    }
    return freed(deleted, view.versions, {**view.nodes, **before})


def outgoing(
    offices: Offices, journal: Journal, decision: DecisionRecord, commit: str
) -> Outgoing:
    """The record of the whole run, after a look at what must still be there."""
    outcomes = tuple(_outcome(each, journal) for each in decision.decisions)
    names = tuple(_guarded(journal, outcomes))
    missing = _verified(offices, journal, names)
    deleted = [v for each in outcomes for v in each.versions if v.result == "deleted"]
    record = AppliedRecord(
        id=decision.id,
        host=offices.config.host,
        commit=commit,
        began=journal.lines[0].at,
        # a clock may have been set back meanwhile
        ended=max(journal.lines[0].at, offices.now()),
        packages=outcomes,
        verified=len(names),
        missing=missing,
        next=GARBAGE if any(not each.id for each in deleted) else "",
    )
    files = {path: data.decode() for path, data in record.files().items()}
    return Outgoing(files=files, message=record.message(), missing=missing)


def _guarded(journal: Journal, outcomes: Sequence[PackageOutcome]) -> Iterator[str]:
    """What to look for: only where something was done."""
    touched = {each.name for each in outcomes if _is_touched(each)}
    for line in journal.lines:
        if line.turn == "guard" and line.package in touched:
            yield from line.names


def _is_touched(outcome: PackageOutcome) -> bool:
    return bool(outcome.count("deleted")) or any(
        each.result in ("deleted", "refused") for each in outcome.untagged
    )


def _verified(offices: Offices, journal: Journal, names: Sequence[str]) -> tuple[str, ...]:
    try:
        return missing_names(offices, names)
    except RegistryUnreachable as error:
        if not is_late(offices, journal):
            raise
        return (f"nobody knows: {error}",)


def _outcome(decision: Decision, journal: Journal) -> PackageOutcome:
    mine = [line for line in journal.lines if line.package == decision.package]
    done = next(line for line in mine if line.turn == "done")
    versions = {line.digest: line for line in mine if line.turn == "ended"}
    tags = {line.tag: line for line in mine if line.turn == "untagged"}
    why = done.reason or NOT_TRIED
    return PackageOutcome(
        name=decision.package,
        problem=done.reason,
        versions=tuple(
            _version(each, versions.get(each.version.digest), why) for each in decision.doomed
        ),
        untagged=tuple(_untagged(each, tags.get(each.tag), why) for each in decision.untag),
        freed_least=done.least,
        freed_most=done.most,
    )


def _version(verdict: Verdict, line: Line | None, why: str) -> VersionOutcome:
    version = verdict.version
    return VersionOutcome(
        digest=version.digest,
        result=line.result if line and line.result else "failed",
        reason=line.reason if line else why,
        id=version.id,
        tags=version.tags,
    )


def _untagged(untag: Untag, line: Line | None, why: str) -> UntagOutcome:
    return UntagOutcome(
        tag=untag.tag,
        digest=untag.digest,
        result=line.result if line and line.result else "failed",
        reason=line.reason if line else why,
    )

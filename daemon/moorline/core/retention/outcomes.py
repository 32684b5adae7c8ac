"""What came of a decision, as it goes into git beside it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from moorline.core.records import commit_message, record_path
from moorline.core.retention.fields import (
    iso,
    plain,
    seconds_of,
    texts_of,
    versions_text,
    whole_of,
)
from moorline.core.retention.records import APPLIED, FOLDER, read_summary
from moorline.core.retention.rowfiles import Entry, read_entries, read_header, row_files
from moorline.core.values import JsonObject

__all__ = [
    "AppliedRecord",
    "PackageOutcome",
    "Result",
    "UntagOutcome",
    "VersionOutcome",
    "read_applied",
]

Result: TypeAlias = Literal["deleted", "gone", "vetoed", "refused", "failed"]
"""`gone` was not there any more; `vetoed` may not go after all; `refused` by the registry;
`failed` could not be tried."""
RESULTS: tuple[Result, ...] = get_args(Result)
_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionOutcome:
    """What became of one version that was to go."""

    digest: str
    result: Result
    reason: str = ""
    id: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UntagOutcome:
    """What became of one tag that was to be taken off; `deleted` is the tag alone."""

    tag: str
    digest: str
    result: Result
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageOutcome:
    """What was done in one package; `problem` is why no more was."""

    name: str
    problem: str = ""
    versions: tuple[VersionOutcome, ...] = ()
    untagged: tuple[UntagOutcome, ...] = ()
    freed_least: int = 0
    freed_most: int = 0

    def count(self, result: Result) -> int:
        """How many versions had that result."""
        return sum(each.result == result for each in self.versions)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedRecord:
    """What came of a decision. `id` is the decision's."""

    id: str
    host: str
    commit: str
    """The state branch's tip that was asked last."""
    began: float
    ended: float
    packages: tuple[PackageOutcome, ...]
    verified: int = 0
    """How many critical tags and pinned digests were looked at afterwards."""
    missing: tuple[str, ...] = ()
    """Those of them that do not resolve."""
    next: str = ""
    """What a person may have to do, as with a registry that frees nothing by itself."""

    @property
    def path(self) -> str:
        """Where its first file lies on the history branch."""
        return record_path(FOLDER, f"{self.id}-applied")

    def count(self, result: Result) -> int:
        """How many versions had that result."""
        return sum(each.count(result) for each in self.packages)

    def files(self) -> dict[str, bytes]:
        """The record: path → bytes."""
        header: JsonObject = {
            "kind": APPLIED,
            "id": self.id,
            "host": self.host,
            "state_commit": self.commit,
            "began": iso(self.began),
            "ended": iso(self.ended),
            "verified": self.verified,
            "missing": list(self.missing),
            "next": plain(self.next) or None,
        }
        return row_files(self.path, header, [_outcome_entry(each) for each in self.packages])

    def message(self) -> str:
        """The commit message: one line for people, trailers for machines."""
        deleted = self.count("deleted")
        others = [
            f"{count} {word}"
            for word in RESULTS
            if word != "deleted" and (count := self.count(word))
        ]
        untagged = sum(u.result == "deleted" for each in self.packages for u in each.untagged)
        title = f"retention: {versions_text(deleted)} deleted"
        body = "; ".join([*others, f"{untagged} taken off as tags only"]) + "."
        if self.missing:
            title = f"{title}, and something is missing"
            body = f"MISSING: {self._missed()}. {body}"
        trailers = [
            ("State-Commit", self.commit),
            ("Retention-Id", self.id),
            ("Agent-Host", self.host),
            ("Outcome", "missing" if self.missing else "applied"),
        ]
        return commit_message(title, body, trailers)

    def _missed(self) -> str:
        more = len(self.missing) - _NAMED
        return ", ".join(self.missing[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def read_applied(files: Sequence[bytes]) -> AppliedRecord:
    """Read what came of a decision from all its files, in order; raises ValueError."""
    summary = read_summary(files[0]) if files else None
    if summary is None or summary.kind != APPLIED:
        raise ValueError("not the record of what was done")
    header = read_header(files[0])
    return AppliedRecord(
        id=summary.id,
        host=summary.host,
        commit=summary.commit,
        began=seconds_of(header.get("began")) or 0.0,
        ended=summary.at,
        packages=tuple(_outcome(each) for each in read_entries(files)),
        verified=whole_of(header.get("verified")),
        missing=summary.missing,
        next=str(header.get("next") or ""),
    )


def _outcome_entry(outcome: PackageOutcome) -> Entry:
    head: JsonObject = {
        "name": outcome.name,
        "problem": plain(outcome.problem) or None,
        **{word: outcome.count(word) for word in RESULTS},
        "freed_least": outcome.freed_least,
        "freed_most": outcome.freed_most,
    }
    versions: list[JsonObject] = [
        {
            "digest": each.digest,
            "id": each.id,
            "tags": list(each.tags),
            "result": each.result,
            "reason": plain(each.reason),
        }
        for each in outcome.versions
    ]
    untagged: list[JsonObject] = [
        {
            "tag": each.tag,
            "digest": each.digest,
            "result": each.result,
            "reason": plain(each.reason),
        }
        for each in outcome.untagged
    ]
    return Entry(head, {"versions": versions, "untagged": untagged})


def _outcome(entry: Entry) -> PackageOutcome:
    head = entry.head
    return PackageOutcome(
        name=str(head.get("name")),
        problem=str(head.get("problem") or ""),
        versions=tuple(
            VersionOutcome(
                digest=str(row.get("digest")),
                result=_result(row),
                reason=str(row.get("reason") or ""),
                id=str(row.get("id") or ""),
                tags=texts_of(row.get("tags")),
            )
            for row in entry.rows.get("versions", ())
        ),
        untagged=tuple(
            UntagOutcome(
                tag=str(row.get("tag")),
                digest=str(row.get("digest")),
                result=_result(row),
                reason=str(row.get("reason") or ""),
            )
            for row in entry.rows.get("untagged", ())
        ),
        freed_least=whole_of(head.get("freed_least")),
        freed_most=whole_of(head.get("freed_most")),
    )


def _result(row: JsonObject) -> Result:
    found = row.get("result")
    for result in RESULTS:
        if found == result:
            return result
    raise ValueError(f"not a result: {str(found)[:40]!r}")

"""What retention decided, as it goes into git. Pure.

`retention/YYYY/MM/DD/<id>.yaml`            every version: kept or deleted, by which rule, and why
`retention/YYYY/MM/DD/<id>-applied.yaml`    what was done, and what was not, and why (outcomes.py)

Both are byte for byte the same for the same input: a record that is written twice after a crash
is one record. How very many versions fit is the matter of rowfiles.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from moorline.core.records import commit_message, record_path
from moorline.core.retention.fields import (
    iso,
    iso_minutes,
    plain,
    seconds_of,
    texts_of,
    versions_text,
    whole_of,
)
from moorline.core.retention.model import DAY, Decision, Prices, Untag, Verdict, Version
from moorline.core.retention.rowfiles import Entry, read_entries, read_header, row_files
from moorline.core.values import Json, JsonObject

__all__ = [
    "APPLIED",
    "DECISION",
    "FOLDER",
    "DecisionRecord",
    "Summary",
    "read_decision",
    "read_summary",
]

FOLDER = "retention"
DECISION, APPLIED = "retention", "retention-applied"
GIB = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """One decision about all packages. Times are seconds since the epoch."""

    id: str
    host: str
    commit: str
    policy_blob: str
    """Blob of the policy that decided; "" where there was none."""
    decided: float
    due: float | None
    """When it may be carried out; None for a dry run."""
    decisions: tuple[Decision, ...]
    prices: Prices | None = None
    forced: bool = False
    """Whether a person said that a package may lose its last image."""

    @property
    def path(self) -> str:
        """Where its first file lies on the history branch."""
        return record_path(FOLDER, self.id)

    def files(self) -> dict[str, bytes]:
        """The record: path → bytes."""
        header: JsonObject = {
            "kind": DECISION,
            "id": self.id,
            "host": self.host,
            "state_commit": self.commit,
            "policy_blob": self.policy_blob or None,
            "decided": iso(self.decided),
            "due": iso(self.due),
            "dry_run": self.due is None,
            **({"forced": True} if self.forced else {}),
        }
        return row_files(self.path, header, [_entry(each, self.prices) for each in self.decisions])

    def message(self) -> str:
        """The commit message: one line for people, trailers for machines."""
        going = sum(len(each.doomed) for each in self.decisions)
        staying = sum(len(each.verdicts) for each in self.decisions) - going
        skipped = sum(bool(each.problem) for each in self.decisions)
        title = f"retention: {versions_text(going)} to go, {staying} to stay"
        until = f"Carried out from {iso(self.due)} on, unless something asks for them till then."
        body = "A dry run: nothing is deleted." if self.due is None else until
        if self.forced:
            body = f"{body} A person allowed that packages lose their last image."
        if skipped:
            body = f"{body} Packages that nothing was decided about: {skipped}."
        trailers = [
            ("State-Commit", self.commit),
            ("Retention-Id", self.id),
            ("Agent-Host", self.host),
            ("Outcome", "dry run" if self.due is None else "decided"),
        ]
        return commit_message(f"{title}{' (dry run)' * (self.due is None)}", body, trailers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The first file of a record without its rows: for lists, and to find the newest."""

    kind: str
    """`retention` or `retention-applied`."""
    id: str
    host: str
    commit: str
    at: float
    """When it was decided, or carried out."""
    due: float | None = None
    packages: tuple[JsonObject, ...] = ()
    """What is said of each package, without its versions."""
    missing: tuple[str, ...] = ()

    @property
    def is_to_be_done(self) -> bool:
        """Whether it becomes due: it is no dry run, and something is to be deleted."""
        counts = (each.get(key) for each in self.packages for key in ("deleted", "tags_deleted"))
        return self.due is not None and any(counts)


def read_summary(data: bytes) -> Summary | None:
    """Read a first file's head; None for a further part, and for any other file."""
    try:
        header = read_header(data)
        return _summary(header) if header.get("kind") in (DECISION, APPLIED) else None
    except (ValueError, TypeError, RecursionError):
        return None


def read_decision(files: Sequence[bytes]) -> DecisionRecord:
    """Read a decision back from all its files, in order; raises ValueError. Ages are to a tenth
    of a day, and when versions were created is not on record.
    """
    summary = read_summary(files[0]) if files else None
    if summary is None or summary.kind != DECISION:
        raise ValueError("not the record of a decision")
    header = read_header(files[0])
    return DecisionRecord(
        id=summary.id,
        host=summary.host,
        commit=summary.commit,
        policy_blob=str(header.get("policy_blob") or ""),
        decided=summary.at,
        due=summary.due,
        decisions=tuple(_decision(each) for each in read_entries(files)),
        forced=header.get("forced") is True,
    )


def _summary(header: JsonObject) -> Summary:
    packages, missing = header.get("packages"), header.get("missing")
    return Summary(
        kind=str(header["kind"]),
        id=str(header.get("id")),
        host=str(header.get("host")),
        commit=str(header.get("state_commit")),
        at=seconds_of(header.get("decided") or header.get("ended")) or 0.0,
        due=seconds_of(header.get("due")),
        packages=tuple(_heads(packages)) if isinstance(packages, list) else (),
        missing=tuple(str(each) for each in missing) if isinstance(missing, list) else (),
    )


def _heads(packages: Sequence[Json]) -> Sequence[JsonObject]:
    """The sections are empty here: their rows were not read."""
    sections = ("versions", "untag", "untagged")
    return [
        {key: value for key, value in each.items() if key not in sections}
        for each in packages
        if isinstance(each, Mapping)
    ]


# --- decisions ----------------------------------------------------------------------------------


def _entry(decision: Decision, prices: Prices | None) -> Entry:
    going = len(decision.doomed)
    head: dict[str, Json] = {
        "name": decision.package,
        "problem": plain(decision.problem) or None,
        "kept": len(decision.verdicts) - going,
        "deleted": going,
        "tags_deleted": len(decision.untag),
        "images_kept": decision.images,
        "images_deleted": decision.doomed_images,
        "freed_least": decision.freed_least,
        "freed_most": decision.freed_most,
    }
    if prices is not None:
        head["cost_per_month"] = {
            "least": _cost(decision.freed_least, prices),
            "most": _cost(decision.freed_most, prices),
            "currency": prices.currency,
        }
    versions = [_verdict_row(each) for each in decision.verdicts]
    return Entry(head, {"versions": versions, "untag": [_untag_row(u) for u in decision.untag]})


def _verdict_row(verdict: Verdict) -> JsonObject:
    version = verdict.version
    return {
        "digest": version.digest,
        "id": version.id,
        "tags": list(version.tags),
        "size": verdict.size,
        "age": f"{verdict.age / DAY:.1f}d",
        "rule": plain(verdict.rule),
        "verdict": verdict.fate,
        "reason": plain(verdict.reason),
        "expires": iso_minutes(verdict.expires),
    }


def _untag_row(untag: Untag) -> JsonObject:
    return {
        "tag": untag.tag,
        "digest": untag.digest,
        "rule": plain(untag.rule),
        "reason": plain(untag.reason),
    }


def _decision(entry: Entry) -> Decision:
    head, rows = entry.head, entry.rows.get("versions", ())
    if len(rows) != whole_of(head.get("kept")) + whole_of(head.get("deleted")):
        raise ValueError(f"{head.get('name')}: not complete")
    return Decision(
        package=str(head.get("name")),
        verdicts=tuple(_verdict(row) for row in rows),
        untag=tuple(
            Untag(
                tag=str(row.get("tag")),
                digest=str(row.get("digest")),
                rule=str(row.get("rule")),
                reason=str(row.get("reason")),
            )
            for row in entry.rows.get("untag", ())
        ),
        problem=str(head.get("problem") or ""),
        images=whole_of(head.get("images_kept")),
        doomed_images=whole_of(head.get("images_deleted")),
        freed_least=whole_of(head.get("freed_least")),
        freed_most=whole_of(head.get("freed_most")),
    )


def _verdict(row: JsonObject) -> Verdict:
    return Verdict(
        version=Version(
            digest=str(row.get("digest")),
            tags=texts_of(row.get("tags")),
            id=str(row.get("id") or ""),
        ),
        # whatever a record says but that, it does not say that something goes
        fate="delete" if row.get("verdict") == "delete" else "keep",
        rule=str(row.get("rule")),
        reason=str(row.get("reason")),
        age=float(str(row.get("age") or "0d").removesuffix("d")) * DAY,
        size=whole_of(row.get("size")),
        expires=seconds_of(row.get("expires")),
    )


def _cost(size: int, prices: Prices) -> float:
    return round(size / GIB * prices.storage_gb_month, 2)

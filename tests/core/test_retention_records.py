"""What retention writes into git: golden bytes, however many versions, and all of it read back."""

import json
from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from moorline.core.retention.model import Decision, Prices, Untag, Verdict, Version
from moorline.core.retention.outcomes import (
    RESULTS,
    AppliedRecord,
    PackageOutcome,
    UntagOutcome,
    VersionOutcome,
    read_applied,
)
from moorline.core.retention.records import DecisionRecord, read_decision, read_summary
from moorline.core.retention.rowfiles import LIMIT, Entry, read_entries, row_files
from tests.core.retention_worlds import DAY, digest

NOON = 1_795_435_200.0  # 2026-11-23 12:00 UTC
ID = "20261123T120000Z-retention-3f9c2d1"
COMMIT = "3f9c2d1" + "0" * 33
OLD = Verdict(
    version=Version(digest=digest("old"), tags=("main-00000aa", "v1-rc"), id="17"),
    fate="delete",
    rule="commits",
    reason="main-00000aa: commits are kept 90 days",
    age=100.04 * DAY,
    size=1500,
    expires=NOON - 10 * DAY,
)
NEW = Verdict(
    version=Version(digest=digest("new"), tags=("latest",), id="18"),
    fate="keep",
    rule="pinned",
    reason="pinned by production",
    age=DAY / 2,
    size=2000,
)
UNTAG = Untag(tag="b-rollback-x", digest=digest("new"), rule="rollbacks", reason="30 days")
DECISION = Decision(
    package="ghcr.io/acme/app",
    verdicts=(OLD, NEW),
    untag=(UNTAG,),
    images=1,
    doomed_images=1,
    freed_least=1024**3,
    freed_most=2 * 1024**3,
)
SKIPPED = Decision(package="ghcr.io/acme/other", problem="cannot read the manifest of x")
RECORD = DecisionRecord(
    id=ID,
    host="web-1",
    commit=COMMIT,
    policy_blob="b" * 40,
    decided=NOON,
    due=NOON + DAY,
    decisions=(DECISION, SKIPPED),
    prices=Prices(storage_gb_month=0.25, currency="EUR"),
)
OUTCOME = PackageOutcome(
    name="ghcr.io/acme/app",
    versions=(
        VersionOutcome(digest=digest("old"), result="deleted", id="17", tags=("main-00000aa",)),
        VersionOutcome(digest=digest("part"), result="vetoed", reason="kept now: pinned"),
    ),
    untagged=(UntagOutcome(tag="t", digest=digest("new"), result="deleted"),),
    freed_least=10,
    freed_most=20,
)
APPLIED = AppliedRecord(
    id=ID,
    host="web-1",
    commit=COMMIT,
    began=NOON + DAY,
    ended=NOON + DAY + 5,
    packages=(OUTCOME, PackageOutcome(name="ghcr.io/acme/other", problem="HTTP 500")),
    verified=3,
    next="collect garbage",
)


def only(files: dict[str, bytes]) -> bytes:
    ((_, data),) = files.items()
    return data


def as_read(record: DecisionRecord) -> DecisionRecord:
    """Without what is not on record: prices, and more of an age than a tenth of a day."""
    decisions = tuple(
        replace(
            each,
            verdicts=tuple(replace(v, age=round(v.age / DAY, 1) * DAY) for v in each.verdicts),
        )
        for each in record.decisions
    )
    return replace(record, decisions=decisions, prices=None)


def test_a_decision_as_it_stands_in_git() -> None:
    assert RECORD.path == f"retention/2026/11/23/{ID}.yaml"
    assert (
        only(RECORD.files()).decode()
        == f"""\
kind: retention
id: {ID}
host: web-1
state_commit: {COMMIT}
policy_blob: {"b" * 40}
decided: '2026-11-23T12:00:00.000Z'
due: '2026-11-24T12:00:00.000Z'
dry_run: false
packages:
- name: ghcr.io/acme/app
  problem: null
  kept: 1
  deleted: 1
  tags_deleted: 1
  images_kept: 1
  images_deleted: 1
  freed_least: 1073741824
  freed_most: 2147483648
  cost_per_month:
    least: 0.25
    most: 0.5
    currency: EUR
  versions:
  - {{"digest": "{digest("old")}", "id": "17", "tags": ["main-00000aa", "v1-rc"], "size": 1500, \
"age": "100.0d", "rule": "commits", "verdict": "delete", \
"reason": "main-00000aa: commits are kept 90 days", "expires": "2026-11-13T12:00Z"}}
  - {{"digest": "{digest("new")}", "id": "18", "tags": ["latest"], "size": 2000, "age": "0.5d", \
"rule": "pinned", "verdict": "keep", "reason": "pinned by production", "expires": null}}
  untag:
  - {{"tag": "b-rollback-x", "digest": "{digest("new")}", "rule": "rollbacks", \
"reason": "30 days"}}
- name: ghcr.io/acme/other
  problem: cannot read the manifest of x
  kept: 0
  deleted: 0
  tags_deleted: 0
  images_kept: 0
  images_deleted: 0
  freed_least: 0
  freed_most: 0
  cost_per_month:
    least: 0.0
    most: 0.0
    currency: EUR
"""
    )


def test_a_decision_is_read_back() -> None:
    assert read_decision([only(RECORD.files())]) == as_read(RECORD)
    dry = replace(RECORD, due=None, policy_blob="", decisions=(), prices=None)
    assert read_decision([only(dry.files())]) == dry


def test_any_parser_of_yaml_reads_it() -> None:
    value = yaml.safe_load(only(RECORD.files()))
    assert value["packages"][0]["versions"][0]["tags"] == ["main-00000aa", "v1-rc"]
    assert value["dry_run"] is False


def test_what_came_of_it_is_read_back() -> None:
    assert APPLIED.path == f"retention/2026/11/23/{ID}-applied.yaml"
    assert read_applied([only(APPLIED.files())]) == APPLIED
    lost = replace(APPLIED, missing=("ghcr.io/acme/app:latest",), next="", packages=())
    assert read_applied([only(lost.files())]) == lost


def test_a_head_is_read_without_its_versions() -> None:
    found = read_summary(only(RECORD.files()))
    assert found is not None
    assert (found.kind, found.id, found.host, found.commit) == ("retention", ID, "web-1", COMMIT)
    assert (found.at, found.due) == (NOON, NOON + DAY)
    assert found.packages[0]["deleted"] == 1
    assert "versions" not in found.packages[0]
    applied = read_summary(only(replace(APPLIED, missing=("x",)).files()))
    assert applied is not None
    assert (applied.kind, applied.missing, applied.at) == (
        "retention-applied",
        ("x",),
        NOON + DAY + 5,
    )


@pytest.mark.parametrize(
    ("record", "is_to_be_done"),
    [
        (RECORD, True),
        (replace(RECORD, due=None), False),
        (replace(RECORD, decisions=(SKIPPED,)), False),
        (replace(RECORD, decisions=(replace(DECISION, verdicts=(NEW,)),)), True),
        (replace(RECORD, decisions=(replace(DECISION, verdicts=(NEW,), untag=()),)), False),
    ],
)
def test_only_a_decision_with_something_to_do_is_to_be_done(
    record: DecisionRecord, *, is_to_be_done: bool
) -> None:
    found = read_summary(only(record.files()))
    assert found is not None
    assert found.is_to_be_done == is_to_be_done


# --- commit messages ----------------------------------------------------------------------------


def test_a_decisions_message() -> None:
    assert (
        RECORD.message()
        == f"""\
retention: 1 version to go, 1 to stay

Carried out from 2026-11-24T12:00:00.000Z on, unless something asks for them till then. \
Packages that nothing was decided about: 1.

State-Commit: {COMMIT}
Retention-Id: {ID}
Agent-Host: web-1
Outcome: decided
"""
    )


def test_a_dry_runs_message() -> None:
    text = replace(RECORD, due=None, decisions=(replace(DECISION, verdicts=()),)).message()
    assert text.startswith(
        "retention: 0 versions to go, 0 to stay (dry run)\n\nA dry run: nothing"
    )
    assert text.endswith("Outcome: dry run\n")


def test_the_message_of_what_was_done() -> None:
    assert APPLIED.message().startswith(
        "retention: 1 version deleted\n\n1 vetoed; 1 taken off as tags only.\n"
    )
    assert APPLIED.message().endswith("Outcome: applied\n")


@pytest.mark.parametrize(
    ("count", "body"), [(1, "MISSING: m0. "), (5, "MISSING: m0, m1, m2 and 2 more. ")]
)
def test_something_missing_stands_in_front(count: int, body: str) -> None:
    text = replace(APPLIED, missing=tuple(f"m{n}" for n in range(count))).message()
    assert text.startswith(f"retention: 1 version deleted, and something is missing\n\n{body}")
    assert text.endswith("Outcome: missing\n")


# --- very many versions -------------------------------------------------------------------------


def many(count: int) -> DecisionRecord:
    verdicts = tuple(
        replace(OLD, version=replace(OLD.version, digest=digest(str(number)), id=str(number)))
        for number in range(count)
    )
    packages = (
        replace(DECISION, verdicts=verdicts),
        replace(DECISION, package="ghcr.io/acme/b", verdicts=verdicts[:10]),
        SKIPPED,
    )
    return as_read(replace(RECORD, decisions=packages))


def test_a_hundred_thousand_versions_fit() -> None:
    record = many(100_000)
    files = record.files()
    assert max(len(data) for data in files.values()) <= LIMIT < 1024 * 1024
    assert list(files)[:3] == [
        f"retention/2026/11/23/{ID}{part}.yaml" for part in ("", "-2", "-3")
    ]
    assert read_decision(list(files.values())) == record
    assert read_summary(next(iter(files.values()))) is not None
    assert read_summary(list(files.values())[1]) is None


@given(st.integers(0, 40), st.integers(800, 6000))
def test_rows_go_on_in_the_next_file(count: int, limit: int) -> None:
    rows = [{"digest": digest(str(number)), "text": "ß" * (number % 9)} for number in range(count)]
    entries = (
        Entry({"name": "a: b"}, {"versions": rows, "untag": rows[:3]}),
        Entry({"name": "c"}, {}),
        Entry({"name": "d"}, {"versions": rows[::2]}),
    )
    header = {"kind": "retention", "id": "x"}
    files = row_files("r/x.yaml", header, entries, limit=limit)
    assert all(len(data) <= limit for data in files.values())
    found = read_entries(list(files.values()))
    assert [each.head for each in found] == [each.head for each in entries]
    assert [dict(each.rows) for each in found] == [
        {section: found for section, found in each.rows.items() if found} for each in entries
    ]
    assert files == row_files("r/x.yaml", header, entries, limit=limit)


# --- what others may have written ---------------------------------------------------------------

ANY_TEXT = st.text(max_size=60)


@given(ANY_TEXT, ANY_TEXT, st.lists(ANY_TEXT, max_size=3))
def test_no_text_breaks_a_record(reason: str, problem: str, tags: list[str]) -> None:
    verdict = replace(OLD, reason=reason, version=replace(OLD.version, tags=tuple(tags)))
    decision = replace(DECISION, verdicts=(verdict,), problem=problem)
    data = only(replace(RECORD, decisions=(decision,)).files())
    found = read_decision([data]).decisions[0]
    assert found.verdicts[0].fate == "delete"
    assert found.verdicts[0].version.tags == tuple(tags)
    assert found.verdicts[0].reason.isprintable()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"kind: deployment\nid: x\n",
        b"- a list\n",
        b"\xff\xfe\x00",
        b"kind: retention\nid: x\ndecided: yesterday\n",
        b"kind: [",
        b"kind: retention\ndecided: 2026-13-45T00:00:00Z\n",
    ],
)
def test_a_file_of_somebody_else_is_no_record(data: bytes) -> None:
    assert read_summary(data) is None
    with pytest.raises(ValueError, match="not"):
        read_decision([data])
    with pytest.raises(ValueError, match="not"):
        read_applied([data])


HEAD = b"kind: retention\nid: x\ndecided: 2026-11-23T12:00:00Z\n"


@pytest.mark.parametrize(
    "rest",
    [
        b"packages: 3\n",
        b"packages:\n- 3\n",
        b"packages:\n- name: a\n  versions:\n  - 7\n",
        b"packages:\n- name: a\n  versions:\n  - text\n",
        b'packages:\n- name: a\n  versions:\n  - {"digest": \n',
    ],
)
def test_a_decision_that_is_damaged_is_none(rest: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (whatever the parser finds wrong)
        read_decision([HEAD + rest])


def test_a_decision_that_is_not_complete_is_none() -> None:
    files = list(many(10_000).files().values())
    with pytest.raises(ValueError, match="not complete"):
        read_decision(files[:-1])


def test_what_is_not_plainly_to_go_stays() -> None:
    row = {"digest": digest("a"), "verdict": "DELETE"}
    rest = f"packages:\n- name: a\n  kept: 1\n  versions:\n  - {json.dumps(row)}\n"
    assert read_decision([HEAD + rest.encode()]).decisions[0].doomed == ()


def test_a_result_of_another_kind_is_an_error() -> None:
    data = only(APPLIED.files()).replace(b'"result": "vetoed"', b'"result": "eaten"')
    with pytest.raises(ValueError, match="not a result"):
        read_applied([data])


def test_results_are_counted() -> None:
    assert [APPLIED.count(result) for result in RESULTS] == [1, 0, 1, 0, 0]


def test_no_files_are_no_record() -> None:
    with pytest.raises(ValueError, match="not the record"):
        read_decision([])
    with pytest.raises(ValueError, match="not the record"):
        read_applied([])

import pytest

from moorline.core.image import Digest
from moorline.core.manifest import Blob, Node
from moorline.core.records import Summary
from moorline.core.retention.model import Verdict, Version
from moorline.core.versions import (
    Place,
    Run,
    Sighting,
    commit_of,
    find_abbreviated,
    images_of,
    kept_until,
    last_proven_of,
    moment,
    runs_of,
    size_of,
)

LONG = "0123456789abcdef0123456789abcdef01234567"
INDEX, ARM, AMD, PROOF, SIGNATURE, OTHER = (f"sha256:{digit * 64}" for digit in "123456")


def version(digest: str, *tags: str, created: float = 0.0) -> Version:
    return Version(digest=digest, tags=tags, created=created)


NODES = {
    INDEX: Node(digest=INDEX, size=10, children=(AMD, ARM, PROOF)),
    AMD: Node(digest=AMD, size=1, blobs=(Blob("base", 100), Blob("amd", 20))),
    ARM: Node(digest=ARM, size=2, blobs=(Blob("base", 100), Blob("arm", 30))),
    PROOF: Node(digest=PROOF, size=3),
    SIGNATURE: Node(digest=SIGNATURE, size=4, subject=INDEX),
    OTHER: Node(digest=OTHER, size=5),
}


# --- which versions are images -------------------------------------------------------------------


def test_parts_attestations_and_signatures_have_no_line() -> None:
    versions = [version(each) for each in NODES if each != INDEX]
    versions.append(version(INDEX, "main"))
    assert {each.digest for each in images_of(versions, NODES, ())} == {INDEX, OTHER}


def test_a_signature_by_its_tag_alone_has_no_line() -> None:
    signature = version(SIGNATURE, f"sha256-{INDEX[7:]}.sig")
    assert images_of([version(INDEX, "main"), signature], {}, ()) == [version(INDEX, "main")]


@pytest.mark.parametrize(("tags", "asked_for"), [(("main-arm",), ()), ((), (ARM,))])
def test_a_part_that_someone_names_has_a_line(
    tags: tuple[str, ...], asked_for: tuple[str, ...]
) -> None:
    versions = [version(INDEX, "main"), version(ARM, *tags), version(AMD)]
    found = images_of(versions, NODES, asked_for)
    assert {each.digest for each in found} == {INDEX, ARM}


def test_the_newest_comes_first_and_of_equals_always_the_same() -> None:
    versions = [
        version(OTHER, "c", created=1.0),
        version(AMD, "b", created=2.0),
        version(INDEX, "a", created=2.0),
    ]
    assert [each.tags[0] for each in images_of(versions, {}, ())] == ["a", "b", "c"]
    assert [each.tags[0] for each in images_of(versions[::-1], {}, ())] == ["a", "b", "c"]


# --- what is known of one ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "revision", "commit"),
    [
        ((LONG,), "", LONG),
        ((f"sha-{LONG}", "latest"), "", LONG),
        (("main-047b82e", f"main-{LONG}"), "beef", LONG),
        (("main-047b82e",), LONG, LONG),
        (("main-047b82e",), "", "047b82e"),
        (("047b82e",), "", "047b82e"),
        (("main-0471823",), "", "0471823"),
        # a date, a build, a version, a rollback: nobody's commit
        (
            ("20260102", "0471823", "1.4.2", "latest", "production-rollback-20260102T030405Z"),
            "",
            "",
        ),
        ((f"sha256-{INDEX[7:]}",), "", ""),
        ((), "", ""),
    ],
)
def test_the_commit_is_taken_from_where_it_says_most(
    tags: tuple[str, ...], revision: str, commit: str
) -> None:
    assert commit_of(tags, revision) == commit


def test_a_size_counts_each_blob_once() -> None:
    assert size_of(INDEX, NODES) == 10 + 1 + 2 + 3 + 100 + 20 + 30
    assert size_of(AMD, NODES) == 1 + 100 + 20


def test_a_part_that_two_indexes_share_counts_once() -> None:
    outer = "sha256:" + "7" * 64
    nodes = NODES | {outer: Node(digest=outer, size=1000, children=(INDEX, AMD, AMD))}
    assert size_of(outer, nodes) == 1000 + 166


def test_a_size_with_an_unread_part_is_unknown() -> None:
    assert size_of(INDEX, {INDEX: NODES[INDEX]}) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:01:00Z", 60.0),
        ("1970-01-01T01:01:00+01:00", 60.0),
        ("1970-01-01T00:01:00.500000000Z", 60.5),
        ("1970-01-01T00:01:00", 0.0),
        ("yesterday", 0.0),
        ("", 0.0),
    ],
)
def test_a_time_that_is_none_is_unknown(text: str, seconds: float) -> None:
    assert moment(text) == seconds


@pytest.mark.parametrize(
    ("rule", "expires", "until"),
    [("commits", 5.0, 5.0), ("main", None, None), ("pinned", 5.0, None), ("minimum", 5.0, None)],
)
def test_what_rules_keep_stays_until_they_let_go(
    rule: str, expires: float | None, until: float | None
) -> None:
    verdict = Verdict(
        version=version(INDEX),
        fate="keep",
        rule=rule,
        reason="",
        age=0.0,
        size=0,
        expires=expires,
    )
    assert kept_until(verdict) == until


def test_an_abbreviation_finds_all_that_it_begins() -> None:
    assert find_abbreviated("sha256:1111", [INDEX, ARM, INDEX]) == (Digest(INDEX),)
    assert find_abbreviated("sha256:", [ARM, INDEX]) == (Digest(INDEX), Digest(ARM))
    assert find_abbreviated("sha256:9", [INDEX]) == ()


# --- where it runs and ran -----------------------------------------------------------------------


def record(
    day: int,
    digest: str,
    *,
    outcome: str = "proven",
    host: str = "web-1",
    kind: str = "deployment",
    name: str = "registry.example/web",
) -> Sighting:
    summary = Summary(
        kind=kind,
        id=f"202611{day:02}T100000Z-production-0000000",
        environment="production",
        host=host,
        commit=LONG,
        outcome=outcome,
        started=f"2026-11-{day:02}T10:00:00Z",
        pins={"web": f"{name}@{digest}"},
    )
    return Sighting(branch=f"history/production/{host}", record=summary)


def test_the_newest_proven_deployment_of_each_host_counts() -> None:
    sightings = [
        record(3, INDEX),
        record(5, OTHER, outcome="taken back"),
        record(4, ARM),
        record(9, AMD, kind="backup"),
        record(2, OTHER),
        record(1, OTHER, host="web-2"),
    ]
    found = last_proven_of(sightings)
    assert {branch: each.pins["web"][-64:] for branch, each in found.items()} == {
        "history/production/web-1": ARM[7:],
        "history/production/web-2": OTHER[7:],
    }


def test_what_was_ever_proven_ran_from_the_first_time_to_the_last() -> None:
    place = Place(environment="production", service="web", host="web-1")
    other = Place(environment="production", service="web", host="web-2")
    sightings = [
        record(3, INDEX),
        record(1, INDEX),
        record(2, OTHER),
        record(4, OTHER, outcome="taken back"),
        record(5, INDEX, outcome="repaired", host="web-2"),
        record(6, AMD, kind="backup"),
        record(7, INDEX, name="registry.example/other"),
    ]
    assert runs_of(sightings, "registry.example/web") == {
        INDEX: (
            Run(place=other, first="2026-11-05T10:00:00Z", last="2026-11-05T10:00:00Z"),
            Run(place=place, first="2026-11-01T10:00:00Z", last="2026-11-03T10:00:00Z"),
        ),
        OTHER: (Run(place=place, first="2026-11-02T10:00:00Z", last="2026-11-02T10:00:00Z"),),
    }


def test_a_place_reads_as_people_say_it() -> None:
    place = Place(environment="production", service="web", host="web-1")
    assert str(place) == "production/web@web-1"

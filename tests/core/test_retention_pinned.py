"""What asks for an image, read from bytes and dates that nobody vouches for."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorline.core.records import Backup, Deployment
from moorline.core.retention.pinned import (
    digests,
    file_blob,
    is_proven,
    latest_moments,
    was_taken_back,
)
from tests.core.builders import digest

ONE, TWO = str(digest("one")), str(digest("two"))
HEX = ONE.removeprefix("sha256:")
AT = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
BLOB = "1" * 40


# --- digests ---


@pytest.mark.parametrize(
    "text",
    [
        f"image: app@{ONE}",
        f"# was app:1@{ONE} until today",
        f"image: 'app@{ONE}'",
        f"image: ${{IMAGE:-app@{ONE}}}",
        f"]]] {{ not yaml: {ONE}",
        f"{ONE}abcdef",
        f"sha256:sha256:{HEX}",
        f"\xff\0{ONE}\0",
        f'"app@sha256:\\\n      {HEX}"',
        f'"app@sha256:{HEX[:32]}\\\r\n\t{HEX[32:]}"',
        f'"app@sha256\\x3a{HEX}"',
        f'"app@sha256\\u003A{HEX}"',
        f'"app@sha256\\U0000003a{HEX}"',
        f'"\\\\ app@{ONE}"',
    ],
)
def test_a_digest_counts_wherever_it_stands(text: str) -> None:
    assert digests(text.encode("latin-1")) == {ONE}


@pytest.mark.parametrize(
    "text", ["", f"sha256:{HEX[:-1]}", f"sha256:{HEX.upper()}", f"sha512:{HEX}", HEX]
)
def test_anything_else_is_no_digest(text: str) -> None:
    assert digests(text.encode()) == set()


def test_all_digests_of_a_file_are_found() -> None:
    assert digests(f"{ONE}{TWO} \\ {ONE}".encode()) == {ONE, TWO}


# --- records ---


def deployment(outcome: str, sentence: str = "x") -> bytes:
    return Deployment(
        id="20261123T101500Z-production-3f9c2d1",
        environment="production",
        host="web-1",
        commit="a" * 40,
        blob=BLOB,
        author="Ada",
        subject="Change",
        previous_commit="",
        outcome=outcome,  # type: ignore[arg-type]  # a table of them
        sentence=sentence,
        started=AT,
        ended=AT,
        plan=({"log": "outcome: failed\nfile_blob: " + "9" * 40},),
        services={"web": {"image": f"r.io/web@{ONE}", "logs": ["outcome: taken back"]}},
    ).encode()


@pytest.mark.parametrize(
    ("outcome", "proven", "lost"),
    [
        ("proven", True, False),
        ("repaired", False, False),
        ("taken back", False, True),
        ("failed", False, True),
        ("superseded", False, True),
    ],
)
def test_a_record_says_what_came_of_it(outcome: str, *, proven: bool, lost: bool) -> None:
    record = deployment(outcome, sentence="outcome: proven\noutcome: failed " * 20)
    assert (is_proven(record), was_taken_back(record)) == (proven, lost)
    assert file_blob(record) == BLOB


def test_a_backup_was_not_taken_back() -> None:
    record = Backup(
        id="x", environment="production", host="web-1", commit="", blob=BLOB, pins={}, taken=AT
    ).encode()
    assert not was_taken_back(record)
    assert file_blob(record) == BLOB


@pytest.mark.parametrize(
    "damage", [b"", b"\0\xff", b"outcome:", b"outcome: prov", b"file_blob: 1"]
)
def test_a_damaged_record_was_not_taken_back(damage: bytes) -> None:
    assert not was_taken_back(damage)
    assert not is_proven(damage)
    assert file_blob(damage) == ""


# --- moments ---

NOW = 1000.0


@pytest.mark.parametrize(
    ("claimed", "at_the_latest"),
    [
        ([], []),
        ([900, 800, 700], [900, 800, 700]),
        ([900, 900, 900], [900, 900, 900]),
        # a clock that began in 1970 again: it was before the next change
        ([900, 1, 700], [900, 900, 700]),
        ([900, 1, 2, 700], [900, 900, 900, 700]),
        # and where there is none yet, it may be as late as now
        ([1, 700], [NOW, 700]),
        # one ahead of time counts for itself alone
        ([900, 5000, 700], [900, 5000, 700]),
        ([5000, 1, 700], [5000, NOW, 700]),
        ([1], [1]),
    ],
)
def test_a_change_counts_from_when_it_was_made_at_the_latest(
    claimed: list[float], at_the_latest: list[float]
) -> None:
    assert latest_moments(claimed, now=NOW) == at_the_latest


@given(st.lists(st.floats(0, NOW), unique=True), st.data())
def test_no_wrong_clock_of_the_past_makes_a_change_older(
    dates: list[float], data: st.DataObject
) -> None:
    true = sorted(dates, reverse=True)
    wrong = data.draw(st.sets(st.integers(0, max(len(true) - 1, 0))))
    claimed = [
        min(true) - 1 if n in wrong and n + 1 < len(true) else at for n, at in enumerate(true)
    ]
    found = latest_moments(claimed, now=NOW)
    assert all(at >= real for at, real in zip(found, true, strict=True))

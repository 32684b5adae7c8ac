"""Where a rollback goes."""

import pytest

from moorline.core.image import Digest
from moorline.core.records import Summary
from moorline.core.rollback import (
    Target,
    ToCommit,
    ToDigest,
    ToPrevious,
    ToShortDigest,
    ToTag,
    parse_target,
    previous_proven,
)
from moorline.errors import NotFound

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("previous", ToPrevious()),
        (f"sha256:{HEX}", ToDigest(Digest(f"sha256:{HEX}"))),
        (f"sha256:{HEX[:63]}", ToShortDigest(f"sha256:{HEX[:63]}")),
        (f"sha256:{HEX[:12]}", ToShortDigest(f"sha256:{HEX[:12]}")),
        ("3f9c2d1", ToCommit("3f9c2d1")),
        (HEX[:40], ToCommit(HEX[:40])),
        ("20260101", ToCommit("20260101")),
        ("3f9c2d", ToTag("3f9c2d")),
        (HEX[:41], ToTag(HEX[:41])),
        ("3F9C2D1", ToTag("3F9C2D1")),
        ("v1.2.3", ToTag("v1.2.3")),
        ("main-047b82e", ToTag("main-047b82e")),
        ("_x", ToTag("_x")),
        ("x" * 128, ToTag("x" * 128)),
    ],
)
def test_a_target_is_told_by_its_form(text: str, target: Target) -> None:
    assert parse_target(text) == target


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "-x",
        ".x",
        "a/b",
        "v1\n",
        "3f9c2d1\n",
        "x" * 129,
        "sha256:abc",
        f"sha256:{HEX[:11]}",
        "sha256:",
    ],
)
def test_what_is_no_target_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not "):
        parse_target(text)


def records(*blobs: str, outcome: str = "proven", kind: str = "deployment") -> list[Summary]:
    """Records, oldest first, handed over as a branch lists them: newest first."""
    made = [
        Summary(
            kind=kind,
            id=f"2026112{day}T000000Z-prod",
            environment="prod",
            host="h",
            commit=f"commit-{day}",
            blob=blob,
            outcome=outcome,
        )
        for day, blob in enumerate(blobs)
    ]
    return made[::-1]


@pytest.mark.parametrize(
    ("history", "present", "previous"),
    [
        ("AB", "B", "A"),
        ("ABC", "C", "B"),
        ("ABCB", "B", "A"),
        ("ABAC", "C", "A"),
        ("XYXZY", "Y", "Z"),
        ("ABB", "B", "A"),
        ("A", "D", "A"),
        ("AB", "D", "B"),
    ],
)
def test_the_previous_state_is_the_one_that_the_present_came_after(
    history: str, present: str, previous: str
) -> None:
    assert previous_proven("prod", records(*history), blob=present).blob == previous


def test_going_back_twice_is_going_back_two_states() -> None:
    history = "ABC"
    for expected in "BA":
        found = previous_proven("prod", records(*history), blob=history[-1])
        assert found.blob == expected
        history += found.blob  # the rollback is deployed and proven in its turn


@pytest.mark.parametrize(
    "history",
    [
        [],
        records("A"),
        records("A", "B", "A"),
        [*records("B", outcome="taken back"), *records("A")],
        [*records("B", kind="backup"), *records("A")],
    ],
)
def test_without_an_earlier_state_a_person_names_one(history: list[Summary]) -> None:
    complaint = "prod: no earlier proven deployment is on record; .*moorline history prod"
    with pytest.raises(NotFound, match=complaint):
        previous_proven("prod", history, blob="A")

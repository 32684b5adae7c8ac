from collections.abc import Mapping

import pytest

from moorline.core.image import Digest, ImageRef
from moorline.core.tagging import TagMove, asked_for, read_tag, tag_moves, tagged

A, B = "ghcr.io/acme/web", "ghcr.io/acme/worker"
ID = "20261123T101500Z-production-3f9c2d1"
TIME = "20261123T101500Z"


def digest(number: int) -> Digest:
    return Digest(f"sha256:{number:064x}")


def pins(**services: tuple[str, int]) -> dict[str, str]:
    return {service: f"{name}@{digest(number)}" for service, (name, number) in services.items()}


def named(name: str, tag: str, number: int) -> ImageRef:
    return ImageRef.parse(f"{name}:{tag}@{digest(number)}")


def moves(
    proven: Mapping[str, str], before: Mapping[str, str], environment: str = "prod"
) -> list[TagMove]:
    return list(tag_moves(environment, proven, before, deployment=ID))


def test_current_moves_and_what_was_before_gets_a_rollback_tag() -> None:
    assert moves(pins(web=(A, 2)), pins(web=(A, 1))) == [
        TagMove(
            current=named(A, "prod-current", 2),
            rollbacks=(named(A, f"prod-rollback-{TIME}", 1),),
            services=("web",),
            deployment=ID,
        )
    ]


def test_what_did_not_change_gets_no_rollback_tag() -> None:
    (move,) = moves(pins(web=(A, 1)), pins(web=(A, 1)))
    assert (move.rollbacks, move.inherited) == ((), "")


def test_a_service_that_is_new_here_inherits_what_current_names() -> None:
    (move,) = moves(pins(web=(A, 1)), {})
    assert (move.rollbacks, move.inherited) == ((), f"prod-rollback-{TIME}")


def test_a_rollback_tag_stays_in_the_repository_of_what_it_names() -> None:
    (move,) = moves(pins(web=(B, 2)), pins(web=(A, 1)))
    assert move.current == named(B, "prod-current", 2)
    assert move.rollbacks == (named(A, f"prod-rollback-{TIME}", 1),)


def test_services_that_share_an_image_share_its_tags() -> None:
    both = {"web": (A, 2), "api": (A, 2)}
    (move,) = moves(pins(**both), pins(web=(A, 1), api=(A, 1)))
    assert move.services == ("api", "web")
    assert move.current.tag == "prod-current"
    assert [each.tag for each in move.rollbacks] == [f"prod-rollback-{TIME}"]


def test_services_with_different_images_of_a_repository_have_tags_of_their_own() -> None:
    found = moves(pins(web=(A, 2), api=(A, 3)), pins(web=(A, 1), api=(A, 1)))
    assert [(each.current.tag, each.services) for each in found] == [
        ("prod-api-current", ("api",)),
        ("prod-web-current", ("web",)),
    ]
    tags = {image.tag for each in found for image in each.rollbacks}
    assert tags == {f"prod-rollback-{TIME}"}


def test_different_images_before_have_rollback_tags_of_their_own() -> None:
    (move,) = moves(pins(web=(A, 3), api=(A, 3)), pins(web=(A, 1), api=(A, 2)))
    assert move.current == named(A, "prod-current", 3)
    assert move.rollbacks == (
        named(A, f"prod-api-rollback-{TIME}", 2),
        named(A, f"prod-web-rollback-{TIME}", 1),
    )


def test_a_service_that_left_moves_nothing() -> None:
    (move,) = moves(pins(web=(A, 1)), pins(web=(A, 1), worker=(B, 1)))
    assert move.services == ("web",)


def test_repositories_that_no_glob_names_are_left_alone() -> None:
    proven, before = pins(web=(A, 2), worker=(B, 2)), pins(web=(A, 1), worker=(B, 1))
    found = tag_moves("prod", proven, before, deployment=ID, repositories=("ghcr.io/*/web",))
    assert [each.services for each in found] == [("web",)]
    assert tag_moves("prod", proven, before, deployment=ID, repositories=()) == ()


@pytest.mark.parametrize(
    ("globs", "any_of_them", "in_particular"),
    [
        (["*"], True, False),
        (["*", "ghcr.io/acme/*"], True, True),
        (["ghcr.io/acme/web"], True, True),
        (["ghcr.io/other/*"], False, False),
        ([], False, False),
    ],
)
def test_a_star_alone_asks_for_nothing_in_particular(
    globs: list[str], *, any_of_them: bool, in_particular: bool
) -> None:
    image = ImageRef.parse(A)
    assert (tagged(image, globs), asked_for(image, globs)) == (any_of_them, in_particular)


def test_a_newer_move_takes_the_rollback_tags_of_the_older_along() -> None:
    (first,) = moves(pins(web=(A, 1)), {})
    (second,) = tag_moves("prod", pins(web=(A, 2)), pins(web=(A, 1)), deployment=f"2{ID[1:]}")
    merged = second.after(first)
    assert merged.current == second.current
    assert merged.inherited == first.inherited
    assert merged.rollbacks == second.rollbacks
    assert second.after(merged) == merged


def test_no_more_rollback_tags_wait_than_states_are_remembered() -> None:
    (move,) = moves(pins(web=(A, 0)), {})
    for number in range(1, 60):
        (newer,) = tag_moves(
            "prod",
            pins(web=(A, number)),
            pins(web=(A, number - 1)),
            deployment=f"202611{number:02}T101500Z-prod-0000000",
        )
        move = newer.after(move)
    assert [each.digest for each in move.rollbacks] == [digest(n) for n in range(39, 59)]


def test_long_names_are_cut_and_stay_distinct() -> None:
    long = "e" * 200
    found = {
        str(image.tag)
        for environment in (long, f"{long}x")
        for move in moves(pins(web=(A, 2), api=(A, 3)), pins(web=(A, 1)), environment)
        for image in (move.current, *move.rollbacks)
    }
    assert len(found) == 6
    assert all(len(tag) <= 128 for tag in found)
    assert {tag[-len(f"-rollback-{TIME}") :] for tag in found if "rollback" in tag} == {
        f"-rollback-{TIME}"
    }
    readers = [
        [name for name in (long, f"{long}x") if read_tag(tag, name, ["web", "api"])]
        for tag in found
    ]
    assert [len(each) for each in readers] == [1] * 6


@pytest.mark.parametrize(
    ("tag", "found"),
    [
        ("prod-current", ("", "")),
        ("prod-web-current", ("web", "")),
        (f"prod-rollback-{TIME}", ("", TIME)),
        (f"prod-web-rollback-{TIME}", ("web", TIME)),
        ("prod-eu-current", None),
        ("prod", None),
        ("latest", None),
        (f"prod-rollback-{TIME}.1", None),
        ("prod-current\n", None),
    ],
)
def test_a_tag_is_taken_apart(tag: str, found: tuple[str, str] | None) -> None:
    name = read_tag(tag, "prod", ["web"])
    assert (name and (name.service, name.time)) == found

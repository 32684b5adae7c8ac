"""Which images stay on a host, and which go."""

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorline.core.image import ImageRef
from moorline.core.images import (
    Holdings,
    HostImage,
    clean,
    keep_tag,
    last_proven,
    references,
    why_it_stays,
)
from tests.core.builders import digest


def pin(version: str, name: str = "web") -> str:
    return f"r.io/{name}@{digest(version)}"


TAG = keep_tag("prod", "web", pin("1"))
OURS = HostImage(id="1", pins=frozenset({pin("1")}))


def holdings(**fields: object) -> Holdings:
    """Version 1 was pulled and nobody needs it."""
    nothing: dict[str, object] = {
        "pulled": frozenset({pin("1")}),
        "tags": frozenset(),
        "kept": {},
        "wanted": frozenset(),
    }
    return Holdings(**(nothing | fields))  # type: ignore[arg-type]  # a test's shorthand


KEPT = holdings(kept={TAG: pin("1")}, tags=frozenset({TAG}))


# --- what stays ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "known", "reason"),
    [
        (OURS, holdings(), ""),
        (OURS, holdings(pulled=frozenset()), "not pulled by moorline"),
        (HostImage(id="1"), holdings(), "not pulled by moorline"),
        (replace(OURS, in_use=True), holdings(), "used by a container"),
        (replace(OURS, tags=frozenset({"mine:1"})), holdings(), "named by somebody else"),
        (
            replace(OURS, pins=OURS.pins | {pin("1", "other")}),
            holdings(),
            "named by somebody else",
        ),
        (replace(OURS, tags=frozenset({TAG})), holdings(), "named by somebody else"),
        (replace(OURS, tags=frozenset({TAG})), holdings(tags=frozenset({TAG})), ""),
        (OURS, KEPT, "proven"),
        (HostImage(id="1", tags=frozenset({TAG})), KEPT, "proven"),
        (OURS, holdings(wanted=frozenset({pin("1")})), "asked for"),
        # newer engines give our tag's repository a digest as well
        (
            replace(
                OURS,
                tags=frozenset({TAG}),
                pins=OURS.pins | {f"{TAG.rpartition(':')[0]}@{digest('1')}"},
            ),
            holdings(tags=frozenset({TAG})),
            "",
        ),
    ],
)
def test_an_image_stays_for_a_reason(image: HostImage, known: Holdings, reason: str) -> None:
    assert why_it_stays(image, known) == reason
    assert clean([image], known).remove == (() if reason else (image,))


def test_a_removed_image_loses_its_tags_first_and_only_names_of_ours() -> None:
    derived = f"{TAG.rpartition(':')[0]}@{digest('1')}"
    image = HostImage(id="1", pins=frozenset({pin("1"), derived}), tags=frozenset({TAG}))
    assert references(image) == (TAG, pin("1"))


# --- tags ---------------------------------------------------------------------------------------


def test_a_kept_image_is_tagged_once() -> None:
    assert clean([OURS], KEPT).tag == (("1", TAG),)
    assert clean([replace(OURS, tags=frozenset({TAG}))], KEPT).tag == ()


def test_an_image_that_moorline_did_not_pull_is_not_tagged() -> None:
    known = replace(KEPT, pulled=frozenset())
    assert clean([OURS], known).tag == ()


def test_an_image_that_stays_for_another_reason_loses_its_tag() -> None:
    image = replace(OURS, tags=frozenset({TAG}), in_use=True)
    decided = clean([image], holdings(tags=frozenset({TAG})))
    assert (decided.untag, decided.remove) == ((TAG,), ())


def test_the_last_name_of_a_used_image_is_left_alone() -> None:
    image = HostImage(id="1", tags=frozenset({TAG}), in_use=True)
    assert clean([image], holdings(tags=frozenset({TAG}))).untag == ()


def test_what_is_gone_is_forgotten_unless_a_pull_may_be_bringing_it() -> None:
    known = holdings(
        pulled=frozenset({pin("1"), pin("2")}), wanted=frozenset({pin("2")}), tags=frozenset({TAG})
    )
    assert clean([], known).forget == {pin("1"), TAG}
    assert clean([], KEPT).forget == {pin("1")}


@pytest.mark.parametrize(
    ("environment", "service"),
    [
        ("prod", "web"),
        ("prod_", "web"),
        ("prod", "Web"),
        ("prod", "web.v1--x"),
        ("prod", "_"),
        ("p" * 300, "w" * 300),
    ],
)
def test_every_name_makes_a_tag_that_the_engine_takes(environment: str, service: str) -> None:
    tag = keep_tag(environment, service, pin("1"))
    assert str(ImageRef.parse(tag)) == tag
    assert re.fullmatch(r"moorline\.local/keep/[^/]+/[^/]+:[0-9a-f]{12}", tag)


def test_names_that_look_alike_have_tags_of_their_own() -> None:
    names = ("web", "Web", "WEB", "web_", "w" * 200, "w" * 201)
    assert len({keep_tag("prod", name, pin("1")) for name in names}) == len(names)


def test_only_what_is_pinned_can_be_kept() -> None:
    with pytest.raises(ValueError, match="no digest"):
        keep_tag("prod", "web", "r.io/web:1")


# --- the last proven ones -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("states", "before", "expected"),
    [
        ([], {}, {}),
        ([], {"web": ["1"]}, {}),
        ([{"web": "1"}], {}, {"web": ("1",)}),
        ([{"web": v} for v in "4321"], {}, {"web": ("4", "3", "2")}),
        # proven again is one version, and the newest
        ([{"web": v} for v in "2321"], {}, {"web": ("2", "3", "1")}),
        # one that seldom changes is older than what is remembered
        ([{"web": "9", "db": "2"}], {"db": ["2", "1"]}, {"web": ("9",), "db": ("2", "1")}),
        # one that was taken out is kept as long as a state has it
        ([{"web": "2"}, {"web": "2", "db": "1"}], {"db": ["1"]}, {"web": ("2",), "db": ("1",)}),
        ([{"web": "2"}], {"db": ["1"]}, {"web": ("2",)}),
    ],
)
def test_the_last_proven_of_each_service(
    states: list[dict[str, str]], before: Mapping[str, list[str]], expected: object
) -> None:
    assert last_proven(states, before, keep=3) == expected


# --- in general ---------------------------------------------------------------------------------

VERSIONS = st.sampled_from("123456")
NAMES = st.sampled_from(["web", "db"])
PINS = st.builds(pin, VERSIONS, NAMES)
STATES = st.lists(st.dictionaries(NAMES, PINS), max_size=5)
FOREIGN_TAGS = st.frozensets(st.sampled_from(["mine:1", "r.io/web:1"]), max_size=1)


@st.composite
def hosts(draw: st.DrawFn) -> tuple[list[HostImage], Holdings]:
    """A history of two environments, and images of theirs and of others in any condition."""
    kept = {
        keep_tag(environment, service, each): each
        for environment in ("prod", "test")
        for service, pins in last_proven(draw(STATES), {}, keep=draw(st.integers(1, 3))).items()
        for each in pins
    }
    made = draw(st.frozensets(st.builds(keep_tag, st.just("prod"), NAMES, PINS), max_size=4))
    known = Holdings(
        pulled=draw(st.frozensets(PINS)),
        tags=made | kept.keys(),
        kept=kept,
        wanted=draw(st.frozensets(PINS, max_size=2)),
    )
    images = [
        HostImage(
            id=version,
            # an engine knows each digest once, under any number of names
            pins=draw(st.frozensets(st.builds(pin, st.just(version), NAMES))),
            tags=draw(FOREIGN_TAGS)
            | frozenset(tag for tag in known.tags if tag.endswith(digest(version).short))
            & draw(
                st.just(known.tags) | st.frozensets(st.sampled_from(sorted(known.tags or "-")))
            ),
            in_use=draw(st.booleans()),
        )
        for version in draw(st.lists(VERSIONS, unique=True))
    ]
    return images, known


def after(images: list[HostImage], known: Holdings) -> tuple[list[HostImage], Holdings]:
    """The host and what is known of it once a cleaning is done."""
    decided = clean(images, known)
    removed = {each.id for each in decided.remove}
    left = [
        replace(
            each,
            tags=each.tags - set(decided.untag)
            | {tag for to, tag in decided.tag if to == each.id},
        )
        for each in images
        if each.id not in removed
    ]
    gone = {name for each in decided.remove for name in references(each)} | set(decided.untag)
    forgotten = decided.forget | gone
    tags = (known.tags - forgotten) | known.kept.keys()
    return left, replace(known, pulled=known.pulled - forgotten, tags=tags)


@given(hosts())
def test_nothing_is_both_kept_and_removed(host: tuple[list[HostImage], Holdings]) -> None:
    images, known = host
    decided = clean(images, known)
    removed = {each.id for each in decided.remove}
    protected = known.wanted | set(known.kept.values())
    assert not any(each.in_use or each.pins & protected for each in decided.remove)
    assert not removed & {image for image, _ in decided.tag}
    assert not set(decided.untag) & known.kept.keys()


@given(hosts())
def test_images_of_others_keep_every_name(host: tuple[list[HostImage], Holdings]) -> None:
    images, known = host
    before = {each.id: each for each in images}
    left = {each.id: each for each in after(images, known)[0]}
    for image in before.values():
        if not image.pins <= known.pulled or image.tags - known.tags:
            assert left[image.id].pins == image.pins
            assert left[image.id].tags >= image.tags - known.tags


@given(hosts())
def test_every_image_of_ours_that_nobody_needs_goes(
    host: tuple[list[HostImage], Holdings],
) -> None:
    images, known = host
    needed = known.wanted | set(known.kept.values())
    left = {each.id for each in after(images, known)[0]}
    for image in images:
        ours = (image.pins or image.tags) and image.pins <= known.pulled
        if ours and image.tags <= known.tags and not image.in_use and not image.pins & needed:
            assert (image.id in left) == bool(image.tags & known.kept.keys())


@given(hosts())
def test_after_a_cleaning_there_is_nothing_left_to_do(
    host: tuple[list[HostImage], Holdings],
) -> None:
    decided = clean(*after(*host))
    assert (decided.tag, decided.untag, decided.remove) == ((), (), ())
    assert decided.forget == frozenset()


@given(hosts())
def test_kept_images_of_ours_have_a_tag(host: tuple[list[HostImage], Holdings]) -> None:
    images, known = after(*host)
    for image in images:
        if image.pins & known.pulled & set(known.kept.values()):
            assert image.tags & known.kept.keys()

"""What holds for every package: nothing that is needed goes, and all that is not does."""

import json
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from moorline.core.retention.model import Decision
from moorline.core.retention.tags import TagRules, rollback_time
from tests.core.retention_worlds import DAY, NOW, Package, packages

# The oracle is written the slow way, and shares nothing with what it judges but the tags' words.


def needs(package: Package, digest: str) -> Iterator[str]:
    """What a digest needs directly."""
    if digest in package.nodes:
        yield from package.nodes[digest].children
    for version in package.versions:
        if package.nodes[version.digest].subject == digest:
            yield version.digest
        if any(tag.partition(".")[0] == digest.replace(":", "-") for tag in version.tags):
            yield version.digest


def closed(package: Package, roots: set[str]) -> set[str]:
    """Everything that `roots` need, by going on until nothing is added."""
    while True:
        more = {each for root in roots for each in needs(package, root)}
        if more <= roots:
            return roots
        roots = roots | more


def tags_are_due(package: Package, digest: str) -> bool:
    """Whether every rule lets it go; False where no tag of its own says so."""
    version = next(each for each in package.versions if each.digest == digest)
    rules = TagRules(package.policy.rules)
    named = [tag for tag in version.tags if not tag.startswith("sha256-")]
    pinned = package.last_pinned.get(digest, 0.0)
    for tag in named:
        rule = rules.rule_for(tag)
        since = rollback_time(tag) or (version.created and max(version.created, pinned))
        if rule is None or rule.keep is None or not since or since + rule.keep > NOW:
            return False
    return bool(named)


def doomed(decision: Decision) -> list[str]:
    return [each.version.digest for each in decision.doomed]


@given(packages())
def test_nothing_that_what_stays_needs_is_deleted(package: Package) -> None:
    decision = package.decide()
    gone = set(doomed(decision))
    staying = {each.digest for each in package.versions} - gone
    assert not closed(package, staying) & gone
    assert not closed(package, set(package.held)) & gone


@given(packages())
def test_no_version_goes_with_a_tag_that_is_not_due(package: Package) -> None:
    gone = set(doomed(package.decide()))
    for version in package.versions:
        if version.digest in gone and any(not t.startswith("sha256-") for t in version.tags):
            assert tags_are_due(package, version.digest)


@given(packages())
def test_all_that_is_due_and_needed_by_nothing_is_deleted(package: Package) -> None:
    decision = package.decide()
    gone = set(doomed(decision))
    staying = {each.digest for each in package.versions} - gone
    for version in package.versions:
        others = closed(package, staying - {version.digest})
        is_old = NOW - version.created >= DAY and tags_are_due(package, version.digest)
        if is_old and version.digest not in others | set(package.held):
            assert version.digest in gone


@given(packages())
def test_wherever_it_is_interrupted_no_index_is_left_without_its_parts(package: Package) -> None:
    order = doomed(package.decide())
    there = {each.digest for each in package.versions}
    for digest in order:
        there.discard(digest)
        for each in there:
            parts = set(package.nodes[each].children)
            assert parts <= there, "an index outlived a part of it"


@given(packages())
def test_deciding_anew_after_any_part_of_it_never_dooms_what_stayed(package: Package) -> None:
    decision = package.decide()
    gone = doomed(decision)
    staying = {each.digest for each in package.versions} - set(gone)
    for number in range(len(gone) + 1):
        left = [each for each in package.versions if each.digest not in gone[:number]]
        rest = Package(
            policy=package.policy,
            versions=left,
            nodes=package.nodes,
            held=package.held,
            last_pinned=package.last_pinned,
        )
        assert not set(doomed(rest.decide())) & staying


@given(packages(), st.integers(0, 5))
def test_the_minimum_is_kept_where_there_are_so_many(package: Package, minimum: int) -> None:
    package.rule(minimum=minimum)
    decision = package.decide()
    images = decision.images + decision.doomed_images
    assert decision.images >= min(minimum, images)


@given(packages())
def test_a_pin_more_never_dooms_anything(package: Package) -> None:
    before = set(doomed(package.decide()))
    pinned = dict(package.held)
    for version in package.versions:
        package.held = pinned | {version.digest: "pinned by staging"}
        assert set(doomed(package.decide())) <= before


@given(packages(), st.randoms())
def test_the_order_of_the_listing_does_not_matter(package: Package, random: object) -> None:
    before = package.decide()
    package.versions.sort(key=lambda each: json.dumps([str(random), each.digest]))
    after = package.decide()
    assert {(v.version.digest, v.fate) for v in before.verdicts} == {
        (v.version.digest, v.fate) for v in after.verdicts
    }
    assert doomed(before) == doomed(after)


@given(packages())
def test_an_untagged_tag_is_due_and_leaves_another(package: Package) -> None:
    decision = package.decide()
    gone = set(doomed(decision))
    for untag in decision.untag:
        version = next(each for each in package.versions if each.digest == untag.digest)
        taken = {each.tag for each in decision.untag if each.digest == untag.digest}
        assert untag.digest not in gone
        assert set(version.tags) - taken

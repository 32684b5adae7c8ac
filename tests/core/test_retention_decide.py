"""What stays, what goes, and why."""

from dataclasses import replace

import pytest

from moorline.core.retention.model import Rule, Untag, Version
from tests.core.retention_worlds import DAY, NOW, Package, digest

OLD, RECENT = 91, 89


@pytest.fixture
def package() -> Package:
    return Package()


# --- tags and ages ---


@pytest.mark.parametrize(
    ("tags", "age", "fate"),
    [
        (["main-047b82e"], OLD, "delete commits"),
        (["main-047b82e"], RECENT, "keep commits"),
        (["main-047b82e", "latest"], OLD, "keep latest"),
        (["main-047b82e", "v1.2.3"], OLD, "keep semantic versions"),
        (["main-047b82e", "production-current"], OLD, "keep production"),
        (["main-047b82e", "my-own"], OLD, "keep unknown"),
        (["main-047b82e"], -1, "keep unknown"),
        ([], 8, "delete untagged"),
        ([], 6, "keep untagged"),
        ([], 0.5, "keep young"),
        ([], -1, "keep unknown"),
    ],
)
def test_all_tags_have_to_be_due(package: Package, tags: list[str], age: int, fate: str) -> None:
    package.add("web", *tags, age=age)
    assert package.says("web").partition(":")[0] == fate


@pytest.mark.parametrize(
    ("tag", "fate"),
    [
        # NOW is in November 2026
        ("production-rollback-20261101T000000Z", "keep rollback backups"),
        ("production-rollback-20260901T000000Z", "delete rollback backups"),
    ],
)
def test_a_rollback_tag_counts_from_its_own_time(package: Package, tag: str, fate: str) -> None:
    package.add("web", tag, age=1000)
    assert package.says("web").partition(":")[0] == fate


def test_age_counts_from_when_git_named_it_last(package: Package) -> None:
    package.add("web", "main-047b82e", age=1000)
    package.last_pinned[digest("web")] = NOW - RECENT * DAY
    assert package.doomed() == []
    package.last_pinned[digest("web")] = NOW - OLD * DAY
    assert package.doomed() == ["web"]


def test_a_verdict_says_when_its_rules_let_it_go(package: Package) -> None:
    package.add("web", "main-047b82e", age=10)
    package.add("app", "latest")
    web, app = sorted(package.decide().verdicts, key=lambda each: each.version.created)[::-1]
    assert web.expires == NOW + 80 * DAY
    assert web.age == 10 * DAY
    assert app.expires is None


def test_without_a_rule_for_it_what_has_no_tag_stays(package: Package) -> None:
    package.rule(rules=package.policy.rules[:-1])
    package.add("web")
    assert package.says("web") == "keep unknown: no tag, and no rule speaks of that"


# --- what is held, and what that takes along ---


def test_what_is_pinned_stays_whatever_its_age(package: Package) -> None:
    package.add("web", "main-047b82e")
    package.pin("web", "pinned by production until 3f9c2d1")
    assert package.says("web") == "keep pinned: pinned by production until 3f9c2d1"


@pytest.mark.parametrize(
    "line", [digest("web"), f"ghcr.io/acme/app@{digest('web')}", "ghcr.io/acme/app:main-047b82e"]
)
def test_a_line_in_the_policy_protects(package: Package, line: str) -> None:
    package.add("web", "main-047b82e")
    package.add("old", "main-1111111")
    package.rule(protect=frozenset({line}))
    assert package.doomed() == ["old"]
    assert package.says("web") == "keep protected: the policy protects it"


def test_a_line_for_another_package_protects_nothing_here(package: Package) -> None:
    package.add("web", "main-047b82e")
    package.rule(protect=frozenset({"ghcr.io/acme/other:main-047b82e"}))
    assert package.doomed() == ["web"]


def everything(package: Package) -> None:
    """A nested index with an attestation, a signature of each form, and a report on a report."""
    package.add("amd64")
    package.add("arm64")
    package.add("provenance", subject="amd64")
    package.add("index", parts=["amd64", "arm64", "provenance"])
    package.add("outer", "main-047b82e", parts=["index"])
    package.add("signature", digest("outer").replace(":", "-") + ".sig")
    package.add("sbom", subject="index")
    package.add("report", subject="sbom")
    package.add("fallback", digest("index").replace(":", "-"), parts=["sbom"])


def test_what_stays_takes_along_all_that_it_needs(package: Package) -> None:
    everything(package)
    package.pin("outer")
    assert package.doomed() == []
    assert package.says("index") == "keep part: part of outer"
    assert package.says("signature") == "keep referrer: attached to outer"


def test_what_goes_takes_along_what_nothing_else_needs(package: Package) -> None:
    everything(package)
    doomed = package.doomed()
    assert len(doomed) == 9
    for index, part in [("outer", "index"), ("index", "amd64"), ("fallback", "sbom")]:
        assert doomed.index(index) < doomed.index(part)
    assert package.says("amd64") == "delete part: part of index"
    assert package.says("report") == "delete referrer: attached to sbom"


def test_a_part_that_two_indexes_share_stays_with_the_one_that_does(package: Package) -> None:
    package.add("amd64")
    package.add("arm64")
    package.add("old", "main-1111111", parts=["amd64", "arm64"])
    package.add("new", "main-047b82e", parts=["amd64"], age=3)
    assert package.doomed() == ["old", "arm64"]


def test_a_signature_goes_with_its_image_however_new_it_is(package: Package) -> None:
    package.add("web", "main-047b82e")
    package.add("signature", subject="web", age=3)
    assert package.doomed() == ["web", "signature"]


def test_a_part_with_a_tag_of_its_own_is_judged_by_it(package: Package) -> None:
    package.add("amd64", "v1.2.3")
    package.add("index", "main-047b82e", parts=["amd64"])
    assert package.doomed() == ["index"]


def test_a_pinned_part_stays_without_its_index(package: Package) -> None:
    package.add("amd64")
    package.add("index", "main-047b82e", parts=["amd64"])
    package.pin("amd64")
    assert package.doomed() == ["index"]


def test_a_young_part_outlives_its_index(package: Package) -> None:
    # a push under way may be about to list it
    package.add("amd64", age=0.5)
    package.add("index", "main-047b82e", parts=["amd64"])
    assert package.doomed() == ["index"]


def test_a_signature_of_something_that_is_gone_is_judged_like_what_has_no_tag(
    package: Package,
) -> None:
    package.add("signature", digest("absent").replace(":", "-") + ".sig", age=6)
    package.add("orphan", subject="absent", age=8)
    assert package.doomed() == ["orphan"]


def test_things_attached_to_each_other_hold_nothing(package: Package) -> None:
    package.add("app", digest("web").replace(":", "-"))
    package.add("web", digest("app").replace(":", "-"))
    assert sorted(package.doomed()) == ["app", "web"]


# --- the minimum ---


def test_the_newest_images_make_up_the_minimum(package: Package) -> None:
    for name, age in [("old", 300), ("new", 200), ("newer", 150), ("newest", 100)]:
        package.add(name, f"main-{age:07d}", age=age)
    package.rule(minimum=2)
    assert package.doomed() == ["old", "new"]
    assert package.says("newer") == "keep minimum: never fewer than 2 images"


def test_the_minimum_counts_images_and_neither_tags_nor_parts(package: Package) -> None:
    package.add("amd64")
    package.add("index", "main-047b82e", "main-1111111", parts=["amd64"])
    package.add("signature", subject="index")
    package.add("old", "main-2222222", age=2000)
    package.rule(minimum=1)
    assert package.doomed() == ["old"]
    decision = package.decide()
    assert (decision.images, decision.doomed_images) == (1, 1)


def test_what_is_held_anyway_counts_towards_the_minimum(package: Package) -> None:
    package.add("web", "main-047b82e")
    package.add("old", "main-1111111")
    package.add("amd64")
    package.pin("web")
    package.pin("amd64")
    package.rule(minimum=2)
    assert package.doomed() == ["old"]


# --- failing closed ---


def test_one_unread_manifest_keeps_the_whole_package(package: Package) -> None:
    package.add("web", "main-047b82e")
    for name in ("old", "new", "newer", "newest", "other"):
        package.add(name)
        del package.nodes[digest(name)]
    decision = package.decide()
    assert decision.verdicts == ()
    some = ", ".join(digest(each) for each in ("old", "new", "newer"))
    assert decision.problem == f"cannot read the manifest of {some} and 2 more"


def test_a_protected_version_need_not_be_readable(package: Package) -> None:
    package.add("web", "main-047b82e")
    package.add("old")
    del package.nodes[digest("old")]
    assert package.decide().problem.endswith(digest("old"))
    package.rule(protect=frozenset({digest("old")}))
    assert package.doomed() == ["web"]


# --- order, tags and bytes ---


def test_what_goes_is_in_an_order_that_breaks_nothing(package: Package) -> None:
    package.add("amd64", age=500)
    package.add("index", "main-047b82e", parts=["amd64"], age=200)
    package.add("signature", subject="index", age=900)
    package.add("old", "main-1111111", age=300)
    package.add("app", "latest")
    assert package.doomed() == ["old", "index", "signature", "amd64"]


def test_a_part_of_an_index_and_of_one_inside_it_goes_last(package: Package) -> None:
    package.add("amd64", age=900)
    package.add("index", parts=["amd64"], age=800)
    package.add("outer", "main-047b82e", parts=["amd64", "index"], age=700)
    assert package.doomed() == ["outer", "index", "amd64"]


def test_the_last_second_of_a_rule_is_over_when_it_is(package: Package) -> None:
    package.add("web", "main-047b82e", age=90)
    package.add("app", "main-1111111", age=90 - 1e-6)
    assert package.doomed() == ["web"]


def test_a_due_tag_comes_off_what_stays(package: Package) -> None:
    old = "production-rollback-20200101T000000Z"
    package.add("web", "latest", old, "main-047b82e")
    assert package.decide().untag == (
        Untag(
            tag=old,
            digest=digest("web"),
            rule="rollback backups",
            reason=f"{old}: rollback backups are kept 30 days",
        ),
    )


def test_the_last_tag_stays_with_its_version(package: Package) -> None:
    first, second = (f"production-rollback-2020010{day}T000000Z" for day in (1, 2))
    package.add("web", first)
    package.add("app", first, second)
    package.add("old", "latest", "production-rollback-20261101T000000Z")
    package.pin("web")
    package.pin("app")
    assert [each.tag for each in package.decide().untag] == [first]


def test_a_protected_tag_stays(package: Package) -> None:
    tag = "production-rollback-20200101T000000Z"
    package.add("web", "latest", tag)
    package.rule(protect=frozenset({f"ghcr.io/acme/app:{tag}"}))
    assert package.decide().untag == ()


def test_tags_of_what_goes_need_no_removing(package: Package) -> None:
    package.add("web", "main-047b82e", "production-rollback-20200101T000000Z")
    assert package.doomed() == ["web"]
    assert package.decide().untag == ()


def test_no_rule_no_untagging(package: Package) -> None:
    package.rule(rules=(Rule(name="all", match="*", keep=DAY),))
    package.add("web", "a", "b")
    package.pin("web")
    assert package.decide().untag == ()


def test_shared_layers_are_counted_once(package: Package) -> None:
    package.add("old", "main-1111111", layers={"base": 1000, "shared": 30})
    package.add("new", "main-2222222", layers={"base": 1000, "own": 7})
    package.add("app", "latest", layers={"base": 1000})
    decision = package.decide()
    # two manifests of 100 and two configs of 10 go in any case
    assert decision.freed_least == 220 + 30 + 7
    assert decision.freed_most == 220 + 30 + 7 + 1000
    sizes = {each.version.digest: each.size for each in decision.verdicts}
    assert sizes[digest("new")] == 100 + 10 + 1000 + 7


def test_what_goes_nowhere_frees_nothing(package: Package) -> None:
    package.add("app", "latest")
    decision = package.decide()
    assert (decision.freed_least, decision.freed_most) == (0, 0)


def test_a_version_is_one_whatever_its_id() -> None:
    package = Package()
    package.add("web", "main-047b82e")
    package.versions = [replace(each, id="7") for each in package.versions]
    assert package.decide().doomed[0].version == Version(
        digest=digest("web"), tags=("main-047b82e",), created=NOW - 1000 * DAY, id="7"
    )

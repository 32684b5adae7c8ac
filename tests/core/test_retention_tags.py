"""What a tag says."""

import pytest

from moorline.core.retention.model import Rule
from moorline.core.retention.tags import TagRules, rollback_time, subject_of
from tests.core.retention_worlds import RULES

SHA = "047b82e3c1d2a4f5b6978812aabbccddeeff0011"
HEX = "ab" * 32


@pytest.mark.parametrize(
    ("tag", "rule"),
    [
        (SHA, "commits"),
        (f"sha-{SHA}", "commits"),
        ("main-047b82e", "commits"),
        ("feature-x-047b82e", "commits"),
        ("047b82e", "commits"),
        ("main-1234567", "commits"),
        ("1234567", None),
        ("nightly-20261101", None),
        ("20261101", None),
        ("main-047b8", None),
        ("main-047B82E", None),
        ("1.2.3", "semantic versions"),
        ("v1.2.3", "semantic versions"),
        ("1.2.3-rc.1", "semantic versions"),
        ("1.2", "semantic versions"),
        ("v1", "semantic versions"),
        ("1.2.3.4", "semantic versions"),
        ("1.x", None),
        ("latest", "latest"),
        ("latest-arm", None),
        ("production-current", "production"),
        ("production-rollback-20260102T030405Z", "rollback backups"),
        ("staging-rollback-20260102T030405Z", "rollback backups"),
        ("some-branch", None),
        ("", None),
    ],
)
def test_the_first_rule_that_matches_decides(tag: str, rule: str | None) -> None:
    found = TagRules(RULES).rule_for(tag)
    assert (found.name if found else None) == rule


def test_without_rules_nothing_matches() -> None:
    assert TagRules(()).rule_for("latest") is None
    assert TagRules(()).untagged is None


def test_a_glob_takes_sets_and_single_characters() -> None:
    rules = TagRules([Rule(name="x", match="v[0-9]-?", keep=None)])
    assert rules.rule_for("v1-a") is not None
    assert rules.rule_for("v1-ab") is None


def test_what_has_no_tag_has_a_rule_of_its_own() -> None:
    untagged = TagRules(RULES).untagged
    assert untagged is not None
    assert untagged.name == "untagged"
    # the word is no tag
    assert TagRules([Rule(name="x", match="untagged", keep=None)]).rule_for("untagged") is None


@pytest.mark.parametrize(
    ("tag", "time"),
    [
        ("production-rollback-19700102T000001Z", 86401.0),
        ("production-web-rollback-19700102T000001Z", 86401.0),
        ("production-rollback-20260231T000000Z", None),
        ("production-rollback-latest", None),
        ("production-rollback-19700102T000001Z-x", None),
        ("production-current", None),
    ],
)
def test_a_rollback_tag_says_when_it_was_made(tag: str, time: float | None) -> None:
    assert rollback_time(tag) == time


@pytest.mark.parametrize(
    ("tag", "subject"),
    [
        (f"sha256-{HEX}", f"sha256:{HEX}"),
        (f"sha256-{HEX}.sig", f"sha256:{HEX}"),
        (f"sha256-{HEX}.att", f"sha256:{HEX}"),
        (f"sha256-{HEX}.sbom", f"sha256:{HEX}"),
        (f"sha256-{HEX[:-1]}", ""),
        (f"sha256-{HEX}-sig", ""),
        ("latest", ""),
    ],
)
def test_some_tags_attach_their_version_to_another(tag: str, subject: str) -> None:
    assert subject_of(tag) == subject

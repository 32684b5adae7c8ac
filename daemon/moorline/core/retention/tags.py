"""What a tag says: which rule decides about it, when it was made, what it is attached to."""

import fnmatch
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from moorline.core.records import ID_TIME
from moorline.core.retention.model import Rule

__all__ = [
    "COMMIT",
    "SEMVER",
    "UNTAGGED",
    "WORDS",
    "TagRules",
    "commit_named",
    "names_among",
    "rollback_time",
    "subject_of",
]

COMMIT, SEMVER, UNTAGGED = "sha", "semver", "untagged"
WORDS = (COMMIT, SEMVER, UNTAGGED)
"""What a rule may match besides a glob."""

# A commit's own name, whole or short, alone or behind a branch: `main-047b82e`, `sha-047b82e…`.
# Eight digits are a date and six a build; git's short form has seven, and longer ones a letter.
_ALONE = r"[0-9a-f]{40}|(?=[0-9]*[a-f])[0-9a-f]{7,39}"
_BEHIND = r"[0-9]{7}"
_COMMIT = rf"(?:.+-)?(?:{_ALONE})|.+-{_BEHIND}"
_NAMED = re.compile(rf"(?:.+-)?(?P<alone>{_ALONE})|.+-(?P<behind>{_BEHIND})", re.ASCII)
# Semantic versions, and the `1.2` and `1` that move along with them.
_SEMVER = r"v?[0-9]+\.[0-9]+\.[0-9]+(?:[-._][0-9A-Za-z._-]+)?|v?[0-9]{1,5}(?:\.[0-9]{1,5})?"
_PATTERNS = {COMMIT: _COMMIT, SEMVER: _SEMVER}

_ROLLBACK = re.compile(r".*-rollback-([0-9]{8}T[0-9]{6}Z)", re.ASCII)
_ATTACHED = re.compile(r"sha256-([0-9a-f]{64})(?:\.[A-Za-z0-9._-]+)?", re.ASCII)


class TagRules:
    """A policy's rules, ready for very many tags."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        named = [rule for rule in rules if rule.match != UNTAGGED]
        self.untagged = next((rule for rule in rules if rule.match == UNTAGGED), None)
        self._rules = named
        # alternatives are tried in order, so that the first rule that fits is the one
        self._pattern = re.compile("|".join(f"({_pattern(rule)})" for rule in named), re.ASCII)

    def rule_for(self, tag: str) -> Rule | None:
        """The first rule that matches; a tag that none does is kept."""
        match = self._pattern.fullmatch(tag)
        # without rules the pattern is empty and has no group
        return self._rules[match.lastindex - 1] if match and match.lastindex else None


def rollback_time(tag: str) -> float | None:
    """When a rollback tag was made, as it says itself; None for any other tag."""
    match = _ROLLBACK.fullmatch(tag)
    if match is None:
        return None
    try:
        return datetime.strptime(match[1], ID_TIME).replace(tzinfo=UTC).timestamp()
    except ValueError:  # the 31st of February
        return None


def commit_named(tag: str) -> str:
    """The commit that a tag names, whole or as short as it has it; "" for any other tag."""
    match = _NAMED.fullmatch(tag)
    return (match["alone"] or match["behind"]) if match else ""


def names_among(tags: Iterable[str]) -> list[str]:
    """Those that name a version, and do not attach it to another one."""
    return [tag for tag in tags if not subject_of(tag)]


def subject_of(tag: str) -> str:
    """The digest that a tag attaches its version to: `sha256-<hex>` is the fallback of the
    referrers API, and with `.sig`, `.att` or `.sbom` it is cosign's; "" for any other tag.
    """
    match = _ATTACHED.fullmatch(tag)
    return f"sha256:{match[1]}" if match else ""


def _pattern(rule: Rule) -> str:
    return _PATTERNS.get(rule.match) or fnmatch.translate(rule.match)

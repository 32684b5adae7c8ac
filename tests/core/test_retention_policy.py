"""A policy is read as written, or refused with everything that is wrong with it."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from moorline.core.retention.model import DAY, Prices
from moorline.core.retention.policy import (
    POLICY_KEYS,
    default_policy,
    parse_policy,
    with_retention_days,
)
from moorline.core.retention.spans import parse_span
from moorline.errors import InvalidPolicy, Problem, UsageError

PATH = "policies/retention.yaml"
TEMPLATE = Path(__file__).parents[2] / "state-repo-template" / PATH
DIGEST = "sha256:" + "a" * 64
NO_SPAN = "must be a duration such as 90d, 2w, 12h or 1d12h"
NO_REPOSITORY = "(lower case, a-z 0-9 . _ -)"
LONG_NAME = "12: rules[1].name: must be at most 60 printable characters"
LEAST = """\
version: 1
packages: [ghcr.io/acme/app]
rules:
  - {name: commits, match: sha, keep: 90d}
"""


BOMB = b"a: &a [x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (n, n, b",".join([b"*%c" % (n - 1)] * 8)) for n in b"bcdefgh"
)


def problems(source: str | bytes) -> tuple[Problem, ...]:
    data = source if isinstance(source, bytes) else source.encode()
    with pytest.raises(InvalidPolicy) as caught:
        parse_policy(data, path=PATH)
    return caught.value.problems


def told(line: str, *, also: str = LEAST) -> str:
    """What is said of one more line, where it is wrong."""
    (problem,) = problems(also + line)
    return (
        f"{problem.line - also.count(chr(10))}:{problem.column}: {problem.key}: {problem.message}"
    )


def rule(words: str) -> str:
    """What is said of a second rule."""
    (problem,) = problems(f"{LEAST}  - {{{words}}}\n")
    assert problem.line == 5
    return f"{problem.column}: {problem.key}: {problem.message}"


# --- what is read ---


def test_the_template_is_the_default_policy_for_one_package() -> None:
    policy = parse_policy(TEMPLATE.read_bytes(), path=PATH)
    assert policy == replace(default_policy(), packages=("ghcr.io/your-org/app",))
    assert not policy.enabled


def test_without_a_policy_there_is_no_package() -> None:
    assert default_policy().packages == ()
    assert not default_policy().enabled


def test_what_is_left_out_has_its_default() -> None:
    policy = parse_policy(LEAST.encode(), path=PATH)
    rules = policy.rules
    assert policy == replace(default_policy(), packages=("ghcr.io/acme/app",), rules=rules)
    assert (rules[0].name, rules[0].match, rules[0].keep) == ("commits", "sha", 90 * DAY)


def test_everything_can_be_said() -> None:
    policy = parse_policy(
        f"""\
version: 1
enabled: true
schedule: "*/30 4-6 * * mon"
grace: 0s
revert_window: 2w
minimum: 0
pace: 2s
packages:
  - ghcr.io/acme/app
  - nginx
rules:
  - {{name: back, match: "*-rollback-*", keep: 1d12h}}
  - {{name: ours, match: "team-[ab]?", keep: forever, untag: true}}
  - {{name: kept, match: "x-rollback-*", keep: 30d, untag: false}}
protect:
  - {DIGEST}
  - ghcr.io/acme/app:before
  - nginx:1@{DIGEST}
prices: {{storage_gb_month: 0.25, currency: EUR}}
""".encode(),
        path=PATH,
    )
    assert policy.enabled
    assert policy.schedule == "*/30 4-6 * * mon"
    assert (policy.grace, policy.revert_window, policy.pace) == (0, 14 * DAY, 2)
    assert policy.minimum == 0
    assert policy.packages == ("ghcr.io/acme/app", "docker.io/library/nginx")
    assert [each.keep for each in policy.rules] == [1.5 * DAY, None, 30 * DAY]
    # a rollback tag goes when it is due, unless the rule says otherwise
    assert [each.untag for each in policy.rules] == [True, True, False]
    assert policy.protect == {DIGEST, "ghcr.io/acme/app:before", "docker.io/library/nginx:1"}
    assert policy.prices == Prices(storage_gb_month=0.25, currency="EUR")


def test_an_empty_list_of_exceptions_may_be_left_empty() -> None:
    assert parse_policy(f"{LEAST}protect:\n".encode(), path=PATH).protect == frozenset()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("45s", 45),
        ("30m", 1800),
        ("12h", 43200),
        ("90d", 90 * DAY),
        ("2w", 14 * DAY),
        ("1d12h", 1.5 * DAY),
        ("1w1d1h1m1s", 8 * DAY + 3661),
    ],
)
def test_a_duration_has_units(text: str, seconds: float) -> None:
    assert parse_span(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "90", "d", "1.5d", "-1d", "90 d", "90days", "90D", "1d\n", "\u0663d", "1d" * 6]
)
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="90d, 2w, 12h"):
        parse_span(text)


def test_a_duration_ends_at_a_hundred_years() -> None:
    with pytest.raises(ValueError, match="hundred years"):
        parse_span("36601d")


# --- what is refused, one thing at a time ---


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("enabeld: true", "1:1: enabeld: not a policy key; did you mean 'enabled'?"),
        ("x-note: hello", "1:1: x-note: not a policy key"),
        ("enabled: maybe", "1:10: enabled: must be true or false"),
        ("grace: 24", f"1:8: grace: {NO_SPAN}; did you mean 24d?"),
        ("grace: 1.5", "1:8: grace: must be a string; put it in quotes"),
        ("grace: []", "1:8: grace: must be a string"),
        ("grace: ''", "1:8: grace: must not be empty"),
        ("revert_window: 0d", "1:16: revert_window: must be more than 0"),
        ("minimum: -1", "1:10: minimum: must be a whole number, 0 to 1000000"),
        ("pace: 61m", "1:7: pace: must be an hour or less"),
        ("version: 1", "1:1: : duplicate key 'version'; the first is at 1:1"),
        ("prices: {}", "1:9: prices: 'storage_gb_month' is missing"),
        ("prices: {storage_gb_month: -1}", "1:28: prices.storage_gb_month: must be 0 or more"),
        (
            "prices: {storage_gb_month: 1, currency: Euro}",
            "1:41: prices.currency: must be a currency's three letters, such as USD or EUR",
        ),
        ("protect: all", "1:10: protect: must be a list"),
        (
            "protect: [sha256:abc]",
            "1:11: protect[0]: not a digest: 'sha256:abc' (sha256: and 64 hex digits)",
        ),
        (
            "protect: [ghcr.io/acme/ap:v1]",
            (
                "1:11: protect[0]: ghcr.io/acme/ap is not among packages; "
                "did you mean 'ghcr.io/acme/app'?"
            ),
        ),
        (
            "protect: [ghcr.io/acme/app]",
            (
                "1:11: protect[0]: names a whole package; add a :tag or an @digest, "
                "or take it off packages"
            ),
        ),
        ("protect: [[]]", "1:11: protect[0]: must be a string"),
        (
            "protect: [a b]",
            f"1:11: protect[0]: not a repository name: 'library/a b' {NO_REPOSITORY}",
        ),
    ],
)
def test_each_mistake_is_told_where_it_stands(line: str, said: str) -> None:
    assert told(line) == said


@pytest.mark.parametrize(
    "schedule",
    [
        "daily",
        "0 25 * * *",
        "0 2 * *",
        "0 0 2 * * *",
        "@daily",
        "0 0 30 2 *",
        "0 0 */29 2 1#5",
        "*/0 * * * *",
        "0 2 * * *" + " " * 100,
        "0,0 " * 500,
    ],
)
def test_a_schedule_that_never_comes_is_refused(schedule: str) -> None:
    assert "must be a cron expression" in told(f'schedule: "{schedule}"')


def test_an_empty_schedule_is_refused() -> None:
    assert told("schedule: ''") == "1:11: schedule: must not be empty"


@pytest.mark.parametrize(
    ("packages", "said"),
    [
        ("ghcr.io/acme/app", "must be a list"),
        ("[ghcr.io/acme/app:v1]", "is one image of a package; name the package: ghcr.io/acme/app"),
        (
            f"['ghcr.io/acme/app@{DIGEST}']",
            "is one image of a package; name the package: ghcr.io/acme/app",
        ),
        ("[nginx, docker.io/library/nginx]", "docker.io/library/nginx is in the list already"),
        ("[Acme/App]", "not a repository name: 'Acme/App' (lower case, a-z 0-9 . _ -)"),
        ("['']", "must not be empty"),
        ("[5]", "must be a string; put it in quotes"),
        (str([f"a/b{n}" for n in range(1001)]), "more than 1000 packages"),
    ],
)
def test_a_package_is_a_repository(packages: str, said: str) -> None:
    rules = "rules: [{name: a, match: sha, keep: 1d}]\n"
    (problem,) = problems(f"version: 1\npackages: {packages}\n{rules}")
    assert problem.message == said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("match: main, keep: 1d", "5: rules[1]: 'name' is missing"),
        ("name: a, keep: 1d", "5: rules[1]: 'match' is missing"),
        ("name: a, match: main", "5: rules[1]: 'keep' is missing"),
        ("name: a, match: main, keep: 12h", "34: rules[1].keep: must be a day or more"),
        ("name: a, match: main, keep: 0d", "34: rules[1].keep: must be a day or more"),
        (
            "name: a, match: main, keep: for ever",
            f"34: rules[1].keep: {NO_SPAN}, or forever; did you mean 'forever'?",
        ),
        (
            "name: a, match: main, keep: 30",
            f"34: rules[1].keep: {NO_SPAN}, or forever; did you mean 30d?",
        ),
        (
            "name: a, match: main, keep: 1d, untagged: true",
            "38: rules[1].untagged: not a rule's key; did you mean 'untag'?",
        ),
        (
            "name: commits, match: main, keep: 1d",
            "5: rules[1]: the name 'commits' is taken by rule 1",
        ),
        (
            "name: a, match: sha, keep: 1d",
            "5: rules[1]: is never reached: rule 1 matches the same tags before it",
        ),
        (f"name: {'a' * 61}, match: main, keep: 1d", LONG_NAME),
        (r'name: "a\x1b", match: main, keep: 1d', LONG_NAME),
    ],
)
def test_a_rule_is_whole_and_reachable(words: str, said: str) -> None:
    assert rule(words) == said


@pytest.mark.parametrize("match", ["^main$", "a/b", "app:v1", "a b", "\u00e4*", "x" * 129])
def test_a_match_is_a_glob_of_what_a_tag_is_made_of(match: str) -> None:
    assert "or a glob of what a tag is made of" in rule(f"name: a, match: '{match}', keep: 1d")


def test_a_rule_behind_one_for_everything_is_never_reached() -> None:
    everything = f'{LEAST}  - {{name: all, match: "*", keep: 7d}}\n'
    untagged = "  - {name: none, match: untagged, keep: 7d}\n"
    # what has no tag is matched by no glob
    assert len(parse_policy(f"{everything}{untagged}".encode(), path=PATH).rules) == 3
    said = told("  - {name: late, match: v*, keep: 7d}", also=everything)
    assert "rule 2 matches the same tags" in said


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("[]", "must not be empty: without a rule nothing would ever go"),
        ("", "must be a list"),
        ("{}", "must be a list"),
        (str([{"name": f"r{n}"} for n in range(101)]), "more than 100 rules"),
    ],
)
def test_there_are_rules_but_not_too_many(rules: str, said: str) -> None:
    (problem,) = problems(f"version: 1\npackages: []\nrules: {rules}\n")
    assert problem.message == said


@pytest.mark.parametrize("version", ["2", "1.0", "one", "", "[1]"])
def test_another_format_is_refused(version: str) -> None:
    (problem,) = problems(LEAST.replace("version: 1", f"version: {version}"))
    assert problem.message == "must be 1: this moorline reads no other format"


def test_too_many_exceptions_are_refused() -> None:
    digests = ", ".join(f"sha256:{n:064x}" for n in range(10_001))
    assert told(f"protect: [{digests}]") == "1:10: protect: more than 10000 entries"


def test_everything_that_is_wrong_is_told_at_once_in_order() -> None:
    found = problems("version: 2\nenabeld: 1\nrules:\n  - {match: 'a/b', keep: 1}\n")
    assert [(each.line, each.key) for each in found] == [
        (1, ""),  # packages is missing
        (1, "version"),
        (2, "enabeld"),
        (4, "rules[0]"),
        (4, "rules[0].match"),
        (4, "rules[0].keep"),
    ]
    assert str(found[1]).startswith(f"{PATH}:1:10: version: must be 1")


# --- what beginners write, and what nobody should ---


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("rules:\n  - {name: a, match: *-rollback-*, keep: 30d}\n", 'as in "*-rollback-*"'),
        ("rules:\n  - name: a\n    match: *-rollback-*\n", 'as in "*-rollback-*"'),
        ("rules:\n  - match: *\n", "in quotes"),
        ("rules:\n  - match: *-x\n", "in quotes"),
        ("rules:\n\t- name: a\n", "YAML takes no tab there"),
        ("rules:\n  - name: a\n\tkeep: 1d\n", "YAML takes no tab there"),
        ("rules:\n  - match: %-x\n", "in quotes"),
        ("rules:\n  - match: @x\n", "in quotes"),
        ("version: 1\n---\nversion: 1\n", "a second document; the file is one policy"),
        ("rules: [\n", "not YAML"),
        ("a: b: c\n", "not YAML"),
    ],
)
def test_a_beginner_is_helped(source: str, hint: str) -> None:
    assert hint in problems(source)[0].message


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"\n# nothing\n",
        b"[]",
        b"null",
        b"text",
        b"\xff\xfe",
        b"a\0b",
        b"[" * 10_000,
        b"x" * (1024 * 1024 + 1),
        BOMB,
        b"version: !!python/object/apply:os.system [echo]\n",
        b"".join(b"k%d: 1\n" % n for n in range(12_000)),
    ],
    ids=lambda source: repr(source[:12]),
)
def test_a_hostile_file_is_refused_in_no_time(source: bytes) -> None:
    started = time.monotonic()
    assert problems(source)
    assert time.monotonic() - started < 1


# --- what if commits were kept for so many days ---


def test_retention_days_are_about_commits_only() -> None:
    policy = with_retention_days(default_policy(), 30)
    kept = {each.name: each.keep for each in policy.rules}
    assert kept["commits"] == 30 * DAY
    assert kept | {"commits": 90 * DAY} == {
        each.name: each.keep for each in default_policy().rules
    }


@pytest.mark.parametrize("days", [0, -1, 36_501, 10**400])
def test_no_days_are_refused(days: int) -> None:
    with pytest.raises(UsageError, match="no number of days") as caught:
        with_retention_days(default_policy(), days)
    assert caught.value.exit_code == 2


def test_every_key_is_in_the_table_of_keys() -> None:
    assert set(POLICY_KEYS) >= {
        line.partition(":")[0] for line in LEAST.splitlines() if line[0] != " "
    }

"""`policies/retention.yaml`: bytes in, a `Policy` out, or everything that is wrong with it.

It is read as strictly as an environment file: a key with a typo could be the one that was to
protect something.
"""

import dataclasses
import re
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime

from cronsim import CronSim, CronSimError

from moorline.core.compose.reader import (
    Problems,
    TooManyProblems,
    Value,
    fields,
    optional,
    suggestion,
)
from moorline.core.compose.scalars import boolean, filled, number, string, whole
from moorline.core.compose.yamltree import Mark, ScalarNode, parse
from moorline.core.image import Digest, ImageRef
from moorline.core.retention.beginners import explained
from moorline.core.retention.defaults import default_policy
from moorline.core.retention.model import DAY, Policy, Prices
from moorline.core.retention.rules import span, tag_rules
from moorline.core.retention.tags import COMMIT
from moorline.errors import InvalidPolicy, UsageError

__all__ = ["POLICY_KEYS", "default_policy", "parse_policy", "with_retention_days"]

POLICY_KEYS = {
    "version": "1, the format of this file",
    "enabled": "false (default): decide and record only; true: delete what was decided",
    "schedule": "cron expression with five fields, in UTC; default 0 2 * * *",
    "grace": "time between the recorded decision and the deletion, default 24h",
    "revert_window": "how far back a git revert has to work, default 90d",
    "minimum": "how many images stay in every package whatever the rules say, default 10",
    "pace": "time between two deletions, default 1s",
    "packages": "repositories that this policy is about, as in ghcr.io/acme/app",
    "rules": "how long which tags are kept; the first rule that matches a tag decides",
    "protect": "digests and tags that stay for as long as they stand here",
    "prices": "storage_gb_month and currency, for an estimate of what is saved",
}
_REQUIRED = ("version", "packages", "rules")
_PRICE_KEYS = ("storage_gb_month", "currency")
_NOTHING = ScalarNode(Mark(1, 1), "", None, quoted=False)
_MAX_PACKAGES = 1000
_MAX_PROTECTED = 10_000
_MAX_MINIMUM = 1_000_000
_MAX_PACE = 3600.0
_MAX_SCHEDULE = 100
_MAX_DAYS = 36_500
_CRON_FIELDS = 5
# Any moment will do: it is only asked whether there is a next one.
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


def parse_policy(source: bytes, *, path: str) -> Policy:
    """Read a policy that stands at `path`; raises InvalidPolicy with every problem."""
    problems = Problems(path)
    policy = None
    with suppress(TooManyProblems):
        policy = _parse(source, problems)
    if problems or policy is None:
        raise InvalidPolicy(problems.in_order())
    return policy


def with_retention_days(policy: Policy, days: int) -> Policy:
    """The same policy as if commits' tags were kept for so many days; raises UsageError."""
    if not 1 <= days <= _MAX_DAYS:
        raise UsageError(f"{days} is no number of days to keep images: 1 to {_MAX_DAYS}")
    rules = tuple(
        dataclasses.replace(rule, keep=days * DAY) if rule.match == COMMIT else rule
        for rule in policy.rules
    )
    return dataclasses.replace(policy, rules=rules)


def _parse(source: bytes, problems: Problems) -> Policy | None:
    def report(mark: Mark, message: str) -> None:
        problems.add(mark, "", message)

    tree = parse(source, explained(source, report))
    if tree is None and problems:
        return None
    return _policy(Value(tree or _NOTHING, "", problems))


def _policy(root: Value) -> Policy:
    found = fields(root, POLICY_KEYS, required=_REQUIRED, owner="a policy")
    optional(found, "version", _version, default=None)
    default = default_policy()
    packages = optional(found, "packages", _packages, default=default.packages)
    return Policy(
        packages=packages,
        rules=optional(found, "rules", tag_rules, default=()),
        enabled=optional(found, "enabled", boolean, default=default.enabled),
        schedule=optional(found, "schedule", _schedule, default=default.schedule),
        grace=optional(found, "grace", span, default=default.grace),
        revert_window=optional(
            found, "revert_window", _more_than_nothing, default=default.revert_window
        ),
        minimum=optional(found, "minimum", whole(0, _MAX_MINIMUM), default=default.minimum),
        pace=optional(found, "pace", _pace, default=default.pace),
        protect=optional(
            found, "protect", lambda value: _protect(value, packages), default=frozenset()
        ),
        prices=optional(found, "prices", _prices, default=None),
    )


def _version(value: Value) -> None:
    if _text(value) != "1":
        value.fail("must be 1: this moorline reads no other format")


# --- when ---------------------------------------------------------------------------------------


def _schedule(value: Value) -> str:
    written = filled(value)
    if written and not _has_a_next_time(written):
        value.fail(
            "must be a cron expression: minute, hour, day of the month, month and day of the "
            "week, as in 0 2 * * * for 02:00 UTC every day"
        )
    return written


def _has_a_next_time(expression: str) -> bool:
    if len(expression) > _MAX_SCHEDULE or len(expression.split()) != _CRON_FIELDS:
        return False
    try:
        next(CronSim(expression, _SOME_DAY))
    except (CronSimError, StopIteration):  # nonsense; or the 30th of February
        return False
    return True


def _more_than_nothing(value: Value) -> float:
    return span(value, least=1.0)


def _pace(value: Value) -> float:
    pace = span(value)
    if pace > _MAX_PACE:
        value.fail("must be an hour or less")
    return pace


# --- what ---------------------------------------------------------------------------------------


def _packages(value: Value) -> tuple[str, ...]:
    items = value.items()
    if len(items) > _MAX_PACKAGES:
        value.fail(f"more than {_MAX_PACKAGES} packages")
        return ()
    found: dict[str, Value] = {}
    for item in items:
        name = _package(item)
        if name in found:
            item.fail(f"{name} is in the list already")
        if name:
            found[name] = item
    return tuple(found)


def _package(value: Value) -> str:
    """The repository's name in its long form; "" where it is none."""
    ref = _reference(value)
    if ref is None:
        return ""
    if ref.tag or ref.digest:
        value.fail(f"is one image of a package; name the package: {ref.name}")
        return ""
    return ref.name


def _reference(value: Value) -> ImageRef | None:
    written = filled(value)
    try:
        return ImageRef.parse(written) if written else None
    except ValueError as error:
        value.fail(str(error))
        return None


def _protect(value: Value, packages: Collection[str]) -> frozenset[str]:
    if value.is_null:
        return frozenset()
    items = value.items()
    if len(items) > _MAX_PROTECTED:
        value.fail(f"more than {_MAX_PROTECTED} entries")
        return frozenset()
    return frozenset(name for item in items for name in _protected(item, packages))


def _protected(value: Value, packages: Collection[str]) -> tuple[str, ...]:
    """What one line protects. A digest does so in every package, wherever else it lies."""
    if (written := _text(value)).startswith("sha256:"):
        return _digest(value, written)
    ref = _reference(value)
    if ref is None:
        return ()
    if not ref.tag and not ref.digest:
        value.fail("names a whole package; add a :tag or an @digest, or take it off packages")
    if ref.name not in packages:
        # a veto with a typo would protect nothing
        value.fail(f"{ref.name} is not among packages{suggestion(ref.name, packages)}")
    tags = (f"{ref.name}:{ref.tag}",) if ref.tag else ()
    return (*tags, str(ref.digest)) if ref.digest else tags


def _digest(value: Value, written: str) -> tuple[str, ...]:
    try:
        return (str(Digest(written)),)
    except ValueError as error:
        value.fail(str(error))
        return ()


def _text(value: Value) -> str:
    node = value.node
    return node.text if isinstance(node, ScalarNode) else ""


# --- prices -------------------------------------------------------------------------------------


def _prices(value: Value) -> Prices:
    found = fields(value, _PRICE_KEYS, required=("storage_gb_month",), owner="a price's")
    return Prices(
        storage_gb_month=optional(found, "storage_gb_month", _price, default=0.0),
        currency=optional(found, "currency", _currency, default=Prices().currency),
    )


def _price(value: Value) -> float:
    price = float(number(value))
    if price < 0:
        value.fail("must be 0 or more")
    return price


def _currency(value: Value) -> str:
    code = string(value)
    if not _CURRENCY.fullmatch(code):
        value.fail("must be a currency's three letters, such as USD or EUR")
    return code

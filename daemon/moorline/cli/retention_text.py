"""Plans and outcomes of retention, for people and for machines."""

from collections import Counter
from collections.abc import Iterator, Sequence

from moorline.agent.retention.plan import EMPTYING, RetentionPlan, spared
from moorline.agent.retention.schedule import next_hour
from moorline.cli.output import columns
from moorline.cli.times import iso_text, minute_text
from moorline.core.image import Digest, ImageRef
from moorline.core.retention.decide import PART, REFERRER
from moorline.core.retention.fields import versions_text
from moorline.core.retention.model import DAY, Decision, Prices, Untag, Verdict
from moorline.core.retention.outcomes import AppliedRecord, PackageOutcome
from moorline.core.sizes import size_text
from moorline.core.values import Json, JsonObject

__all__ = [
    "applied_data",
    "applied_text",
    "count_of",
    "is_held",
    "plan_data",
    "plan_text",
]

GARBAGE = "the space is free once this registry's own garbage collection has run; see its manual"
ALONG = (PART, REFERRER)
TAGS = 3


def count_of(packages: Sequence[JsonObject], key: str) -> int:
    """A number that each package's summary has, added up."""
    found = (each.get(key) for each in packages)
    return sum(each for each in found if isinstance(each, int))


def is_held(decision: Decision) -> bool:
    """Whether no image of the package would stay: then nothing goes without --force-empty."""
    return spared(decision) is not decision


# --- a plan --------------------------------------------------------------------------------------


def plan_text(plan: RetentionPlan, *, github: str) -> str:
    """What would go, with reasons, and how much stays by which rule."""
    return "\n".join(_plan_lines(plan, github))


def _plan_lines(plan: RetentionPlan, github: str) -> Iterator[str]:
    if plan.says:
        yield plan.says
    for decision in plan.decisions:
        yield from _package_lines(plan, decision, github)
    if plan.policy.enabled and any(each.doomed or each.untag for each in plan.decisions):
        due = minute_text(plan.made + plan.policy.grace)
        yield f"decided and recorded now, it would be carried out from {due} on"
    if plan.policy_blob:
        yield f"the schedule decides next at {minute_text(_next_decision(plan))}"


def _next_decision(plan: RetentionPlan) -> float:
    return next_hour(plan.policy.schedule, plan.made)


def _package_lines(plan: RetentionPlan, decision: Decision, github: str) -> Iterator[str]:
    if decision.problem:
        yield f"{decision.package}: nothing would be deleted: {decision.problem}"
        return
    going, total = len(decision.doomed), len(decision.verdicts)
    yield (
        f"{decision.package}: {going} of {total} versions would go "
        f"(images: {decision.doomed_images} go, {decision.images} stay)"
    )
    if is_held(decision):
        yield f"  held: {EMPTYING}; look at the rules, or at --force-empty of 'retention apply'"
    if going:
        yield "  goes:"
        yield columns([_doomed_cells(each) for each in decision.doomed if each.rule not in ALONG])
        along = sum(each.rule in ALONG for each in decision.doomed)
        yield from [f"    and {along} parts and signatures of these"] if along else []
    if decision.untag:
        yield "  loses only a tag:"
        yield columns([_untag_cells(each) for each in decision.untag])
    if kept := Counter(each.rule for each in decision.verdicts if each.fate == "keep"):
        yield f"  stays: {', '.join(f'{n} {rule}' for rule, n in kept.most_common())}"
    if going:
        yield f"  frees: {_space(decision, plan.policy.prices)}"
        is_github = ImageRef.parse(decision.package).registry == github
        yield from [] if is_github else [f"  {GARBAGE}"]


def _doomed_cells(verdict: Verdict) -> tuple[str, ...]:
    version = verdict.version
    tags = ", ".join(version.tags[:TAGS]) or "no tag"
    more = f" +{len(version.tags) - TAGS}" if len(version.tags) > TAGS else ""
    age = f"{verdict.age / DAY:.0f} days"
    return (f"    {_short(version.digest)}", tags + more, age, verdict.rule, verdict.reason)


def _untag_cells(untag: Untag) -> tuple[str, ...]:
    return (f"    {untag.tag}", _short(untag.digest), untag.rule, untag.reason)


def _short(digest: str) -> str:
    return f"sha256:{Digest(digest).short}"


def _space(decision: Decision, prices: Prices | None) -> str:
    least, most = decision.freed_least, decision.freed_most
    text = f"{size_text(least, like=most)} to {size_text(most, like=most)}"
    if prices is None:
        return text
    low, high = (_cost(each, prices) for each in (least, most))
    return f"{text}, {low:.2f} to {high:.2f} {prices.currency} a month by the policy's prices"


def _cost(size: int, prices: Prices) -> float:
    return size / 1024**3 * prices.storage_gb_month


def plan_data(plan: RetentionPlan) -> JsonObject:
    """The same for machines, with every version that goes; the keys are stable."""
    return {
        "commit": plan.commit,
        "enabled": plan.policy.enabled,
        "dry_run": not plan.policy.enabled,
        "says": plan.says or None,
        "next_decision": iso_text(_next_decision(plan)),
        "due": iso_text(plan.made + plan.policy.grace) if plan.policy.enabled else None,
        "packages": [_decision_data(each, plan.policy.prices) for each in plan.decisions],
    }


def _decision_data(decision: Decision, prices: Prices | None) -> JsonObject:
    kept = Counter(each.rule for each in decision.verdicts if each.fate == "keep")
    going = len(decision.doomed)
    return {
        "name": decision.package,
        "problem": decision.problem or None,
        "held": EMPTYING if is_held(decision) else None,
        "kept": len(decision.verdicts) - going,
        "deleted": going,
        "images_kept": decision.images,
        "images_deleted": decision.doomed_images,
        "freed_least": decision.freed_least,
        "freed_most": decision.freed_most,
        "cost_per_month": None
        if prices is None
        else {
            "least": round(_cost(decision.freed_least, prices), 2),
            "most": round(_cost(decision.freed_most, prices), 2),
            "currency": prices.currency,
        },
        "kept_by": dict(kept.most_common()),
        "versions": [_verdict_data(each) for each in decision.doomed],
        "untag": [
            {"tag": u.tag, "digest": u.digest, "rule": u.rule, "reason": u.reason}
            for u in decision.untag
        ],
    }


def _verdict_data(verdict: Verdict) -> JsonObject:
    return {
        "digest": verdict.version.digest,
        "id": verdict.version.id or None,
        "tags": list(verdict.version.tags),
        "size": verdict.size,
        "age": round(verdict.age / DAY, 1),
        "rule": verdict.rule,
        "reason": verdict.reason,
    }


# --- an outcome ----------------------------------------------------------------------------------


def applied_text(applied: AppliedRecord) -> str:
    """What was deleted, and whatever was not."""
    return "\n".join(_applied_lines(applied))


def _applied_lines(applied: AppliedRecord) -> Iterator[str]:
    yield f"{applied.id}: {versions_text(applied.count('deleted'))} deleted"
    for package in applied.packages:
        yield from _outcome_lines(package)
    if applied.missing:
        yield "MISSING in the registry now:"
        yield from (f"  {each}" for each in applied.missing)
    else:
        yield f"{applied.verified} tags and pins were checked: all of them are there"
    if applied.next:
        yield applied.next


def _outcome_lines(package: PackageOutcome) -> Iterator[str]:
    results = Counter(each.result for each in package.versions)
    words = ", ".join(f"{n} {word}" for word, n in results.most_common()) or "nothing to do"
    yield f"{package.name}: {words}"
    if package.problem:
        yield f"  left off: {package.problem}"
    left = [each for each in package.versions if each.result not in {"deleted", "gone"}]
    if left:
        yield columns([(f"    {_short(each.digest)}", each.result, each.reason) for each in left])
    if package.untagged:
        tags = [(f"    {each.tag}", each.result, each.reason) for each in package.untagged]
        yield columns(tags)


def applied_data(applied: AppliedRecord) -> dict[str, Json]:
    """The same for machines; the keys are stable."""
    return {
        "id": applied.id,
        "sentence": f"{versions_text(applied.count('deleted'))} deleted",
        "began": iso_text(applied.began),
        "ended": iso_text(applied.ended),
        "verified": applied.verified,
        "missing": list(applied.missing),
        "next": applied.next or None,
        "packages": [_outcome_data(each) for each in applied.packages],
    }


def _outcome_data(package: PackageOutcome) -> JsonObject:
    return {
        "name": package.name,
        "problem": package.problem or None,
        "freed_least": package.freed_least,
        "freed_most": package.freed_most,
        "versions": [
            {
                "digest": each.digest,
                "id": each.id or None,
                "tags": list(each.tags),
                "result": each.result,
                "reason": each.reason or None,
            }
            for each in package.versions
        ],
        "untagged": [
            {
                "tag": each.tag,
                "digest": each.digest,
                "result": each.result,
                "reason": each.reason or None,
            }
            for each in package.untagged
        ],
    }

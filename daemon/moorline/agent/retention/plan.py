"""The plan: what would go and what stays, in every package of the policy. Nothing is deleted."""

from dataclasses import dataclass

from moorline.agent.retention.ground import Ground, read_ground
from moorline.agent.retention.ledger import BRANCH
from moorline.agent.retention.offices import Offices, Progress, silent
from moorline.agent.retention.survey import survey, unnamed
from moorline.core.records import record_id
from moorline.core.retention.decide import decide
from moorline.core.retention.model import Decision, Pins, Policy
from moorline.core.retention.records import DecisionRecord
from moorline.errors import Interrupted, MoorlineError, StorageFailed, UsageError

__all__ = [
    "Offices",
    "RetentionPlan",
    "plan_retention",
    "record_plan",
    "spared",
]


EMPTYING = "every image would be deleted"
"""Why a package is skipped: more likely a slip in a rule than what somebody wants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPlan:
    """Decisions about all packages, and what they were made from. `made` is seconds."""

    id: str
    commit: str
    policy: Policy
    policy_blob: str
    """"" where the state repo has no policy: then the default stands here, without packages."""
    decisions: tuple[Decision, ...]
    pins: Pins
    made: float
    forced: bool = False
    """Whether packages may lose their last image."""

    @property
    def says(self) -> str:
        """What a person should know before they read it; "" for nothing."""
        if not self.policy_blob:
            return "there is no policies/retention.yaml: nothing is ever deleted"
        if not self.policy.packages:
            return "the policy names no packages"
        return "" if self.policy.enabled else "a dry run: the policy does not say enabled: true"


def plan_retention(
    offices: Offices,
    *,
    retention_days: int | None = None,
    force_empty: bool = False,
    only: str | None = None,
    progress: Progress = silent,
) -> RetentionPlan:
    """Decide about every package (or `only` one). One that cannot be surveyed is skipped, and
    says why; so is one that would lose its last image, unless `force_empty`.

    Raises UnsafeRetention where pins cannot be known; InvalidPolicy; RemoteUnreachable.
    """
    ground = read_ground(offices, retention_days=retention_days)
    packages = [each for each in ground.policy.packages if only in {None, each}]
    if only is not None and not packages:
        known = ", ".join(ground.policy.packages) or "none"
        raise UsageError(f"{only} is no package of the policy", mend=f"it names: {known}")
    decisions = tuple(_decision(offices, ground, each, progress) for each in packages)
    if not force_empty:
        decisions = tuple(spared(each) for each in decisions)
    before = ground.last.id if ground.last else ""
    return RetentionPlan(
        id=record_id(offices.clock.now(), "retention", ground.commit, after=before),
        commit=ground.commit,
        policy=ground.policy,
        policy_blob=ground.policy_blob,
        decisions=decisions,
        pins=ground.pins,
        made=offices.now(),
        forced=force_empty,
    )


def record_plan(offices: Offices, plan: RetentionPlan) -> DecisionRecord:
    """Put it on record in git: from now on it is a decision, due once the grace is over."""
    record = DecisionRecord(
        id=plan.id,
        host=offices.config.host,
        commit=plan.commit,
        policy_blob=plan.policy_blob,
        decided=plan.made,
        due=plan.made + plan.policy.grace if plan.policy.enabled else None,
        decisions=plan.decisions,
        prices=plan.policy.prices,
        forced=plan.forced,
    )
    offices.repo.append(BRANCH, record.files(), message=record.message())
    return record


def spared(decision: Decision) -> Decision:
    """The same, or a problem in its place where no image of the package would stay."""
    all_images = decision.doomed_images > 0 and decision.images == 0
    if not all_images and not 0 < len(decision.doomed) == len(decision.verdicts):
        return decision
    return Decision(package=decision.package, problem=EMPTYING)


def _decision(offices: Offices, ground: Ground, package: str, progress: Progress) -> Decision:
    """A package that cannot be surveyed, for whatever reason, keeps everything."""
    try:
        versions, nodes = survey(offices, package, progress, also=unnamed(ground.pins))
    except (Interrupted, StorageFailed):
        raise
    except MoorlineError as error:
        return Decision(package=package, problem=str(error))
    return decide(package, versions, nodes, ground.pins, ground.policy, now=offices.now())

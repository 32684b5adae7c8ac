"""What a decision stands on: the policy, and everything that asks for images, as of one commit."""

from dataclasses import dataclass

from moorline.adapters.staterepo_port import StateRepo
from moorline.agent.retention.ledger import newest_decision
from moorline.agent.retention.offices import Offices
from moorline.agent.retention.pins import collect_pins
from moorline.core.retention.model import Pins, Policy
from moorline.core.retention.policy import default_policy, parse_policy, with_retention_days
from moorline.core.retention.records import Summary
from moorline.errors import Conflict

__all__ = ["POLICY", "Ground", "find_policy", "read_ground"]

POLICY = "policies/retention.yaml"
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """`policy_blob` is "" where the state repo has no policy, and the default stands in; `last` is
    the decision before, on any host.
    """

    commit: str
    policy: Policy
    policy_blob: str
    pins: Pins
    last: Summary | None


def read_ground(offices: Offices, *, retention_days: int | None = None) -> Ground:
    """Fetch, and read all of it; raises UnsafeRetention where pins cannot be known, InvalidPolicy,
    and RemoteUnreachable.
    """
    for _ in range(_ATTEMPTS):
        commit = offices.repo.fetch()
        policy, blob = find_policy(offices.repo, commit)
        if retention_days is not None:
            policy = with_retention_days(policy, retention_days)
        last = newest_decision(offices.repo)
        pins = _pins(offices, policy, last)
        # somebody may have pushed in between
        if pins.commit == commit:
            return Ground(commit=commit, policy=policy, policy_blob=blob, pins=pins, last=last)
    raise Conflict("the state branch moves faster than it can be read")


def _pins(offices: Offices, policy: Policy, last: Summary | None) -> Pins:
    return collect_pins(
        offices.repo,
        offices.engine,
        offices.config,
        now=offices.now(),
        window=policy.revert_window,
        last_commit=last.commit if last else "",
    )


def find_policy(repo: StateRepo, commit: str) -> tuple[Policy, str]:
    """The policy at a commit with its blob; the default and "" where there is none."""
    found = repo.read(commit, POLICY)
    if found is None:
        return default_policy(), ""
    return parse_policy(found.data, path=POLICY), found.oid

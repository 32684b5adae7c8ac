"""What a cycle would do now: the same decisions as `cycle.py` takes, and none of its deeds."""

from dataclasses import dataclass

from moorline.agent.durable.ledger import Ledger
from moorline.agent.execution.observe import observe
from moorline.agent.host import Host
from moorline.agent.load import Loader, environment_path
from moorline.agent.target import Target, find_target
from moorline.core.actions import Plan
from moorline.core.desired import Desired
from moorline.core.guard import guard
from moorline.core.model import ObservedEnvironment
from moorline.core.plan import plan
from moorline.errors import MoorlineError, NotFound

__all__ = ["Preview", "preview", "proven_target", "target_at", "target_at_tip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The plan for a target, and why it would be refused, if it would."""

    plan: Plan
    refusal: MoorlineError | None


def target_at_tip(host: Host, ledger: Ledger) -> Target:
    """Where the next cycle would go, as of the last fetch; raises as `find_target` does."""
    return find_target(host, ledger, _loader(host))


def target_at(host: Host, ledger: Ledger, reference: str) -> Target:
    """The environment as it was at a commit of the branch; raises NotFound, or as loading does."""
    commit = host.repo.expand(reference)
    if commit is None:
        mend = "'git log' in a clone of the state repo lists them"
        raise NotFound(f"'{reference}' is not a commit of the state branch", mend=mend)
    desired = _loader(host).load(ledger.environment, commit)
    change = host.repo.last_change(commit, environment_path(ledger.environment))
    return Target(desired=desired, change=change or host.repo.commit(commit), proven=False)


def proven_target(host: Host, ledger: Ledger) -> Target | None:
    """The proven state as a target; None where nothing is proven."""
    proven = ledger.memory.load().proven
    if proven is None:
        return None
    desired = _loader(host).load_proven(ledger.environment, proven)
    return Target(desired=desired, change=host.repo.commit(proven.commit), proven=True)


def preview(host: Host, ledger: Ledger, target: Target) -> Preview:
    """Look at the engine and plan; every container of ours is compared field by field."""
    observed = observe(host.engine, host.ingress, target.desired, suspect=lambda _: True)
    current = plan(target.desired, observed, proven=_proven_specs(ledger, target))
    return Preview(plan=current, refusal=_refusal(target.desired, observed, current))


def _loader(host: Host) -> Loader:
    return Loader(host.config, host.repo, host.files)


def _proven_specs(ledger: Ledger, target: Target) -> frozenset[str]:
    if target.proven:
        return target.desired.specs
    proven = ledger.memory.load().proven
    return proven.covers(target.desired) if proven else frozenset()


def _refusal(
    desired: Desired, observed: ObservedEnvironment, current: Plan
) -> MoorlineError | None:
    try:
        guard(desired, observed, current)
    except MoorlineError as error:
        return error
    return None

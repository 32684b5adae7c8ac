"""What a cycle would do now: the same decisions as `cycle.py` takes, and none of its deeds."""

from dataclasses import dataclass

from moorline.adapters.ports import Commit
from moorline.agent.host import Host
from moorline.agent.ledger import Ledger
from moorline.agent.load import Loader, environment_path
from moorline.agent.observe import observe
from moorline.agent.target import find_target
from moorline.core.actions import Plan
from moorline.core.desired import Desired
from moorline.core.guard import guard
from moorline.core.model import ObservedEnvironment
from moorline.core.plan import plan
from moorline.errors import MoorlineError, NotFound

__all__ = ["Aim", "Preview", "aim_at", "aim_at_tip", "preview"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What would be made so. `complaint` says why it is not what the branch asks for."""

    desired: Desired
    change: Commit
    proven: bool
    complaint: MoorlineError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The plan for an aim, the snapshot that it starts from, and why it would be refused."""

    observed: ObservedEnvironment
    plan: Plan
    refusal: MoorlineError | None


def aim_at_tip(host: Host, ledger: Ledger) -> Aim:
    """Aim where the next cycle would, as of the last fetch; raises as `find_target` does."""
    target = find_target(host, ledger, _loader(host))
    return Aim(
        desired=target.desired,
        change=target.change,
        proven=target.proven,
        complaint=target.complaint,
    )


def aim_at(host: Host, ledger: Ledger, reference: str) -> Aim:
    """Aim at the environment as it was at a commit of the branch."""
    commit = host.repo.expand(reference)
    if commit is None:
        mend = "'git log' in a clone of the state repo lists them"
        raise NotFound(f"'{reference}' is not a commit of the state branch", mend=mend)
    desired = _loader(host).load(ledger.environment, commit)
    change = host.repo.last_change(commit, environment_path(ledger.environment))
    return Aim(desired=desired, change=change or host.repo.commit(commit), proven=False)


def preview(host: Host, ledger: Ledger, aim: Aim) -> Preview:
    """Look at the engine and plan; every container of ours is compared field by field."""
    observed = observe(host.engine, aim.desired, suspect=lambda _: True)
    current = plan(aim.desired, observed, proven=_proven_specs(ledger, aim))
    return Preview(
        observed=observed, plan=current, refusal=_refusal(aim.desired, observed, current)
    )


def _loader(host: Host) -> Loader:
    return Loader(host.config, host.repo, host.files)


def _proven_specs(ledger: Ledger, aim: Aim) -> frozenset[str]:
    if aim.proven:
        return aim.desired.specs
    proven = ledger.memory.load().proven
    return frozenset(proven.specs.values()) if proven else frozenset()


def _refusal(
    desired: Desired, observed: ObservedEnvironment, current: Plan
) -> MoorlineError | None:
    try:
        guard(desired, observed, current)
    except MoorlineError as error:
        return error
    return None

"""What this host should run now, and the complaint if that is not what the branch says.

A branch that cannot be followed (rewritten, invalid file, quarantined commit) never stops the
care for what runs: the last proven state stays the target, and the complaint is told.
"""

from dataclasses import dataclass

from moorline.adapters.staterepo_port import Blob, Commit
from moorline.agent.durable.ledger import Ledger
from moorline.agent.durable.memory import Memory, Proven
from moorline.agent.host import Host
from moorline.agent.load import Loader, environment_path
from moorline.core.desired import Desired
from moorline.errors import (
    HistoryRewritten,
    MoorlineError,
    NotFound,
    Quarantined,
    Stalled,
)

__all__ = ["Target", "find_target"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A desired state, the commit that asked for it, and whether it is proven here already."""

    desired: Desired
    change: Commit
    proven: bool
    tip: str = ""
    """The branch's tip that this was decided at; empty with a complaint."""
    complaint: MoorlineError | None = None


def find_target(host: Host, ledger: Ledger, loader: Loader) -> Target:
    """Decide on the target from the mirror, without fetching; raises the complaint itself where
    nothing was ever proven to fall back on.
    """
    memory = ledger.memory.load()
    try:
        tip = _accepted_tip(host, ledger, memory.accepted)
        return _at(host, loader, ledger.environment, tip, memory)
    except Stalled as complaint:
        if memory.proven is None:
            raise
        return _proven(host, loader, ledger.environment, memory.proven, complaint)


def _proven(
    host: Host, loader: Loader, environment: str, proven: Proven, complaint: MoorlineError
) -> Target:
    """The last proven state as the target, with the complaint beside it."""
    try:
        desired = loader.load_proven(environment, proven)
        change = host.repo.commit(proven.commit)
    except NotFound:
        # not the same repository any more: why that is so is what a person has to know
        raise complaint from None
    return Target(desired=desired, change=change, proven=True, complaint=complaint)


def _accepted_tip(host: Host, ledger: Ledger, accepted: str) -> str:
    tip = host.repo.tip()
    if tip is None:
        raise NotFound("the state repo was never fetched", mend="check [repo] url and the network")
    continues = not accepted or host.repo.relation(accepted, tip) in {"same", "ahead"}
    if continues or ledger.acceptance.read() == tip:
        return tip
    raise HistoryRewritten(
        f"{ledger.environment}: the state branch at {tip[:7]} does not continue from the accepted "
        f"{accepted[:7]}: it was reset or rewritten",
        mend=f"if that is right, run 'moorline accept {ledger.environment} {tip}'",
    )


def _at(host: Host, loader: Loader, environment: str, tip: str, memory: Memory) -> Target:
    path = environment_path(environment)
    blob = host.repo.read(tip, path)
    change = host.repo.last_change(tip, path)
    if blob is None or change is None:
        raise NotFound(
            f"{path} is not in the state repo at {tip[:7]}",
            mend="nothing is removed; restore the file, or take the environment off this host",
        )
    desired = loader.load_blob(environment, change.sha, blob, files_at=tip)
    proven = _is_proven(desired, blob, memory)
    if not proven and memory.proven is not None and blob.oid == memory.proven.blob:
        # the file is the proven one: what changed is a file that it names, or the host's own
        change = host.repo.commit(tip)
    if not proven:
        _refuse_quarantined(environment, change, memory)
    return Target(desired=desired, change=change, proven=proven, tip=tip)


def _is_proven(desired: Desired, blob: Blob, memory: Memory) -> bool:
    if memory.proven is None or memory.proven.blob != blob.oid:
        return False
    return {each.name: each.spec for each in desired.workloads} == memory.proven.specs


def _refuse_quarantined(environment: str, change: Commit, memory: Memory) -> None:
    for failure in memory.quarantine:
        if failure.commit == change.sha:
            raise Quarantined(
                f"{environment}: {change.sha[:7]} failed here before ({failure.reason}) and is "
                "not tried again by itself",
                mend="push a new commit",
            )

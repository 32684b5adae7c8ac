"""Repair: undo what drifted from the proven state, and put on record what was done."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from moorline.agent.durable.journal import Entry
from moorline.agent.durable.ledger import Ledger
from moorline.agent.execution.converge import Convergence, Turns
from moorline.agent.execution.gate import VersionFailed
from moorline.agent.host import Host
from moorline.agent.outcome import Outcome
from moorline.agent.paperwork import deployment_record
from moorline.core.actions import Plan
from moorline.core.desired import Desired, resource_spec
from moorline.core.guard import guard
from moorline.core.model import ObservedEnvironment
from moorline.core.records import record_id

__all__ = ["Overlook", "repair", "without_prepared"]

Overlook = Callable[[ObservedEnvironment], ObservedEnvironment]


def repair(
    host: Host,
    ledger: Ledger,
    desired: Desired,
    *,
    suspect: Callable[[str], bool],
    overlook: Overlook,
    snapshot: ObservedEnvironment | None,
) -> Outcome:
    """Undo drift from `desired`; what `overlook` takes out of the snapshots stays as it is.
    `snapshot` is the engine's, where the caller has just looked.
    """
    began = host.clock.now()
    planned: list[Plan] = []

    def on_planned(observed: ObservedEnvironment, current: Plan) -> None:
        guard(desired, observed, current)
        planned.append(current)

    convergence = Convergence(
        host,
        desired,
        proven=lambda: desired.specs,
        suspect=suspect,
        overlook=overlook,
        snapshot=snapshot,
        turns=Turns(
            planned=on_planned,
            ready=lambda: None,
            proven=lambda: None,
            check=host.check_stop,
        ),
    )
    name = ledger.environment
    try:
        convergence.run()
    except VersionFailed as failure:
        return Outcome("failed", f"{name}: repairing drift failed: {failure}")
    if not planned[0]:
        return Outcome("converged", f"{name} is in step at {desired.commit[:7]}")
    return _record(host, ledger, desired, planned[0], began)


def _record(host: Host, ledger: Ledger, desired: Desired, plan: Plan, began: datetime) -> Outcome:
    memory = ledger.memory.load()
    identifier = record_id(began, ledger.environment, desired.commit, after=memory.last_record)
    entry = Entry(
        id=identifier,
        environment=ledger.environment,
        commit=desired.commit,
        blob=desired.blob,
        author="moorline",
        subject="repair of drift",
        started=began.isoformat(),
        previous=memory.proven,
        on_failure="hold",
        plan=plan.as_data(),
    )
    touched = sorted({action.subject for action in plan if action.subject != "-"})
    sentence = f"{ledger.environment}: repaired {', '.join(touched)}"
    ledger.remember(last_record=identifier)
    ledger.file_record(entry, deployment_record(host, entry, "repaired", sentence))
    return Outcome("repaired", sentence, identifier)


def without_prepared(
    prepared: Desired, desired: Desired, seen: ObservedEnvironment
) -> ObservedEnvironment:
    """The snapshot without what only `prepared` asks for: new containers, not yet started, and
    networks. They wait for a rollout that cannot go on yet.
    """
    wanted = {resource_spec(each) for each in desired.environment.networks}
    return replace(
        seen,
        containers=tuple(
            each
            for each in seen.containers
            if each.state != "created" or each.spec not in prepared.specs - desired.specs
        ),
        networks=tuple(
            each
            for each in seen.networks
            if each.environment != desired.name or each.spec in wanted
        ),
    )

"""A proven state that fails while it is still watched: its rollout failed after all.

It becomes a rollout of its own in the journal, which begins with the verdict: from there on it
ends as any failed one does, also after a crash.
"""

from moorline.agent.durable.journal import Entry
from moorline.agent.durable.ledger import Ledger
from moorline.agent.durable.memory import Proven
from moorline.agent.holding import Holding
from moorline.agent.host import Host
from moorline.agent.outcome import Outcome
from moorline.agent.runtime import Failing
from moorline.agent.takeback import TakeBack
from moorline.core.desired import Desired
from moorline.core.health import Sample
from moorline.core.model import Inspection
from moorline.core.records import (
    LOG_LINES,
    ServiceEvidence,
    mask,
    masked,
    masked_logs,
    record_id,
)
from moorline.errors import NotFound

__all__ = ["condemn", "end_failed"]


def condemn(
    host: Host, ledger: Ledger, desired: Desired, proven: Proven, failing: Failing
) -> Entry:
    """Open the journal on it: it goes back to the state before, or is held where that cannot be.

    Raises StorageFailed with nothing done: what is not on disk would be repaired back.
    """
    memory = ledger.memory.load()
    previous = memory.refuge()
    now = host.clock.now()
    identifier = record_id(now, ledger.environment, proven.commit, after=memory.last_record)
    change = host.repo.commit(proven.commit)
    evidence = _evidence(host, desired, previous, failing)
    entry = Entry(
        id=identifier,
        environment=ledger.environment,
        commit=proven.commit,
        blob=proven.blob,
        author=change.author,
        subject=change.subject,
        started=now.isoformat(),
        previous=previous,
        on_failure=desired.environment.settings.on_failure,
        phase="holding" if previous is None or proven.forward_only else "taking back",
        timings={"verdict": 0.0},
        services={failing.container.service: dict(evidence.as_data())},
        reason=f"{failing.container.service}: {evidence.reason} soon after it was proven",
        forward_only=proven.forward_only,
    )
    ledger.remember(last_record=identifier)
    ledger.journal.save(entry)
    return entry


def end_failed(host: Host, ledger: Ledger, entry: Entry) -> Outcome:
    """End a rollout whose verdict is in the journal."""
    if entry.phase == "holding":
        return Holding(host, ledger, entry).run()
    return TakeBack(host, ledger, entry).run()


def _evidence(
    host: Host, desired: Desired, previous: Proven | None, failing: Failing
) -> ServiceEvidence:
    """What is to be seen of the container before it is replaced."""
    container, sensitive = failing.container, desired.environment.sensitive
    inspection, logs = _inspected(host, container.id)
    sample = Sample(
        at=0.0,
        state=container.state if inspection is None else inspection.state,
        exit_code=container.exit_code,
        restart_count=inspection.restart_count if inspection else 0,
        oom_killed=inspection.oom_killed if inspection else False,
        health=container.health,
        detail=inspection.health_output if inspection else "",
    )
    # what the engine restarted shows the code of its last exit still
    exit_code = inspection.exit_code if inspection and inspection.exit_code else None
    return ServiceEvidence(
        image=desired.pins[container.service],
        previous=previous.pins.get(container.service, "") if previous else "",
        verdict="failed",
        reason=mask(failing.reason, sensitive),
        exit_code=exit_code if exit_code is not None else container.exit_code or None,
        samples=(masked(sample.as_data(), sensitive),),
        logs=masked_logs(logs, sensitive),
    )


def _inspected(host: Host, container: str) -> tuple[Inspection | None, tuple[str, ...]]:
    try:
        return host.engine.inspect(container), host.engine.logs(container, lines=LOG_LINES)
    except NotFound:
        return None, ()  # removed by hand in between: what was seen before still counts

"""From a journal entry to the records that git keeps, and to the tags that a registry shows."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from moorline.agent.durable.journal import Entry, RecordFile
from moorline.agent.durable.ledger import Ledger
from moorline.agent.execution.gate import VersionFailed
from moorline.agent.host import Host
from moorline.core.desired import Desired
from moorline.core.records import (
    LOG_LINES,
    Backup,
    Deployment,
    Outcome,
    ServiceEvidence,
    mask,
    masked_logs,
)
from moorline.core.tagging import tag_moves

__all__ = ["deployment_record", "failed_service", "file_backup", "queue_tags", "queue_tags_back"]


def deployment_record(
    host: Host,
    entry: Entry,
    outcome: Outcome,
    sentence: str,
    *,
    rollback_commit: str = "",
) -> RecordFile:
    """The record of a rollout that has ended."""
    started = datetime.fromisoformat(entry.started)
    deployment = Deployment(
        id=entry.id,
        environment=entry.environment,
        host=host.config.host,
        commit=entry.commit,
        blob=entry.blob,
        author=entry.author,
        subject=entry.subject,
        previous_commit=entry.previous.commit if entry.previous else "",
        outcome=outcome,
        sentence=sentence,
        started=started,
        # a clock may have been set back meanwhile
        ended=max(started, host.clock.now()),
        plan=entry.plan,
        services=_evidence(entry),
        timings=entry.timings,
        rollback_commit=rollback_commit,
    )
    return RecordFile(
        path=deployment.path,
        data=deployment.encode().decode(),
        message=deployment.message(),
    )


def _evidence(entry: Entry) -> dict[str, dict[str, Any]]:
    """What was seen of each service, its canary and its jobs."""
    found = {name: dict(each) for name, each in entry.services.items()}
    for name, canary in entry.canaries.items():
        found.setdefault(name, {})["canary"] = canary.get("steps", [])
    for name, jobs in entry.jobs.items():
        found.setdefault(name, {})["jobs"] = jobs
    return found


def file_backup(host: Host, ledger: Ledger, entry: Entry) -> None:
    """Put the way back on record. The same entry gives the same bytes, however often."""
    if entry.previous is None:
        return
    backup = Backup(
        id=entry.id,
        environment=entry.environment,
        host=host.config.host,
        commit=entry.previous.commit,
        blob=entry.previous.blob,
        pins=entry.previous.pins,
        taken=datetime.fromisoformat(entry.started),
    )
    ledger.outbox.put(backup.path, backup.encode(), backup.message())


def queue_tags(host: Host, ledger: Ledger, entry: Entry) -> None:
    """Have the registry's tags follow what the rollout proved, whenever the registry answers.

    Durable before the record is filed: whoever is killed in between comes back here, and the same
    entry gives the same moves.
    """
    proven = ledger.memory.load().proven
    if proven is not None:
        before = entry.previous.pins if entry.previous else {}
        _queue(host, ledger, entry, proven.pins, before)


def queue_tags_back(host: Host, ledger: Ledger, entry: Entry) -> None:
    """The same where what was proven failed in its watch; to be called while it is still
    remembered as proven. What failed gets no rollback tag: nobody should go back to it.
    """
    proven, previous = ledger.memory.load().proven, entry.previous
    if proven is not None and previous is not None and proven.pins != previous.pins:
        _queue(host, ledger, entry, previous.pins, previous.pins)


def _queue(
    host: Host, ledger: Ledger, entry: Entry, proven: Mapping[str, str], before: Mapping[str, str]
) -> None:
    moves = tag_moves(
        entry.environment,
        proven,
        before,
        deployment=entry.id,
        repositories=host.config.registry.tags,
    )
    if moves:
        ledger.tags.put(moves)
        host.tags_wait()


def failed_service(
    host: Host,
    desired: Desired,
    failure: VersionFailed,
    previous: Mapping[str, str],
    seen: Mapping[str, Mapping[str, object]],
) -> dict[str, object]:
    """Evidence on the service that failed, also where it did so before its gate opened."""
    evidence = dict(seen.get(failure.service, {}))
    if evidence.get("verdict") == "failed":
        return evidence
    sensitive = desired.environment.sensitive
    lines = [
        line
        for container in host.engine.observe(desired.name, ()).containers
        if container.service == failure.service and container.commit == desired.commit
        for line in host.engine.logs(container.id, lines=LOG_LINES)
    ]
    bare = ServiceEvidence(
        image=desired.pins[failure.service],
        previous=previous.get(failure.service, ""),
        verdict="failed",
        reason=mask(failure.reason, sensitive),
        logs=masked_logs(lines, sensitive),
    )
    return evidence | dict(bare.as_data())

"""`moorline history ENV`."""

import click

from moorline.agent.durable.ledger import Ledger
from moorline.cli.context import (
    Ports,
    environment_argument,
    fetch_news,
    pass_ports,
    read_config,
    state_repo,
)
from moorline.cli.options import json_option, limit_option, wants
from moorline.cli.output import columns, emit, remark, say
from moorline.core.records import Summary, summarise
from moorline.core.values import Json
from moorline.errors import StorageFailed

__all__ = ["command"]


@click.command("history")
@environment_argument()
@limit_option
@json_option
@pass_ports
def command(ports: Ports, environment: str, limit: int) -> int:
    """List deployments, rollbacks and backups of all hosts, the newest first.

    Records that this host could not push yet are among them, marked with '*'.

    Exit code: 0, 1 error, 2 usage.
    """
    config = read_config(environment)
    waiting = _waiting(Ledger.open(config, environment))
    with state_repo(config, ports) as repo:
        fetch_news(repo)
        entries = repo.history(f"{environment}/", limit=limit)
        pushed = [each for entry in entries if (each := summarise(entry.data))]
    known = {(each.kind, each.id) for each in pushed}
    records = [(each, False) for each in waiting if (each.kind, each.id) not in known]
    records += [(each, True) for each in pushed]
    # a backup has the id of the deployment that it was taken for, and comes before it in time
    records.sort(key=lambda each: (each[0].id, each[0].kind), reverse=True)
    if wants("json"):
        emit([_as_data(each, is_pushed) for each, is_pushed in records[:limit]])
    elif records:
        say(columns([_row(each, is_pushed) for each, is_pushed in records[:limit]]))
    else:
        remark(f"{environment}: nothing is on record yet")
    return 0


def _waiting(ledger: Ledger) -> list[Summary]:
    try:
        files = ledger.outbox.waiting()
    except StorageFailed as error:
        remark(f"without the records that wait on this host: {error}")
        return []
    return [each for data in files.values() if (each := summarise(data))]


def _row(record: Summary, is_pushed: bool) -> tuple[str, ...]:
    when = record.started[:16].replace("T", " ")
    if record.kind == "backup":
        return (f"{when}Z", "backup", record.commit[:7], record.host, _mark("", is_pushed))
    text = _mark(record.sentence, is_pushed)
    return (f"{when}Z", record.outcome, record.commit[:7], record.host, text)


def _mark(text: str, is_pushed: bool) -> str:
    return text if is_pushed else f"* {text}"


def _as_data(record: Summary, is_pushed: bool) -> dict[str, Json]:
    return {
        "id": record.id,
        "kind": record.kind,
        "outcome": record.outcome or None,
        "sentence": record.sentence or None,
        "environment": record.environment,
        "host": record.host,
        "commit": record.commit,
        "rollback_commit": record.rollback_commit or None,
        "started": record.started,
        "ended": record.ended or None,
        "pins": dict(record.pins),
        "pushed": is_pushed,
    }

"""`moorline retention history`."""

import click

from moorline.agent.retention.ledger import OnRecord, decisions
from moorline.cli.context import Ports, fetch_news, pass_ports, read_config, state_repo
from moorline.cli.options import json_option, limit_option, wants
from moorline.cli.output import columns, emit, remark, say
from moorline.cli.retention_text import count_of
from moorline.cli.times import iso_text, minute_text
from moorline.core.values import Json

__all__ = ["command"]


@click.command("history")
@limit_option
@json_option
@pass_ports
def command(ports: Ports, limit: int) -> int:
    """List the decisions of all hosts, and what came of them, the newest first.

    Each is a file on the branch history/retention, with every version and the reason.

    Exit code: 0, 1 error, 2 usage.
    """
    config = read_config()
    with state_repo(config, ports) as repo:
        fetch_news(repo)
        found = decisions(repo, limit)
    if wants("json"):
        emit([_as_data(each) for each in found])
    elif found:
        say(columns([_row(each) for each in found]))
    else:
        remark("retention has decided nothing yet")
    return 0


def _row(each: OnRecord) -> tuple[str, ...]:
    decided = each.decided
    going, staying = count_of(decided.packages, "deleted"), count_of(decided.packages, "kept")
    return (
        minute_text(decided.at),
        decided.id,
        decided.host,
        f"{going} to go, {staying} to stay",
        _outcome(each),
    )


def _outcome(each: OnRecord) -> str:
    decided, applied = each.decided, each.applied
    if decided.due is None:
        return "dry run"
    if applied is None:
        return f"may be carried out from {minute_text(decided.due)} on"
    words = [f"{count_of(applied.packages, 'deleted')} deleted {minute_text(applied.at)}"]
    words += [
        f"{count} {word}"
        for word in ("vetoed", "refused", "failed")
        if (count := count_of(applied.packages, word))
    ]
    words += [f"MISSING: {', '.join(applied.missing)}"] if applied.missing else []
    return ", ".join(words)


def _as_data(each: OnRecord) -> dict[str, Json]:
    decided, applied = each.decided, each.applied
    return {
        "id": decided.id,
        "host": decided.host,
        "commit": decided.commit,
        "decided": iso_text(decided.at),
        "dry_run": decided.due is None,
        "due": None if decided.due is None else iso_text(decided.due),
        "packages": list(decided.packages),
        "applied": None
        if applied is None
        else {
            "ended": iso_text(applied.at),
            "packages": list(applied.packages),
            "missing": list(applied.missing),
        },
    }

"""`moorline plan ENV`."""

import click

from moorline.agent.durable.ledger import Ledger
from moorline.agent.target import Target
from moorline.agent.views.preview import Preview, preview, target_at, target_at_tip
from moorline.cli.context import Ports, environment_argument, looking, pass_ports, read_config
from moorline.cli.failures import as_data, tell
from moorline.cli.options import json_option, wants
from moorline.cli.output import columns, emit, on_terminal, remark, say, shortened
from moorline.core.actions import Plan

__all__ = ["command"]

CHANGES = 10


@click.command("plan")
@environment_argument()
@click.option("--ref", metavar="SHA", help="Plan for this commit instead of the branch's tip.")
@json_option
@pass_ports
def command(ports: Ports, environment: str, ref: str | None) -> int:
    """Show what would happen and why, one line for each step; nothing is done.

    Fetches first, and works beside a running daemon.

    Exit code: 0 nothing to do, 10 changes, 1 error, 2 usage or invalid file, 4 held: the daemon
    would wait for a person, and the message says for what.
    """
    config = read_config(environment)
    ledger = Ledger.open(config, environment)
    with looking(config, ports) as host:
        host.repo.fetch()
        target = target_at(host, ledger, ref) if ref else target_at_tip(host, ledger)
        if target.complaint is not None:
            raise target.complaint
        found = preview(host, ledger, target)
    _tell(environment, target, found)
    entry = ledger.journal.load()
    if entry is not None:
        remark(f"the change to {entry.commit[:7]} is under way ({entry.phase})")
    if found.refusal is not None:
        tell(found.refusal)
        return found.refusal.exit_code
    return CHANGES if found.plan else 0


def _tell(environment: str, target: Target, found: Preview) -> None:
    if not wants("json"):
        say(_rendered(found.plan) if found.plan else f"{environment}: nothing to do")
        return
    emit(
        {
            "environment": environment,
            "commit": target.change.sha,
            "subject": target.change.subject,
            "digest": found.plan.digest(),
            "steps": found.plan.as_data(),
            "refusal": as_data(found.refusal) if found.refusal else None,
        }
    )


def _rendered(plan: Plan) -> str:
    if not on_terminal():
        return plan.render()
    return columns([(s.verb, s.subject, shortened(s.detail), s.why) for s in plan])

"""`moorline retention apply`."""

from collections.abc import Collection
from dataclasses import dataclass

import click

from moorline.agent.retention.apply import apply_due
from moorline.agent.retention.ledger import pending_decision
from moorline.agent.retention.offices import Offices
from moorline.agent.retention.plan import EMPTYING, plan_retention, record_plan
from moorline.cli.context import Ports, pass_ports, read_config
from moorline.cli.narration import narrated
from moorline.cli.offices import offices_of
from moorline.cli.options import json_option, wants
from moorline.cli.output import emit, remark, say
from moorline.cli.retention_text import applied_data, applied_text
from moorline.cli.stopping import stopping
from moorline.cli.times import minute_text
from moorline.core.retention.outcomes import AppliedRecord
from moorline.errors import Interrupted

__all__ = ["command"]

HELD = 4


@click.command("apply")
@click.option(
    "--force-empty",
    is_flag=True,
    help="Decide, and delete, even where a package loses its last image.",
)
@json_option
@pass_ports
def command(ports: Ports, *, force_empty: bool) -> int:
    """Carry out this host's newest decision, if its grace is over; or go on with a run that was
    interrupted. Where no decision waits, make one and put it on record, as the schedule does.

    Policy, pins and packages are read anew: what is asked for by now stays, and nothing goes that
    is not on record. Works beside the daemon; one of them at a time.

    Exit code: 0 done or nothing is due, 1 error, or something could not be deleted or is missing
    afterwards, 2 invalid policy, 4 held (every image of a package would go; the history was
    rewritten), 130 after Ctrl-C.
    """
    config = read_config()
    with stopping() as stop:
        try:
            with (
                narrated() as reporter,
                offices_of(config, ports, reporter=reporter, stop=stop.event) as offices,
            ):
                applied = apply_due(offices, force_empty=force_empty)
                decided = None if applied else _decide(offices, force_empty=force_empty)
                if decided is not None and decided.is_due:
                    applied = apply_due(offices)
        except Interrupted:
            remark("left off; the next run goes on with it")
            return stop.exit_code
    if applied is not None:
        _tell(applied)
        return _exit_code(applied)
    if decided is not None:
        _tell_nothing(decided.sentence)
        return decided.exit_code
    return 0


@dataclass(frozen=True, slots=True)
class _Decided:
    """What waits now, in words; `is_due` where a policy has no grace."""

    sentence: str
    is_due: bool = False
    exit_code: int = 0


def _decide(offices: Offices, *, force_empty: bool) -> _Decided:
    """Put a decision on record, unless one waits or there is nothing to decide."""
    pending = pending_decision(offices.repo, offices.config.host, now=offices.now())
    if pending is not None and pending.due is not None:
        return _Decided(f"nothing is due; {pending.id} is from {minute_text(pending.due)} on")
    plan = plan_retention(offices, force_empty=force_empty)
    problems = [f"{each.package}: {each.problem}" for each in plan.decisions if each.problem]
    exit_code = _code_of({each.problem for each in plan.decisions} - {""})
    going = sum(len(each.doomed) + len(each.untag) for each in plan.decisions)
    if plan.says or not going:
        words = [plan.says or "nothing is to be deleted", *problems]
        return _Decided(f"nothing is due; {'; '.join(words)}", exit_code=exit_code)
    record = record_plan(offices, plan)
    due = plan.made + plan.policy.grace
    words = [f"{record.id} is decided, and carried out from {minute_text(due)} on", *problems]
    return _Decided("; ".join(words), is_due=due <= offices.now(), exit_code=exit_code)


def _tell_nothing(sentence: str) -> None:
    if wants("json"):
        emit({"id": None, "sentence": sentence, "packages": [], "missing": []})
    else:
        say(sentence)


def _tell(applied: AppliedRecord) -> None:
    if wants("json"):
        emit(applied_data(applied))
    else:
        say(applied_text(applied))


def _exit_code(applied: AppliedRecord) -> int:
    problems = {each.problem for each in applied.packages} - {""}
    vetoes = {each.reason for package in applied.packages for each in package.versions}
    if EMPTYING in vetoes:
        return HELD
    return 1 if applied.missing or applied.count("failed") else _code_of(problems)


def _code_of(problems: Collection[str]) -> int:
    if EMPTYING in problems:
        return HELD
    return 1 if problems else 0

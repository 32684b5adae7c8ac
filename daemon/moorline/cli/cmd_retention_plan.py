"""`moorline retention plan`."""

import click

from moorline.agent.retention.plan import plan_retention
from moorline.cli.context import Ports, pass_ports, read_config
from moorline.cli.offices import offices_of, tell_progress, to_look_at
from moorline.cli.options import json_option, wants
from moorline.cli.output import emit, say
from moorline.cli.retention_text import is_held, plan_data, plan_text
from moorline.errors import UsageError

__all__ = ["command"]

CHANGES, HELD = 10, 4


@click.command("plan")
@click.option(
    "--retention-days",
    "days",
    type=int,
    metavar="N",
    help="What if the tags of commits were kept for N days?",
)
@click.option("--package", metavar="P", help="Only this repository of the policy.")
@json_option
@pass_ports
def command(ports: Ports, *, days: int | None, package: str | None) -> int:
    """Show what would be deleted and why, by the policy at the branch's tip; nothing is done.

    Exit code: 0 nothing to delete, 10 something would be deleted, 2 usage or invalid policy, 1
    error or a package that cannot be judged, 4 every image of a package would go, or it cannot be
    known what is pinned.
    """
    _check_days(days)
    config = read_config()
    with to_look_at(config) as own, offices_of(own, ports) as offices, tell_progress() as progress:
        # whatever would be refused is shown all the same
        plan = plan_retention(
            offices, retention_days=days, force_empty=True, only=package, progress=progress
        )
    if wants("json"):
        emit(plan_data(plan))
    else:
        say(plan_text(plan, github=config.github.registry))
    if any(each.problem for each in plan.decisions):
        return 1
    if any(is_held(each) for each in plan.decisions):
        return HELD
    changes = any(each.doomed or each.untag for each in plan.decisions)
    return CHANGES if changes else 0


def _check_days(days: int | None) -> None:
    if days is not None and days < 1:
        raise UsageError(
            f"--retention-days {days} would ask for everything",
            mend="take 1 or more; what has to go at once is deleted at the registry itself",
        )

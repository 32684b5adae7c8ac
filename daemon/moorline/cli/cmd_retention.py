"""`moorline retention plan|apply|history|restore`."""

from importlib import import_module

import click

from moorline.cli.lazy import LazyGroup
from moorline.cli.options import with_common_options

__all__ = ["SUBCOMMANDS", "command", "load_subcommand"]

SUBCOMMANDS = {
    "plan": "Show what would be deleted and why; nothing is done.",
    "apply": "Carry out the decision that is due, now.",
    "history": "List decisions, and what came of them.",
    "restore": "Bring a deleted image version back.",
}
"""Subcommand → what it does. It is `command` in the module `cmd_retention_<subcommand>`."""


def load_subcommand(name: str) -> click.Command:
    """Import one, and give it what every verb accepts."""
    found: click.Command = import_module(f"moorline.cli.cmd_retention_{name}").command
    return with_common_options(found)


command = LazyGroup(
    "retention",
    about=SUBCOMMANDS,
    load=load_subcommand,
    params=[],
    help="""Plan, carry out and undo the deletion of old image versions.

    What goes is decided by policies/retention.yaml in the state repo. Whatever that says, nothing
    is deleted that is pinned, that runs, or that a 'git revert' within its revert_window could
    bring back. The daemon of the host with 'run = true' under [retention] decides and deletes by
    itself, on the policy's schedule; these commands look, and do the same by hand.

    Exit code: that of the subcommand.
    """,
)

"""The program: its verbs, and how each of them may end."""

import errno
import os
from importlib import import_module

import click

from moorline.cli.failures import explain
from moorline.cli.lazy import LazyGroup
from moorline.cli.options import common_options, with_common_options

__all__ = ["VERBS", "App", "app", "load_verb"]

INTERRUPTED = 130

VERBS = {
    "run": "Run the daemon.",
    "apply": "Run one cycle now: make this host equal to the file in git.",
    "plan": "Show what would happen and why; nothing is done.",
    "validate": "Check environment files, for pull requests and editors.",
    "status": "Show what is desired, running and proven, and what is wrong.",
    "history": "List deployments, rollbacks and backups.",
    "tags": "Show the registry tags that follow what is proven.",
    "versions": "List the versions of an image, and where each runs and ran.",
    "retention": "Plan, carry out and undo the deletion of old image versions.",
    "rollback": "Commit an earlier state and follow it until it is proven.",
    "promote": "Let a paused canary go on to its next step.",
    "accept": "Accept a state branch that was rewritten.",
    "pin": "Write the digest that a tag names now into an environment file.",
    "init": "Start a new state repo from the template.",
    "doctor": "Check every prerequisite of this host.",
    "demo": "Watch the main job happen on this machine.",
    "completion": "Print the completion script of a shell.",
}
"""Verb → what it does. The verb itself is `command` in the module `cmd_<verb>`."""


def load_verb(verb: str) -> click.Command:
    """Import a verb and give it what every verb accepts."""
    command: click.Command = import_module(f"moorline.cli.cmd_{verb}").command
    return with_common_options(command)


class App(LazyGroup):
    """Turns what a verb returns or raises into an exit code."""

    def invoke(self, ctx: click.Context) -> object:
        if os.environ.get("NO_COLOR"):
            ctx.color = False
        try:
            code = super().invoke(ctx)
        except (click.exceptions.Exit, click.Abort, click.ClickException):
            raise
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise  # whoever read our output has gone: click ends quietly
            ctx.exit(explain(error))
        ctx.exit(code if isinstance(code, int) else 0)


app = App(
    "moorline",
    about=VERBS,
    load=load_verb,
    params=common_options(),
    help="Keeps a Docker host equal to a file in git, proves every change healthy, and takes "
    "back those that are not.",
)
click.version_option(package_name="moorline", message="%(prog)s %(version)s")(app)

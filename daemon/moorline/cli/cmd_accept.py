"""`moorline accept ENV SHA`."""

import re
from pathlib import Path

import click

from moorline.agent.durable.acceptance import Acceptance
from moorline.cli.context import Ports, environment_argument, pass_ports, read_config, state_repo
from moorline.cli.output import say
from moorline.errors import UsageError

__all__ = ["command"]

_ABBREVIATION = re.compile(r"[0-9a-f]{7,40}", re.ASCII)


@click.command("accept")
@environment_argument()
@click.argument("sha")
@pass_ports
def command(ports: Ports, environment: str, sha: str) -> int:
    """Accept a rewritten state branch: SHA is its tip, and it is right.

    A branch that was reset or rewritten is not followed until a person says so here. The daemon
    goes on with its next look at the branch.

    Exit code: 0 accepted, 1 error, 2 SHA is not the branch's tip.
    """
    config = read_config(environment)
    with state_repo(config, ports) as repo:
        tip = repo.fetch()
    if not _ABBREVIATION.fullmatch(sha) or not tip.startswith(sha):
        raise UsageError(f"{sha} is not the tip of {config.repo.branch}, which is {tip[:12]}")
    Acceptance(Path(config.state_dir), environment).write(tip)
    say(f"accepted {tip} for {environment}")
    return 0

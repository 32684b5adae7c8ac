"""`moorline promote ENV SERVICE`."""

from pathlib import Path

import click

from moorline.agent.durable.journal import Entry, Journal
from moorline.agent.execution.canary import read_progress
from moorline.agent.execution.promotion import Promotion
from moorline.cli.context import environment_argument, read_config
from moorline.cli.output import say
from moorline.core.canary import Progress
from moorline.errors import NotFound

__all__ = ["command"]


@click.command("promote")
@environment_argument()
@click.argument("service")
def command(environment: str, service: str) -> int:
    """Let the canary of SERVICE in ENV go on: it waits in a step with `pause: true`.

    The daemon takes the next step at its next look, about a second later. The promotion is for
    this rollout and this step only.

    Exit code: 0 promoted, 1 error or nothing waits for it, 2 usage.
    """
    config = read_config(environment)
    state_dir = Path(config.state_dir)
    entry = Journal(state_dir, environment).load()
    canary = _paused(entry, service)
    if entry is None or canary is None:
        raise NotFound(
            f"{environment}/{service}: no canary waits to be promoted",
            mend=f"'moorline status {environment}' shows what is under way",
        )
    Promotion(state_dir, environment, service).write(entry.id, canary.step)
    say(f"promoted {service} in {environment}: step {canary.step + 1} of its canary is over")
    return 0


def _paused(entry: Entry | None, service: str) -> Progress | None:
    """The canary of `service`, if the rollout goes on and it waits for a person."""
    if entry is None or entry.phase == "taking back":
        return None
    progress = read_progress(entry.canaries.get(service, {}))
    return progress if progress is not None and progress.paused else None

"""`moorline tags ENV`."""

from collections.abc import Sequence

import click

from moorline.agent.durable.ledger import Ledger
from moorline.agent.registry.tagqueue import Queued
from moorline.agent.registry.tagview import RepositoryTags, TagLine, tags_of
from moorline.cli.context import Ports, environment_argument, pass_ports, read_config
from moorline.cli.options import json_option, wants
from moorline.cli.output import columns, emit, remark, say
from moorline.core.image import Digest
from moorline.core.values import Json

__all__ = ["command"]


@click.command("tags")
@environment_argument()
@click.option(
    "-n",
    "limit",
    type=click.IntRange(0, 1_000),
    default=10,
    show_default=True,
    metavar="N",
    help="How many rollback tags of each repository, the newest first.",
)
@json_option
@pass_ports
def command(ports: Ports, environment: str, limit: int) -> int:
    """Show the registry tags that follow what is proven, and which of them wait.

    Asks the registry; works beside the daemon. '<env>-current' names what is proven,
    '<env>-rollback-<time>' what was proven until the rollout of then.

    Exit code: 0, 1 error, or a registry could not be asked, 2 usage.
    """
    config = read_config(environment)
    ledger = Ledger.open(config, environment)
    memory, queue = ledger.memory.load(), ledger.tags.entries()
    registry = ports.registry(config)
    try:
        found = list(
            tags_of(
                registry,
                environment,
                memory,
                queue,
                repositories=config.registry.tags,
                limit=limit,
            )
        )
    finally:
        registry.close()
    if wants("json"):
        emit(
            {
                "environment": environment,
                "repositories": [each.as_data() for each in found],
                "waiting": [_waiting(each) for each in queue],
            }
        )
    else:
        _tell(environment, found, queue)
    return int(any(each.unknown for each in found))


def _tell(environment: str, found: Sequence[RepositoryTags], queue: Sequence[Queued]) -> None:
    rows = [_row(line) for each in found for line in each.tags]
    if rows:
        say(columns(rows))
    else:
        remark(f"{environment}: no tag is known")
    for each in found:
        if each.unknown:
            remark(f"{each.repository}: the tags are not all known: {each.unknown}")
    for waiting in queue:
        move = waiting.move.current
        why = waiting.waits or "it was not tried yet"
        remark(f"{move.name}:{move.tag} is still to be moved: {why}")


def _row(line: TagLine) -> tuple[str, ...]:
    since = f"since {line.since[:16].replace('T', ' ')}Z" if line.since else "since ?"
    note = "" if line.in_step else "not what is proven here"
    services = ", ".join(line.services) or "-"
    return (line.tag, Digest(line.digest).short, since, services, note)


def _waiting(entry: Queued) -> dict[str, Json]:
    move = entry.move
    return {
        "tag": f"{move.current.name}:{move.current.tag}",
        "digest": str(move.current.digest),
        "services": list(move.services),
        "deployment": move.deployment,
        "rollbacks": [str(each) for each in move.rollbacks],
        "waits": entry.waits or None,
        "trouble": entry.trouble,
    }

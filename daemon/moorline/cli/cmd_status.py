"""`moorline status [ENV]`."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from moorline.agent.durable.ledger import Ledger
from moorline.agent.retention.ledger import trouble
from moorline.agent.views.progress import CanaryStatus
from moorline.agent.views.status import Status, status_of
from moorline.cli.context import Ports, environment_argument, looking, pass_ports, read_config
from moorline.cli.options import json_option, wants
from moorline.cli.output import columns, emit, say
from moorline.core.model import ObservedContainer

__all__ = ["command"]


@click.command("status")
@environment_argument(required=False)
@json_option
@pass_ports
def command(ports: Ports, environment: str | None) -> int:
    """Show what is desired, running and proven, and what is wrong.

    Looks at the engine, and at the state repo as of the last fetch; works beside the daemon. What
    is wrong with the registry's retention on this host is told as well, and is no matter of any
    environment's being in step.

    Exit code: 0 in step, 1 not in step, 2 usage.
    """
    config = read_config(environment)
    names = (environment,) if environment else config.environments
    with looking(config, ports, fetches=False) as host:
        found = [status_of(host, Ledger.open(config, name)) for name in names]
    retention = trouble(Path(config.state_dir))
    if wants("json"):
        environments = [each.as_data() for each in found]
        troubles = {"retention_trouble": retention or None}
        emit({"host": config.host, "environments": environments, **troubles})
    else:
        now = datetime.now(UTC)
        parts = ["\n".join(_lines(each, now)) for each in found]
        say("\n\n".join([*parts, f"retention: {retention}"] if retention else parts))
    return 0 if all(each.in_step for each in found) else 1


def _lines(status: Status, now: datetime) -> Iterator[str]:
    yield f"{status.environment}: {'in step' if status.in_step else 'not in step'}"
    yield columns([(f"  {name}", text) for name, text in _facts(status, now)])
    if status.running:
        yield columns([_container(each) for each in status.running])
    if status.drift:
        yield "  the next cycle would:"
        yield "\n".join(f"    {line}" for line in status.drift.render().splitlines())


def _facts(status: Status, now: datetime) -> Iterator[tuple[str, str]]:
    change, proven = status.change, status.proven
    if change is not None:
        yield "desired", f"{change.sha[:7]} {change.subject} ({_ago(change.at, now)})"
    yield "proven", f"{proven.commit[:7]} {proven.deployment}" if proven else "nothing yet"
    if status.under_way is not None:
        entry = status.under_way
        yield "under way", f"{entry.commit[:7]}, {entry.phase}, began {_ago(entry.started, now)}"
    yield from _rollout(status)
    if status.running is None:
        yield "running", "unknown"
    elif not status.running:
        yield "running", "nothing"
    if status.last_event:
        yield "last event", f"{status.last_event} ({_ago(status.last_event_at, now)})"
    if status.records_waiting:
        yield "records", f"{status.records_waiting} not pushed yet"
    if status.tags_waiting:
        yield "tags", f"{status.tags_waiting} not moved yet: 'moorline tags {status.environment}'"
    for each in status.troubles:
        if each != status.held:
            yield from (("trouble", line) for line in each.splitlines())


def _rollout(status: Status) -> Iterator[tuple[str, str]]:
    """How far a rollout came, why it does not begin, and how what it proved does."""
    for canary in status.canaries:
        yield "canary", _canary(canary, status.environment)
    if status.held:
        yield "held", status.held
    if status.watched_until:
        yield "watched", f"until {status.watched_until}: a failure takes it back"
    for service, count in sorted(status.restarts.items()):
        times = "once" if count == 1 else f"{count} times"
        yield "restarted", f"{service}, {times} since it was proven, because it failed"


def _canary(canary: CanaryStatus, environment: str) -> str:
    """`web: 25 %, step 2 of 3, waits for …; 312 requests, 0.4 % failed (old: 0.1 %)`."""
    where = f"{canary.weight:g} %, step {canary.step} of {canary.steps}"
    until = f"until {canary.until}"
    if canary.paused:
        until = f"waits for 'moorline promote {environment} {canary.service}'"
    new, old = 100 * canary.error_rate, 100 * canary.old_error_rate
    seen = f"{canary.requests} requests, {new:.3g} % failed (old: {old:.3g} %)"
    return f"{canary.service}: {where}, {until}; {seen}"


def _container(container: ObservedContainer) -> tuple[str, str, str, str]:
    name, _, digest = container.pin.partition("@")
    image = f"{name.rpartition('/')[2]}@{digest.removeprefix('sha256:')[:12]}" if digest else "?"
    state = f"{container.state}, {container.health}" if container.health else container.state
    return (f"    {container.service} #{container.number}", state, image, container.name)


def _ago(moment: str, now: datetime) -> str:
    try:
        seconds = (now - datetime.fromisoformat(moment)).total_seconds()
    except ValueError:
        return moment
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return f"{max(0, int(seconds))} s ago"

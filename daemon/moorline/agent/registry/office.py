"""The clerks of a daemon: one for what is quick, and one for retention, which may take hours.

Nothing is opened yet: a registry's client is loaded once there is something to ask.
"""

from collections.abc import Callable

from moorline.adapters.registry_port import Registry
from moorline.agent.config import Config
from moorline.agent.host import Host
from moorline.agent.registry.checking import VanishedCheck
from moorline.agent.registry.clerk import Clerk
from moorline.agent.registry.errands import OnDemand, TagErrands, queues_of, tagger_of
from moorline.agent.wiring import open_retention

__all__ = ["open_clerk", "open_retention_clerk"]

Registries = Callable[[Config], Registry]


def open_clerk(host: Host, registries: Registries) -> Clerk:
    """Moves tags, and asks for what vanished."""
    registry = OnDemand(lambda: registries(host.config))
    tags = TagErrands(
        queues_of(host.config),
        lambda: tagger_of(host.config, registry(), host.reporter, host.check_stop),
        host.clock,
    )
    tasks = (tags, VanishedCheck(host, registry))
    return Clerk(tasks, clock=host.clock, reporter=host.reporter, close=registry.close)


def open_retention_clerk(host: Host, registries: Registries) -> Clerk | None:
    """Runs the retention policy, where this host is the one to do it."""
    if not host.config.retention.run:
        return None
    # most hosts never need to know how
    from moorline.agent.retention.schedule import Schedule  # noqa: PLC0415

    registry = OnDemand(lambda: registries(host.config))
    task = Schedule(host, lambda: open_retention(host, registry()))
    return Clerk((task,), clock=host.clock, reporter=host.reporter, close=registry.close)

"""What cases of the planner are made of: what was deployed, what hands did, what is wanted."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from textwrap import dedent

from moorline.core.actions import Plan
from moorline.core.desired import Desired, resource_spec
from moorline.core.model import ObservedContainer, ObservedNetwork, ObservedVolume
from tests.core.builders import container
from tests.core.world import World, settled

Hand = Callable[[World], None]
NOTHING = "(nothing)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`was` are deployed and proven one after the other, `hands` then change the host."""

    name: str
    plan: str
    now: Desired
    was: tuple[Desired, ...] = ()
    hands: tuple[Hand, ...] = ()
    unproven: bool = False
    """Nothing that is wanted now was proven on this host, whatever runs."""

    def world(self) -> World:
        world = settled(*self.was)
        for hand in self.hands:
            hand(world)
        if self.unproven:
            world.proven = frozenset()
        return world


def case(
    name: str,
    plan: str,
    *,
    now: Desired,
    was: Desired | tuple[Desired, ...] = (),
    hands: Hand | tuple[Hand, ...] = (),
    unproven: bool = False,
) -> Case:
    return Case(
        name=name,
        plan=dedent(plan).strip(),
        now=now,
        was=was if isinstance(was, tuple) else (was,),
        hands=hands if isinstance(hands, tuple) else (hands,),
        unproven=unproven,
    )


def text(plan: Plan, desired: Desired) -> str:
    """The plan as it reads, without what nobody can remember: digests, specs, why `ready`."""
    lines = re.sub(r"(?m)^ready .*$", "ready", plan.render() or NOTHING)
    lines = re.sub(r"@sha256:[0-9a-f]{64}", "@…", lines)
    for workload in desired.workloads:
        lines = lines.replace(workload.spec[:8], "SPEC")
    for network in desired.environment.networks:
        lines = lines.replace(resource_spec(network)[:8], "SPEC")
    return "\n".join(re.sub(r" {2,}", "  ", line) for line in lines.splitlines())


# --- hands --------------------------------------------------------------------------------------


def edited(service: str, number: int = 1, **changes: object) -> Hand:
    """Change the service's containers of that number."""

    def hand(world: World) -> None:
        for each in _of(world, service, number):
            world.edit(each.id, **changes)

    return hand


def gone(service: str, number: int = 1) -> Hand:
    """`docker rm -f`."""

    def hand(world: World) -> None:
        for each in _of(world, service, number):
            del world.containers[each.id]

    return hand


def swapped(one: str, other: str) -> Hand:
    """Two services' containers get each other's names."""

    def hand(world: World) -> None:
        [first], [second] = _of(world, one, 1), _of(world, other, 1)
        world.edit(first.id, name=second.name)
        world.edit(second.id, name=first.name)

    return hand


def made(*containers: ObservedContainer) -> Hand:
    """Containers that somebody put there."""

    def hand(world: World) -> None:
        for each in containers:
            world.containers[each.id] = each
            world.ports[each.id] = frozenset()

    return hand


def copied(service: str, **changes: object) -> Hand:
    """A second container with the same labels."""

    def hand(world: World) -> None:
        [one] = _of(world, service, 1)
        copy = container(service, id="copy", name="copy", spec=one.spec, shares=one.shares)
        made(replace(copy, **changes))(world)

    return hand


def there(*things: ObservedNetwork | ObservedVolume) -> Hand:
    """Networks and volumes that somebody made."""

    def hand(world: World) -> None:
        for each in things:
            if isinstance(each, ObservedNetwork):
                world.networks[each.name] = each
            else:
                world.volumes[each.name] = each

    return hand


def carried_out(desired: Desired, *, until: str, after: int = 0) -> Hand:
    """A deployment that ends before its first step of that verb, or `after` steps later."""

    def hand(world: World) -> None:
        actions = list(world.plan(desired))
        end = [action.verb for action in actions].index(until) + after
        for action in actions[:end]:
            world.apply(action, desired)

    return hand


def without_image(desired: Desired) -> Hand:
    def hand(world: World) -> None:
        world.images -= set(desired.pins.values())

    return hand


def _of(world: World, service: str, number: int) -> list[ObservedContainer]:
    return [each for each in world.of(service) if each.number == number and each.ours]

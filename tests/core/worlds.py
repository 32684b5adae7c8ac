"""Random environments, and random hosts that they were deployed to more or less completely."""

from collections.abc import Callable
from random import Random
from typing import Any, Literal

from hypothesis import strategies as st

from moorline.core.actions import Plan
from moorline.core.desired import Desired
from moorline.core.model import Dependency, Hook, ObservedContainer, ObservedNetwork, Service
from moorline.core.strategy import (
    BlueGreen,
    Canary,
    CanaryStep,
    Job,
    Recreate,
    Rolling,
    Strategy,
)
from moorline.core.traffic import Listener
from tests.core.builders import (
    ENVIRONMENT,
    container,
    desired,
    foreign,
    image,
    network,
    service,
    volume,
)
from tests.core.instep import UP
from tests.core.world import World

NAMES = "abcd"
NETWORKS = ("m", "n")
CONDITIONS = ("service_started", "service_healthy", "service_completed_successfully")
WHEN: tuple[Literal["before"], Literal["after"]] = ("before", "after")
HOOK = (Hook(command=("true",)),)
MOST_DRIFT = 3


class _Draft:
    """Services chosen so far, and what they leave for the others."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.services: dict[str, Service] = {}
        self.ports = {"80", "81", None}
        self.container_names = {"x", "y", None}
        self.owners: set[str] = set()
        self.jobs: set[str] = set()

    def add(self, name: str) -> None:
        pick = self.random
        owner = self._owner()
        port = None if owner else self._take(self.ports)
        container_name = self._take(self.container_names)
        strategy = self._strategy(port, owner)
        routed = port is not None and not isinstance(strategy, Recreate)
        one = (port and not routed) or container_name
        jobs = self._jobs(name)
        self.services[name] = service(
            name,
            pick.choice("12"),
            port=None if routed else port,
            strategy=strategy,
            listeners=(_listener(port),) if routed and port else (),
            jobs=jobs,
            env=pick.choice([(), ("A=1",)]),
            networks=() if owner else [key for key in NETWORKS if pick.random() < 0.3],
            shares={"NetworkMode": owner} if owner else {},
            container_name=container_name,
            replicas=1 if one else pick.choice([1, 1, 2, 3, 0]),
            depends_on=tuple(
                self._depends(other) for other in self.services if pick.random() < 0.4
            ),
            post_start=pick.choice([(), HOOK]),
            pre_stop=pick.choice([(), (), HOOK]),
        )

    def _strategy(self, port: str | None, owner: str | None) -> Strategy:
        pick = self.random
        if owner or pick.random() < 0.4:
            return Recreate()
        unavailable, surge = pick.choice([(0, 1), (1, 0), (1, 1), (0, 2), (2, 0)])
        rolling = Rolling(max_unavailable=unavailable, max_surge=surge)
        steps = (CanaryStep(share=500, seconds=1), CanaryStep(share=5000, pause=True))
        return (
            rolling if port is None else pick.choice([rolling, BlueGreen(), Canary(steps=steps)])
        )

    def _jobs(self, name: str) -> tuple[Job, ...]:
        return tuple(
            Job(name=when, when=when, image=image(name, self.random.choice("12j")))
            for when in WHEN
            if self.random.random() < 0.2
        )

    def _owner(self) -> str | None:
        able = [n for n, s in self.services.items() if s.replicas and n not in self.jobs]
        if not able or self.random.random() < 0.7:
            return None
        owner = self.random.choice(able)
        self.owners.add(owner)
        return owner

    def _take(self, left: set[str | None]) -> str | None:
        taken = self.random.choice(sorted(left, key=str))
        left -= {taken} - {None}
        return taken

    def _depends(self, other: str) -> Dependency:
        condition: Any = self.random.choice(CONDITIONS)
        if condition == "service_completed_successfully":
            serves = not isinstance(self.services[other].strategy, Recreate)
            if other in self.owners or serves:
                condition = "service_started"
            else:
                self.jobs.add(other)
        restart = self.random.random() < 0.4
        return Dependency(service=other, condition=condition, restart=restart)


def _listener(port: str) -> Listener:
    return Listener(host_port=int(port), container_port=80)


@st.composite
def states(draw: st.DrawFn) -> Desired:
    """An environment that the parser would accept, in any order of its file."""
    random = draw(st.randoms(use_true_random=False))
    draft = _Draft(random)
    for name in sorted(draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=4))):
        draft.add(name)
    services = list(draft.services.values())
    random.shuffle(services)
    bodies = [network(key, body={"Internal": random.random() < 0.5}) for key in NETWORKS]
    used = {at.network for each in services for at in each.networks}
    return desired(
        *services,
        networks=[each for each in bodies if each.key in used],
        volumes=(volume("data"),) if random.random() < 0.3 else (),
    )


@st.composite
def hosts(draw: st.DrawFn) -> tuple[World, Desired, Random]:
    """A host on which deployments ended anywhere and hands were busy, and what is wanted now."""
    random = draw(st.randoms(use_true_random=False))
    pool = draw(st.lists(states(), min_size=1, max_size=3))
    world = World()
    for state in draw(st.lists(st.sampled_from(pool), max_size=3)):
        carry_out_some(world, world.plan(state), state, random)
    for _ in range(draw(st.integers(0, MOST_DRIFT))):
        random.choice(DRIFTS)(world, random)
    return world, draw(st.sampled_from(pool)), random


def any_order(current: Plan, random: Random) -> list[int]:
    """The numbers of the steps, in some order that their `after` allows."""
    left = list(range(len(current)))
    done: list[int] = []
    while left:
        able = [number for number in left if set(current.steps[number].after) <= set(done)]
        done.append(random.choice(able))
        left.remove(done[-1])
    return done


def carry_out_some(world: World, current: Plan, state: Desired, random: Random) -> None:
    """Carry out a plan in any order and stop anywhere."""
    order = any_order(current, random)
    for number in order[: random.choice([len(order), random.randint(0, len(order))])]:
        world.apply(current.steps[number].action, state)


# --- what hands do ------------------------------------------------------------------------------


Hand = Callable[[World, Random], None]
Change = Callable[[World, ObservedContainer, Random], dict[str, object]]


def _edit_one(change: Change) -> Hand:
    def drift(world: World, random: Random) -> None:
        if ours := world.of_ours():
            found = random.choice(ours)
            world.edit(found.id, **change(world, found, random))

    return drift


def _new_state(_world: World, found: ObservedContainer, random: Random) -> dict[str, object]:
    if found.state in UP:
        return {"state": random.choice(["exited", "paused", "restarting"]), "exit_code": 137}
    return {"state": random.choice([found.state, "dead", "removing"])}


def _new_name(world: World, found: ObservedContainer, random: Random) -> dict[str, object]:
    names = {"odd", "x", *(f"{ENVIRONMENT}-{name}-1" for name in NAMES)}
    taken = {each.name for each in world.containers.values()}
    return {"name": random.choice(sorted(names - taken) or [found.name])}


def _new_networks(world: World, found: ObservedContainer, random: Random) -> dict[str, object]:
    if not found.networks:  # one that lives in another's namespace has none to change
        return {}
    return {"networks": frozenset(n for n in world.networks if random.random() < 0.5)}


def _altered(_world: World, _found: ObservedContainer, random: Random) -> dict[str, object]:
    return {
        "altered": random.choice([("RestartPolicy",), ("Memory",), ("Memory", "RestartPolicy")])
    }


def _swap_names(world: World, random: Random) -> None:
    if ours := world.of_ours():
        one, other = random.choice(ours), random.choice(ours)
        world.edit(one.id, name=other.name)
        world.edit(other.id, name=one.name)


def _remove(world: World, random: Random) -> None:
    ours = sorted(key for key, each in world.containers.items() if each.ours)
    if ours:
        del world.containers[random.choice(ours)]


def _copy(world: World, random: Random) -> None:
    """A second container with the same labels, as a tool that copies containers makes it."""
    ours = [each for each in world.containers.values() if each.ours and each.state == "running"]
    if ours:
        found = random.choice(ours)
        copy = container(
            found.service,
            found.number,
            id=f"copy-{world.clock}",
            name=f"copy-{world.clock}",
            spec=found.spec,
            networks=found.networks,
            shares=found.shares,
        )
        world.clock += 1
        world.containers[copy.id] = copy
        world.started[copy.id] = world.clock
        world.ports[copy.id] = frozenset()


def _foreign(world: World, random: Random) -> None:
    name = random.choice(["x", "odd", *(f"{ENVIRONMENT}-{name}-1" for name in NAMES)])
    if all(each.name != name for each in world.containers.values()):
        state = random.choice(["running", "exited"])
        made = foreign(name, random.choice(NAMES), state=state)
        world.containers[made.id] = made
        world.ports[made.id] = frozenset()


def _lose_image(world: World, random: Random) -> None:
    world.images -= {random.choice(sorted(world.images) or [""])}


def _other_network(world: World, random: Random) -> None:
    owner, spec = random.choice([("", ""), ("other", "5" * 64)])
    name = random.choice(["other_net", f"{ENVIRONMENT}_m"])
    world.networks.setdefault(name, ObservedNetwork(name=name, spec=spec, environment=owner))


DRIFTS: tuple[Hand, ...] = (
    _edit_one(_new_state),
    _edit_one(_new_state),
    _edit_one(_new_name),
    _edit_one(_new_networks),
    _edit_one(_altered),
    _swap_names,
    _remove,
    _copy,
    _foreign,
    _lose_image,
    _other_network,
)

"""A host in memory: applies the actions of plans by the rules of an engine.

A rule that an action breaks is a BrokenRule: no plan may ever get there.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from moorline.core.actions import (
    Action,
    Connect,
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    Disconnect,
    Plan,
    Prove,
    Pull,
    Ready,
    RemoveContainer,
    RemoveNetwork,
    RenameContainer,
    RetireContainer,
    RunHook,
    SetRestartPolicy,
    StartContainer,
    UnpauseContainer,
    WaitFor,
)
from moorline.core.desired import Desired, resource_spec, restarts_by_itself
from moorline.core.model import (
    ObservedContainer,
    ObservedEnvironment,
    ObservedNetwork,
    ObservedVolume,
    Service,
)
from moorline.core.plan import plan
from tests.core.instep import UP, in_step

__all__ = ["BrokenRule", "World", "settled"]


class BrokenRule(AssertionError):
    """An engine would have refused this."""


@dataclass(slots=True)
class World:
    """What is on the host, and what is proven there."""

    containers: dict[str, ObservedContainer] = field(default_factory=dict)
    networks: dict[str, ObservedNetwork] = field(default_factory=dict)
    volumes: dict[str, ObservedVolume] = field(default_factory=dict)
    images: set[str] = field(default_factory=set)
    proven: frozenset[str] = frozenset()
    ports: dict[str, frozenset[str]] = field(default_factory=dict)
    """Container id → host ports that it holds while it is up."""
    started: dict[str, int] = field(default_factory=dict)
    """Container id → when it was started last."""
    clock: int = 0

    # --- looking ---

    def observe(self) -> ObservedEnvironment:
        return ObservedEnvironment(
            containers=tuple(self._shown(each) for each in self.containers.values()),
            networks=tuple(self.networks.values()),
            volumes=tuple(self.volumes.values()),
            images=frozenset(self.images),
        )

    def plan(self, desired: Desired) -> Plan:
        return plan(desired, self.observe(), proven=self.proven)

    def of(self, service: str) -> list[ObservedContainer]:
        return [each for each in self.containers.values() if each.service == service]

    def of_ours(self) -> list[ObservedContainer]:
        return [each for each in self.containers.values() if each.ours]

    def _shown(self, container: ObservedContainer) -> ObservedContainer:
        # the engine lists the ports of what runs, and none while a container restarts
        listed = container.state in {"running", "paused"} and self.ports.get(container.id)
        return replace(container, host_ports=listed or frozenset())

    # --- acting ---

    def carry_out(self, current: Plan, desired: Desired) -> None:
        for action in current:
            self.apply(action, desired)

    def converge(self, desired: Desired) -> None:
        """Plan and carry out; there is nothing to do then."""
        self.carry_out(self.plan(desired), desired)
        left = self.plan(desired)
        self._require(not left, f"left to do:\n{left.render()}")

    def apply(self, action: Action, desired: Desired) -> None:  # noqa: C901, PLR0912  (one arm each)
        self.clock += 1
        match action:
            case Pull():
                self.images.add(action.image.pin)
            case CreateNetwork():
                self._create_network(action, desired)
            case RemoveNetwork():
                self._remove_network(action.name)
            case CreateVolume():
                body = next(v for v in desired.environment.volumes if v.key == action.key)
                self.volumes[action.name] = ObservedVolume(
                    name=action.name, spec=resource_spec(body)
                )
            case CreateContainer():
                self._create(action, desired)
            case Ready() | RunHook():
                pass
            case RetireContainer():
                self._stop(action.target)
            case StartContainer():
                self._start(action.target)
            case SetRestartPolicy():
                found = self._find(action.target)
                left = tuple(name for name in found.altered if name != "RestartPolicy")
                self.edit(found.id, altered=left)
            case UnpauseContainer():
                self._require(self._find(action.target).state == "paused", "it is not paused")
                self.edit(self._find(action.target).id, state="running")
            case RenameContainer():
                self._require_free(action.name)
                self.edit(self._find(action.target).id, name=action.name)
            case Connect():
                found = self._find(action.target)
                self._require(action.network in self.networks, f"no network {action.network}")
                self.edit(found.id, networks=found.networks | {action.network})
            case Disconnect():
                found = self._find(action.target)
                self.edit(found.id, networks=found.networks - {action.network})
            case WaitFor():
                if action.condition == "service_completed_successfully":
                    self._complete(action.service)
            case Prove():
                for name in action.services:
                    if desired.awaited_to_complete(name):
                        self._complete(name)
                missing = in_step(self.containers, desired, settling=True)
                self._require(not missing, f"proven too early: {missing}")
                self.proven = desired.specs
            case RemoveContainer():
                del self.containers[self._find(action.target).id]

    def edit(self, container: str, **changes: object) -> None:
        """Change a container, as a hand or an action does."""
        self.containers[container] = replace(self.containers[container], **changes)

    # --- the rules ---

    def _create_network(self, action: CreateNetwork, desired: Desired) -> None:
        self._require(action.name not in self.networks, f"network {action.name} is there")
        network = next(n for n in desired.environment.networks if n.key == action.key)
        self.networks[action.name] = ObservedNetwork(
            name=action.name, spec=resource_spec(network), environment=desired.name
        )

    def _remove_network(self, name: str) -> None:
        users = [
            each.name
            for each in self.containers.values()
            if name in each.networks and each.state != "removing"
        ]
        self._require(not users, f"network {name} is used by {users}")
        del self.networks[name]

    def _create(self, action: CreateContainer, desired: Desired) -> None:
        self._require_free(action.target)
        self._require(action.image.pin in self.images, f"{action.image} is not here")
        if action.heir_to is not None:
            self._find(action.heir_to)
        workload = desired.workload(action.service)
        assert workload is not None
        names = dict(action.networks)
        made = ObservedContainer(
            id=f"{action.service}-{action.number}-made-{self.clock}",
            name=action.target,
            service=action.service,
            number=action.number,
            state="created",
            spec=workload.spec,
            pin=action.image.pin,
            networks=frozenset(names[each.network] for each in workload.service.networks),
            shares={key: self._find(owner).id for key, owner in action.shares},
            restarts=restarts_by_itself(workload.service),
            stop_grace_period=workload.service.stop_grace_period,
            pre_stop=workload.service.pre_stop,
        )
        self.ports[made.id] = _published(workload.service)
        self.containers[made.id] = made

    def _start(self, target: str) -> None:
        found = self._find(target)
        self._require(found.state in {"created", "exited"}, f"{target} is {found.state}")
        for network in found.networks:
            self._require(network in self.networks, f"{target} has no network {network}")
        for owner in found.shares.values():
            self._require(self._find(owner).state in UP, f"{owner} is not up")
        for other in self.containers.values():
            clash = self.ports.get(other.id, frozenset()) & self.ports[found.id]
            self._require(
                other.state not in UP or not clash,
                f"{found.name} needs the ports {sorted(clash)} of {other.name}",
            )
        left = tuple(name for name in found.altered if name != "RestartPolicy")
        self.started[found.id] = self.clock
        self.edit(found.id, state="running", altered=left)

    def _stop(self, target: str) -> None:
        found = self._find(target)
        self._require(found.state != "paused", f"{target} is paused and cannot stop")
        self.edit(found.id, state="exited", exit_code=143)

    def _complete(self, service: str) -> None:
        for each in self.of(service):
            if each.state == "running" and each.ours:
                self.edit(each.id, state="exited", exit_code=0)

    def _find(self, target: str) -> ObservedContainer:
        if target in self.containers:
            return self.containers[target]
        named = [each for each in self.containers.values() if each.name == target]
        self._require(bool(named), f"no container {target}")
        return named[0]

    def _require_free(self, name: str) -> None:
        taken = any(each.name == name for each in self.containers.values())
        self._require(not taken, f"the name {name} is taken")

    def _require(self, condition: bool, problem: str) -> None:  # noqa: FBT001  (reads as assert)
        if not condition:
            raise BrokenRule(problem)


def settled(*states: Desired) -> World:
    """A host on which each of these was deployed and proven, one after the other."""
    world = World()
    for desired in states:
        world.converge(desired)
    return world


def stale(world: World, desired: Desired) -> list[str]:
    """Services that run, and began before something that they have to begin after."""
    found = []
    for workload in desired.workloads:
        service = workload.service
        causes = {each.service for each in service.depends_on if each.restart}
        for each in _up(world, workload.name):
            owners = _up(world, *causes, *service.shares.values())
            if any(world.started[owner.id] > world.started[each.id] for owner in owners):
                found.append(each.name)
    return found


def _up(world: World, *services: str) -> Iterable[ObservedContainer]:
    return (each for name in services for each in world.of(name) if each.state in UP and each.ours)


def _published(service: Service) -> frozenset[str]:
    bindings: Any = service.host_config.get("PortBindings") or {}
    return frozenset(
        f"{each['HostPort']}/{port.partition('/')[2]}"
        for port, published in bindings.items()
        for each in published
    )

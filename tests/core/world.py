"""A host in memory: applies the actions of plans by the rules of an engine.

A rule that an action breaks is a BrokenRule: no plan may ever get there.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from moorline.core.actions import (
    Action,
    AdvanceCanary,
    Await,
    Connect,
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    Disconnect,
    Enter,
    Gate,
    Leave,
    Listen,
    Plan,
    Prove,
    Pull,
    Ready,
    RemoveContainer,
    RemoveJob,
    RemoveNetwork,
    RenameContainer,
    RetireContainer,
    RunHook,
    RunJob,
    SetRestartPolicy,
    Shift,
    StartContainer,
    Unlisten,
    UnpauseContainer,
    WaitFor,
)
from moorline.core.desired import Desired, resource_spec, restarts_by_itself
from moorline.core.model import (
    ObservedContainer,
    ObservedEnvironment,
    ObservedNetwork,
    ObservedVolume,
)
from moorline.core.plan import plan
from moorline.core.routing import ingress_address, route_for
from moorline.core.slots import host_ports
from moorline.core.traffic import TRACKS, ObservedRoute, RouteServer, share_for
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
    routes: dict[str, ObservedRoute] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    """Ids of the containers that passed a gate."""
    jobs: list[str] = field(default_factory=list)
    """Every job that was run, by the name of its container."""
    clock: int = 0

    # --- looking ---

    def observe(self) -> ObservedEnvironment:
        return ObservedEnvironment(
            containers=tuple(self._shown(each) for each in self.containers.values()),
            networks=tuple(self.networks.values()),
            volumes=tuple(self.volumes.values()),
            images=frozenset(self.images),
            routes=dict(self.routes),
        )

    def plan(self, desired: Desired) -> Plan:
        return plan(desired, self.observe(), proven=self.proven)

    def of(self, service: str) -> list[ObservedContainer]:
        return [each for each in self.containers.values() if each.service == service]

    def of_ours(self) -> list[ObservedContainer]:
        return [each for each in self.containers.values() if each.ours and not each.job]

    def _shown(self, container: ObservedContainer) -> ObservedContainer:
        # the engine lists the ports of what runs, and none while a container restarts
        listed = container.state in {"running", "paused"} and self.ports.get(container.id)
        return replace(
            container, host_ports=listed or frozenset(), addresses=self._addresses(container)
        )

    def _addresses(self, container: ObservedContainer) -> dict[str, str]:
        """A new address with every start."""
        if container.state not in {"running", "paused"}:
            return {}
        address = f"{container.id}@{self.started.get(container.id, 0)}"
        return dict.fromkeys(container.networks or {"bridge"}, address)

    # --- acting ---

    def carry_out(self, current: Plan, desired: Desired) -> None:
        for action in current:
            self.apply(action, desired)

    def converge(self, desired: Desired) -> None:
        """Plan and carry out; there is nothing to do then."""
        self.carry_out(self.plan(desired), desired)
        left = self.plan(desired)
        self._require(not left, f"left to do:\n{left.render()}")

    def apply(self, action: Action, desired: Desired) -> None:  # noqa: C901, PLR0912, PLR0915  (one arm each)
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
            case RemoveJob():
                del self.containers[self._find(action.target).id]
            case Await():
                self._pass_gate(self._find(action.target))
            case Gate():
                for each in self._wanted(action.service, desired):
                    self._pass_gate(each)
            case RunJob():
                self._run_job(action, desired)
            case Listen():
                self._listen(action, desired)
            case Unlisten():
                self.routes.pop(action.service, None)
            case Enter():
                self._enter(action, desired)
            case Leave():
                self._leave(action.service, action.target)
            case Shift():
                self._share(action.service, share_for(action.track))
            case AdvanceCanary():
                last = action.shares[-1]
                self._share(action.service, last if action.track == "green" else 10_000 - last)

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
        self.ports[made.id] = host_ports(workload.service)
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
        for service, route in self.routes.items():
            clash = route.ports & self.ports[found.id]
            self._require(not clash, f"the route of {service} has {sorted(clash)}")
        self.started[found.id] = self.clock
        self.edit(found.id, state="running", altered=left)

    def _wanted(self, service: str, desired: Desired) -> list[ObservedContainer]:
        workload = desired.workload(service)
        assert workload is not None
        return [
            each for each in self.of(service) if each.spec == workload.spec and each.state in UP
        ]

    def _pass_gate(self, container: ObservedContainer) -> None:
        self._require(container.state in UP, f"{container.name} is {container.state}")
        self.edit(container.id, state="running")  # it would not be healthy otherwise
        self.gated.add(container.id)

    def _run_job(self, action: RunJob, desired: Desired) -> None:
        if any(each.name == action.target for each in self.containers.values()):
            return  # it ran: its result is taken
        self._require(action.image.pin in self.images, f"{action.image} is not here")
        for _, owner in action.shares:
            self._find(owner)
        self.jobs.append(action.target)
        job = ObservedContainer(
            id=f"{action.target}-made-{self.clock}",
            name=action.target,
            service=action.service,
            number=0,
            state="exited",
            spec="job",
            commit=desired.commit,
            job=action.job,
        )
        self.containers[job.id] = job

    def _listen(self, action: Listen, desired: Desired) -> None:
        workload = desired.workload(action.service)
        route = route_for(desired.name, workload.service) if workload else None
        assert route is not None
        for each in self.containers.values():
            clash = self.ports.get(each.id, frozenset()) & route.ports
            self._require(each.state not in UP or not clash, f"{each.name} has {sorted(clash)}")
        for service, other in self.routes.items():
            clash = other.ports & route.ports if service != action.service else frozenset()
            self._require(not clash, f"the route of {service} has {sorted(clash)}")
        before = self.routes.get(action.service)
        backends = dict(before.backends) if before else dict.fromkeys(TRACKS, route.backend)
        self.routes[action.service] = ObservedRoute(
            service=action.service,
            frontend=route.frontend,
            backends={**backends, action.track: route.backend},
            ports=route.ports,
            servers=before.servers if before else (),
            share=before.share if before else 0,
        )

    def _enter(self, action: Enter, desired: Desired) -> None:
        found = self._find(action.target)
        workload = desired.workload(action.service)
        assert workload is not None
        proven = found.spec in self.proven
        self._require(proven or found.id in self.gated, f"{found.name} passed no gate")
        seen = self._addresses(found)
        networks = {at.network: f"{desired.name}_{at.network}" for at in workload.service.networks}
        by_key = {
            key: next((n for n in seen if n.startswith(name)), name)
            for key, name in networks.items()
        }
        address = ingress_address(workload.service, seen, by_key)
        self._leave(action.service, found.id)
        server = RouteServer(container=found.id, track=action.track, address=address)
        route = self.routes[action.service]
        self.routes[action.service] = replace(route, servers=(*route.servers, server))

    def _leave(self, service: str, target: str) -> None:
        if service in self.routes:
            route = self.routes[service]
            left = tuple(each for each in route.servers if each.container != target)
            self.routes[service] = replace(route, servers=left)

    def _share(self, service: str, share: int) -> None:
        self.routes[service] = replace(self.routes[service], share=share)

    def serves(self, service: str) -> bool:
        """Whether requests to the service reach a container that runs, at its address."""
        route = self.routes.get(service)
        if route is None:
            return False
        track = "green" if route.share == share_for("green") else "blue"
        tracks = {track} if route.share in {0, share_for("green")} else set(TRACKS)
        up = {
            each.track
            for each in route.servers
            if each.state == "ready"
            and each.container in self.containers
            and each.address in self._addresses(self.containers[each.container]).values()
        }
        return tracks <= up

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

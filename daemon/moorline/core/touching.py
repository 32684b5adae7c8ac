"""The part of a plan that stops what goes and starts what comes, in the order of dependencies."""

from collections.abc import Sequence

from moorline.core.actions import RunJob, WaitFor
from moorline.core.desired import Workload
from moorline.core.jobs import job_name
from moorline.core.model import ObservedContainer
from moorline.core.rolling import begin_slot, roll
from moorline.core.scene import Scene
from moorline.core.slots import STOPPED, Slot, host_ports, targets_of
from moorline.core.steering import release_ports, steer
from moorline.core.steps import Steps
from moorline.core.stopping import may_hold, remove, servers, stop
from moorline.core.strategy import Rolling

__all__ = ["touch"]

Waits = dict[tuple[str, str], int]


def touch(steps: Steps, scene: Scene) -> None:
    useless = [old for old in scene.retired if not _serves_until_proven(scene, old)]
    stop(steps, scene, useless, steps.ready, why="not in the file")
    _give_up(steps, scene)
    _stop_in_the_way(steps, scene)
    release_ports(steps, scene)
    waits: Waits = {}
    for workload in scene.desired.workloads:
        _bring(steps, scene, workload, waits)
    for workload in scene.desired.workloads:
        _hand_over(steps, scene, workload)


def _give_up(steps: Steps, scene: Scene) -> None:
    """Remove versions that were never proven and that a newer one came instead of, as long as
    there is a proven one to go back to: pushed often enough, they would fill the host.
    """
    on_tracks = servers(scene)
    for slot in scene.slots:
        if not any(old.spec in scene.proven for old in slot.superseded):
            continue
        beside = scene.desired.moves_beside(slot.workload.name)
        for old in slot.superseded:
            idle = old.state in STOPPED or (beside and old.host_ports == frozenset())
            if idle and old.spec not in scene.proven and old.id not in on_tracks:
                remove(steps, scene, old, steps.ready, why="given up before it was proven")


def _serves_until_proven(scene: Scene, old: ObservedContainer) -> bool:
    """Whether a surplus replica is to help out until its service's new version is proven."""
    workload = scene.desired.workload(old.service)
    if workload is None or not workload.service.replicas:
        return False
    rolls = isinstance(workload.service.strategy, Rolling)
    return rolls or scene.desired.moves_beside(workload.name)


def _bring(steps: Steps, scene: Scene, workload: Workload, waits: Waits) -> None:
    """Fill the slots of a workload, as soon as what it depends on is there."""
    own = scene.slots_of(workload)
    coming = [slot for slot in own if slot.starts or slot.target in steps.stopped]
    before = [*steps.ready]
    if coming:
        before += _conditions(steps, scene, workload, waits)
        before += _run_jobs(steps, scene, workload, "before", before)
        before += _stop_dependents(steps, scene, workload.name, before)
    for slot in own:
        if slot not in coming:
            _keep(steps, scene, slot, before)
    strategy = workload.service.strategy
    if isinstance(strategy, Rolling):
        roll(steps, scene, workload, strategy, before=before)
    else:
        for slot in coming:
            _fill(steps, scene, slot, before)


def _hand_over(steps: Steps, scene: Scene, workload: Workload) -> None:
    """Bring the traffic to a workload that runs, with whoever lives in its namespaces."""
    if scene.route(workload) is None and not scene.jobs(workload, "after"):
        return
    begun = [*steps.ready, *steps.begun.get(workload.name, ())]
    for other in scene.desired.workloads:
        if workload.name in other.service.shares.values():
            begun += steps.begun.get(other.name, ())
    if not isinstance(workload.service.strategy, Rolling):
        steer(steps, scene, workload, begun)
    up = [*begun, *steps.moved.get(workload.name, ())]
    _run_jobs(steps, scene, workload, "after", up)


def _fill(steps: Steps, scene: Scene, slot: Slot, before: Sequence[int]) -> None:
    """Start what belongs in the slot; what is in it stops first, unless both can run."""
    if not scene.desired.moves_beside(slot.workload.name):
        stop(steps, scene, slot.superseded, before, why=f"replaced: {slot.why}")
    begin_slot(steps, scene, slot, [*before, *_freed(steps, scene, slot)])


def _freed(steps: Steps, scene: Scene, slot: Slot) -> list[int]:
    """The steps that free the place of this slot, and the ports that it needs."""
    ports = host_ports(slot.service)
    freed = [
        steps.stopped[old.id]
        for old in scene.leaving
        if old.id in steps.stopped and (old in slot.superseded or may_hold(old, ports))
    ]
    if slot.target in steps.stopped:
        freed.append(steps.stopped[slot.target])
    return [*freed, *(steps.released.values() if ports else ())]


def _keep(steps: Steps, scene: Scene, slot: Slot, before: Sequence[int]) -> None:
    """Leave the running container in place, mended where someone changed it."""
    last = steps.chain([*slot.mend(), *slot.attach(scene.networks)], before)
    steps.mended[slot.target] = last
    rolls = isinstance(slot.service.strategy, Rolling)
    if not rolls and not scene.desired.moves_beside(slot.workload.name):
        stop(steps, scene, slot.superseded, [*before, *last], why="its place is taken")


def _stop_dependents(steps: Steps, scene: Scene, service: str, before: Sequence[int]) -> list[int]:
    """Stop what has to begin anew once `service` is started; returns the steps.

    It is stopped before and started after, in its own turn. Restarted at the end, it would be
    forgotten by a plan that ends in between: nothing shows that a running container is too old.
    """
    slots = [slot for slot in scene.slots if slot.running and slot.begins_after(service)]
    there = [slot.wanted for slot in slots if slot.wanted is not None]
    stop(steps, scene, there, before, why=f"begins after {service}, which is started")
    return [steps.stopped[each.id] for each in there]


def _stop_in_the_way(steps: Steps, scene: Scene) -> None:
    """Stop first what holds a port that another service is about to take; waiting for its own
    turn could be waiting for each other.
    """
    taken = [(slot.workload, host_ports(slot.service)) for slot in scene.slots if slot.starts]
    surplus = [(old.service, [old]) for old in scene.retired]
    held = [(slot.workload.name, slot.superseded) for slot in scene.slots]
    for name, containers in (*surplus, *held):
        in_the_way = [
            old
            for old in containers
            if any(who.name != name and may_hold(old, ports) for who, ports in taken)
        ]
        stop(steps, scene, in_the_way, steps.ready, why="another service takes its port")


def _run_jobs(
    steps: Steps, scene: Scene, workload: Workload, when: str, before: Sequence[int]
) -> tuple[int, ...]:
    jobs = scene.jobs(workload, when)
    targets = targets_of(scene.slots) if jobs else {}
    actions = [
        RunJob(
            service=workload.name,
            job=job.name,
            target=job_name(scene.desired.name, workload.name, job.name, scene.desired.commit),
            image=job.image,
            networks=tuple(scene.networks.items()),
            shares=tuple((key, targets[each]) for key, each in workload.service.shares.items()),
            why=f"{when} the new version takes over",
        )
        for job in jobs
    ]
    return steps.chain(actions, before)


def _conditions(steps: Steps, scene: Scene, workload: Workload, waits: Waits) -> list[int]:
    """Steps that must be done before a slot of `workload` may start."""
    needed = [n for owner in workload.service.shares.values() for n in steps.begun.get(owner, ())]
    for dependency in workload.service.depends_on:
        if scene.desired.workload(dependency.service) is None:
            continue  # not required, and not in the file: the parser refused the other case
        begun = steps.begun.get(dependency.service, [])
        if dependency.condition == "service_started":
            needed += begun
            continue
        key = (dependency.service, dependency.condition)
        if key not in waits:
            wait = WaitFor(
                service=dependency.service,
                condition=dependency.condition,
                why=f"{workload.name} depends on it",
            )
            waits[key] = steps.add(wait, [*steps.ready, *begun])
        needed.append(waits[key])
    return needed

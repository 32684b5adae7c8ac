"""The end of a plan: what was superseded goes, what stays gets its settled name."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from moorline.core.actions import (
    Leave,
    RemoveJob,
    RemoveNetwork,
    RunJob,
    Unlisten,
)
from moorline.core.model import ObservedContainer, ObservedNetwork
from moorline.core.scene import Scene
from moorline.core.slots import STOPPED, Slot, free_name
from moorline.core.steps import Steps
from moorline.core.stopping import remove, stop

__all__ = ["clear"]


def clear(steps: Steps, scene: Scene) -> None:
    """Remove what is superseded, then settle names, then remove networks that are left over."""
    before = steps.frontier()
    removed = _remove_containers(steps, scene, before)
    _remove_jobs(steps, scene, before)
    _settle_names(steps, scene.slots, scene.observed.containers, removed, before)
    _leave_behind(steps, scene, before)
    _unlisten(steps, scene)
    _remove_networks(
        steps, scene.desired.name, scene.observed.networks, set(scene.networks.values())
    )


def _remove_containers(steps: Steps, scene: Scene, before: Sequence[int]) -> dict[str, int]:
    """Return the steps by the names that they free."""
    # what helped out, or moved beside its successor, ran until here
    removed = {
        old.name: remove(steps, scene, old, before, why="not in the file") for old in scene.retired
    }
    for slot in scene.slots:
        stop(steps, scene, slot.superseded, before, why=f"replaced: {slot.why}")
        for old in slot.superseded:
            removed[old.name] = remove(steps, scene, old, before, why="its place is taken")
    return removed


def _remove_jobs(steps: Steps, scene: Scene, before: Sequence[int]) -> None:
    """Remove the containers of jobs that have ended; what still runs is left to end."""
    ended = {
        (each.service, each.job, each.name)
        for each in scene.observed.containers
        if each.ours and each.job and each.state in STOPPED
    }
    planned = {
        (action.service, action.job, action.target)
        for action in (step.action for step in steps.steps)
        if isinstance(action, RunJob)
    }
    for service, job, target in sorted(ended | planned):
        action = RemoveJob(service=service, job=job, target=target, why="it has ended")
        steps.add(action, before)


def _leave_behind(steps: Steps, scene: Scene, before: Sequence[int]) -> None:
    """Take off the tracks what is there no more."""
    there = {each.id for each in scene.observed.containers}
    for service, seen in sorted(scene.routes.items()):
        if service not in scene.asked:
            continue
        for server in seen.servers:
            if server.container not in there:
                action = Leave(
                    service=service,
                    number=0,
                    target=server.container,
                    drain_timeout=0.0,
                    why="its container is gone",
                )
                steps.add(action, before)


def _unlisten(steps: Steps, scene: Scene) -> None:
    after = steps.frontier()
    for service in sorted(scene.routes):
        if service not in scene.asked:
            steps.add(Unlisten(service=service, why="not in the file"), after)


def _settle_names(
    steps: Steps,
    slots: Iterable[Slot],
    containers: Collection[ObservedContainer],
    removed: Mapping[str, int],
    before: Sequence[int],
) -> None:
    """Give every container its settled name, once nobody else carries it.

    One that carries what another needs steps aside first: two may have each other's. A name that
    somebody else keeps is left to them.
    """
    unsettled = [slot for slot in slots if slot.current_name != slot.name]
    needed = {slot.name for slot in unsettled}
    taken = {each.name for each in containers}
    kept = {each.name for each in containers if not each.ours or each.state == "removing"}
    freed = dict(removed)
    for slot in unsettled:
        if slot.current_name in needed:
            name = free_name(slot.name, slot.workload.spec, taken)
            rename = slot.rename(name, why="another service needs its name")
            freed[slot.current_name] = steps.add(rename, before)
            kept.add(name)  # which may be the settled one already
    for slot in unsettled:
        if slot.name not in kept:
            after = [freed[name] for name in (slot.name, slot.current_name) if name in freed]
            rename = slot.rename(slot.name, why="takes its settled name")
            steps.add(rename, [*before, *after])


def _remove_networks(
    steps: Steps,
    environment: str,
    observed: Iterable[ObservedNetwork],
    wanted: Collection[str],
) -> None:
    before = steps.frontier()
    for network in sorted(observed, key=lambda each: each.name):
        ours = network.spec and network.environment == environment
        if ours and network.name not in wanted:
            steps.add(RemoveNetwork(name=network.name, why="nothing uses it any more"), before)

"""Replacing replicas a few at a time: a dance of stops and starts, written as what waits for what.

With `max_unavailable` U and `max_surge` S, counting the replicas that need a start from 0:

    stop  k  waits until the new ones up to k - U are healthy (and take requests)
    start k  waits until the old ones up to k - S are stopped
"""

from collections.abc import Sequence

from moorline.core.actions import Await
from moorline.core.desired import Workload
from moorline.core.scene import Scene
from moorline.core.slots import STOPPED, Slot
from moorline.core.steering import enter, entering, listen, on_track, serving_track
from moorline.core.steps import Steps
from moorline.core.stopping import stop
from moorline.core.strategy import Rolling
from moorline.core.traffic import Track

__all__ = ["begin_slot", "roll"]


def roll(
    steps: Steps,
    scene: Scene,
    workload: Workload,
    strategy: Rolling,
    *,
    before: Sequence[int],
) -> None:
    """Fill the slots in turn, each new container put in the traffic before an old one goes."""
    slots = [slot for slot in scene.slots_of(workload) if _unfinished(steps, scene, slot)]
    unavailable, surge = _pace(strategy, len(slots), proven=scene.is_proven(workload))
    done: list[Sequence[int]] = []
    stopped: list[Sequence[int]] = []
    for k, slot in enumerate(slots):
        if not surge:
            stopped.append(_stop(steps, scene, slot, [*before, *_at(done, k - unavailable)]))
        room = [*before, *_at(stopped, k - surge)]
        done.append(_start(steps, scene, slot, room))
        if surge:
            stopped.append(_stop(steps, scene, slot, [*before, *_at(done, k - unavailable)]))
    route = scene.route(workload)
    if route is not None and scene.slots_of(workload):
        listen(steps, scene, route, _track(scene, workload), before)


def begin_slot(steps: Steps, scene: Scene, slot: Slot, before: Sequence[int]) -> tuple[int, ...]:
    """Attach, start, hooks; returns the last step."""
    last = steps.chain([*slot.attach(scene.networks), *slot.begin()], before)
    steps.begun.setdefault(slot.workload.name, []).extend(last)
    return last


def _pace(strategy: Rolling, count: int, *, proven: bool) -> tuple[int, int]:
    """(max_unavailable, max_surge). What is proven already goes back at once."""
    if not proven:
        return strategy.max_unavailable, strategy.max_surge
    # where two cannot be there at a time, all old ones stop first
    return (0, count) if strategy.max_surge else (count, 0)


def _unfinished(steps: Steps, scene: Scene, slot: Slot) -> bool:
    """Whether something is still to be done in this slot."""
    if slot.starts or slot.target in steps.stopped:
        return True
    if any(old.state not in STOPPED for old in slot.superseded):
        return True
    routed = scene.route(slot.workload) is not None
    return routed and entering(steps, scene, slot, _track(scene, slot.workload))


def _start(steps: Steps, scene: Scene, slot: Slot, before: Sequence[int]) -> list[int]:
    route, track = scene.route(slot.workload), _track(scene, slot.workload)
    begins = slot.starts or slot.target in steps.stopped
    last: Sequence[int] = [*before, *steps.mended.get(slot.target, ())]
    if begins:
        last = begin_slot(steps, scene, slot, before)
    if begins or route is None or slot.target not in on_track(scene, slot.workload, track):
        wait = Await(
            service=slot.workload.name,
            number=slot.number,
            target=slot.target,
            why="the next one waits until it is well",
        )
        last = [steps.add(wait, last)]
    if route is None or not entering(steps, scene, slot, track):
        return list(last)
    entered = enter(steps, slot, track, listen(steps, scene, route, track, last))
    steps.moved.setdefault(slot.workload.name, []).append(entered)
    return [entered]


def _stop(steps: Steps, scene: Scene, slot: Slot, before: Sequence[int]) -> list[int]:
    stop(steps, scene, slot.superseded, before, why=f"replaced: {slot.why}")
    there = [slot.target, *(old.id for old in slot.superseded)]
    return [steps.stopped[each] for each in there if each in steps.stopped] or list(before)


def _track(scene: Scene, workload: Workload) -> Track:
    return serving_track(scene.routes.get(workload.name))


def _at(steps: Sequence[Sequence[int]], index: int) -> Sequence[int]:
    return steps[index] if index >= 0 else ()

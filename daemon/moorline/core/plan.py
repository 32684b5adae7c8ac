"""Decide what to do: the desired state and the observed one give a Plan.

Rule 1: nothing here performs I/O, tells the time or rolls dice. Same inputs, same plan, whatever
        order they arrive in.
Rule 2: nothing that serves is touched before everything is prepared: every pull and every create
        comes before `Ready`, every stop, start, rename and removal after it.
Rule 3: a container is removed only when its successor is proven, or when its place was given up.
Rule 4: a container without our label is never in a plan.
Rule 5: a plan may end after any of its steps. Planning again from what is there then leads to the
        same place; whoever adds an action keeps this true (tests/core/test_plan_properties.py).
Rule 6: a version gets no traffic before it passed its gate, and one that moves beside the old one
        leaves that running, and on its track, until it is proven itself: going back is a shift.

A file that says nothing new plans nothing, and taking a rollout back is planning the file from
before: its containers are still there and need a start, or no more than their traffic.

The parts stand in `preparing`, `touching` (with `rolling` and `steering`) and `clearing`, in the
order in which they run.
"""

from collections.abc import Collection

from moorline.core.actions import Plan, Prove
from moorline.core.clearing import clear
from moorline.core.desired import Desired
from moorline.core.model import ObservedEnvironment
from moorline.core.preparing import name_networks, prepare
from moorline.core.scene import Scene
from moorline.core.steps import Steps
from moorline.core.touching import touch

__all__ = ["plan"]


def plan(
    desired: Desired,
    observed: ObservedEnvironment,
    *,
    proven: Collection[str] = (),
) -> Plan:
    """Return the steps from `observed` to `desired`; empty where they agree.

    `proven` holds the specs of the last proven deployment: what goes back to one of those needs
    no new proof.
    """
    networks = name_networks(desired, observed)
    scene = Scene.of(desired, observed, networks=networks, proven=proven)
    steps = Steps()
    prepare(steps, scene)
    touch(steps, scene)
    _prove(steps, scene)
    clear(steps, scene)
    return Plan(tuple(steps.steps))


def _prove(steps: Steps, scene: Scene) -> None:
    slots = scene.slots
    changed = [slot.workload.name for slot in slots if not scene.is_proven(slot.workload)]
    if changed:
        again = [
            each.workload.name for each in slots if each.running and each.target in steps.stopped
        ]
        services = tuple(dict.fromkeys((*changed, *again)))
        why = "what they replace stays until they are proven"
        steps.add(Prove(services=services, why=why), steps.frontier())

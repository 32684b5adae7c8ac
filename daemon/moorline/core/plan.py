"""Decide what to do: the desired state and the observed one give a Plan.

Rule 1: nothing here performs I/O, tells the time or rolls dice. Same inputs, same plan, whatever
        order they arrive in.
Rule 2: nothing that serves is touched before everything is prepared: every pull and every create
        comes before `Ready`, every stop, start, rename and removal after it.
Rule 3: a container is removed only when its successor is proven, or when its place was given up.
Rule 4: a container without our label is never in a plan.
Rule 5: a plan may end after any of its steps. Planning again from what is there then leads to the
        same place; whoever adds an action keeps this true (tests/core/test_plan_properties.py).

A file that says nothing new plans nothing, and taking a rollout back is planning the file from
before: its containers are still there, stopped, and need a start.

The parts stand in `preparing`, `touching` and `clearing`, in the order in which they run.
"""

from collections.abc import Collection, Sequence

from moorline.core.actions import Plan, Prove
from moorline.core.clearing import clear
from moorline.core.desired import Desired
from moorline.core.model import ObservedEnvironment
from moorline.core.preparing import name_networks, prepare
from moorline.core.slots import Slot, assign_slots
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
    slots, retired = assign_slots(desired, observed)
    networks = name_networks(desired, observed)
    steps = Steps()
    prepare(steps, desired, observed, slots, networks)
    touch(steps, desired, slots, retired, networks)
    _prove(steps, slots, proven)
    clear(steps, desired, observed, slots, retired)
    return Plan(tuple(steps.steps))


def _prove(steps: Steps, slots: Sequence[Slot], proven: Collection[str]) -> None:
    changed = [slot.workload.name for slot in slots if slot.workload.spec not in proven]
    if changed:
        again = [
            each.workload.name for each in slots if each.running and each.target in steps.stopped
        ]
        services = tuple(dict.fromkeys((*changed, *again)))
        why = "what they replace stays until they are proven"
        steps.add(Prove(services=services, why=why), steps.frontier())

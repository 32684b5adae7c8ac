"""The end of a plan: what was superseded goes, what stays gets its settled name."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from moorline.core.actions import RemoveContainer, RemoveNetwork
from moorline.core.desired import Desired
from moorline.core.model import ObservedContainer, ObservedEnvironment, ObservedNetwork
from moorline.core.preparing import name_networks
from moorline.core.slots import Slot, free_name
from moorline.core.steps import Steps

__all__ = ["clear"]


def clear(
    steps: Steps,
    desired: Desired,
    observed: ObservedEnvironment,
    slots: Sequence[Slot],
    retired: Iterable[ObservedContainer],
) -> None:
    """Remove what is superseded, then settle names, then remove networks that are left over."""
    before = steps.frontier()
    removed = _remove_containers(steps, slots, retired, before)
    _settle_names(steps, slots, observed.containers, removed, before)
    wanted = set(name_networks(desired, observed).values())
    _remove_networks(steps, desired.name, observed.networks, wanted)


def _remove_containers(
    steps: Steps,
    slots: Iterable[Slot],
    retired: Iterable[ObservedContainer],
    before: Sequence[int],
) -> dict[str, int]:
    """Return the steps by the names that they free."""
    removed = {old.name: _remove(steps, old, before, why="not in the file") for old in retired}
    for slot in slots:
        for old in slot.superseded:
            removed[old.name] = _remove(steps, old, before, why="its place is taken")
    return removed


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


def _remove(steps: Steps, old: ObservedContainer, after: Sequence[int], *, why: str) -> int:
    action = RemoveContainer(service=old.service, number=old.number, target=old.id, why=why)
    return steps.add(action, after)

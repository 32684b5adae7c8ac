"""Everything that a plan is made from, and the questions that its parts ask of it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from moorline.core.desired import Desired, Workload
from moorline.core.model import ObservedContainer, ObservedEnvironment
from moorline.core.routing import route_for
from moorline.core.slots import Slot, assign_slots, host_ports
from moorline.core.strategy import Job
from moorline.core.traffic import ObservedRoute, Route

__all__ = ["Scene"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is wanted and what is there.

    networks    key of the file → the engine's name
    proven      specs that need no proof
    retired     containers of ours that no slot has a place for
    asked       service → the route that the file asks for
    routes      service → the route that it has, and may keep or change
    displaced   services whose route is in the way of something else: it gives up its ports before
                anything starts, and is made anew where the file still wants one
    """

    desired: Desired
    observed: ObservedEnvironment
    slots: Sequence[Slot]
    retired: Sequence[ObservedContainer]
    networks: Mapping[str, str]
    proven: Collection[str]
    asked: Mapping[str, Route]
    routes: Mapping[str, ObservedRoute]
    displaced: Sequence[str]

    @classmethod
    def of(
        cls,
        desired: Desired,
        observed: ObservedEnvironment,
        *,
        networks: Mapping[str, str],
        proven: Collection[str],
    ) -> "Scene":
        """Put what is there beside what is wanted."""
        slots, retired = assign_slots(desired, observed)
        routes = {each.name: route_for(desired.name, each.service) for each in desired.workloads}
        asked = {name: route for name, route in routes.items() if route is not None}
        seen = observed.routes or {}
        displaced = _displaced(seen, slots, asked)
        return cls(
            desired=desired,
            observed=observed,
            slots=slots,
            retired=retired,
            networks=networks,
            proven=proven,
            asked=asked,
            routes={name: route for name, route in seen.items() if name not in displaced},
            displaced=displaced,
        )

    @property
    def leaving(self) -> list[ObservedContainer]:
        """Every container that has to go."""
        return [*self.retired, *(old for slot in self.slots for old in slot.superseded)]

    def slots_of(self, workload: Workload) -> list[Slot]:
        return [slot for slot in self.slots if slot.workload is workload]

    def is_proven(self, workload: Workload) -> bool:
        return workload.spec in self.proven

    def route(self, workload: Workload) -> Route | None:
        """The route that the file asks for."""
        return self.asked.get(workload.name)

    def jobs(self, workload: Workload, when: str) -> list[Job]:
        """What has to run before or after this version takes over; nothing once it is proven.

        Those before are of no use any more when all of its containers run.
        """
        if not workload.service.jobs or self.is_proven(workload):
            return []
        own = self.slots_of(workload)
        if not own or (when == "before" and not any(slot.starts for slot in own)):
            return []
        return [job for job in workload.service.jobs if job.when == when]


def _displaced(
    seen: Mapping[str, ObservedRoute], slots: Iterable[Slot], asked: Mapping[str, Route]
) -> tuple[str, ...]:
    taken = {port for slot in slots if slot.starts for port in host_ports(slot.service)}
    wanted = {port: name for name, route in asked.items() for port in route.ports}
    return tuple(
        name
        for name, route in sorted(seen.items())
        if any(port in taken or wanted.get(port, name) != name for port in route.ports)
    )

"""The part of a plan that moves traffic between the two tracks of a service.

A version lives on the track where its containers are; one that is on none goes to the track that
nothing proven is on. Whoever is already on a track has passed its gate: it gets there no sooner.
"""

from collections.abc import Sequence

from moorline.core.actions import (
    AdvanceCanary,
    Await,
    Enter,
    Gate,
    Listen,
    Shift,
    Unlisten,
)
from moorline.core.desired import Workload
from moorline.core.routing import ingress_address
from moorline.core.scene import Scene
from moorline.core.slots import STOPPED, Slot
from moorline.core.steps import Steps
from moorline.core.stopping import leave, may_hold, stop
from moorline.core.strategy import ALL, Canary
from moorline.core.traffic import TRACKS, ObservedRoute, Route, RouteServer, Track, share_for

__all__ = [
    "enter",
    "entering",
    "listen",
    "on_track",
    "release_ports",
    "serving_track",
    "steer",
]


def steer(steps: Steps, scene: Scene, workload: Workload, before: Sequence[int]) -> None:
    """Bring a version that moves beside the old one to its track, and the traffic to it."""
    route, own = scene.route(workload), scene.slots_of(workload)
    if route is None or not own:
        return
    track = _home_track(scene, workload)
    last = _gate(steps, scene, workload, track, before)
    last = listen(steps, scene, route, track, last)
    share = _share(scene, workload)
    came = [slot for slot in own if entering(steps, scene, slot, track)]
    if came:
        last, share = _evict(steps, scene, workload, track, last)
        last = [enter(steps, slot, track, last) for slot in came]
    if share != share_for(track):
        last = _shift(steps, scene, workload, track, last)
    steps.moved[workload.name] = last


def listen(
    steps: Steps, scene: Scene, route: Route, track: Track, before: Sequence[int]
) -> list[int]:
    """Have the ingress listen, where it does not do so yet; returns what is to be waited for."""
    if route.service in steps.listening:
        return [*before, steps.listening[route.service]]
    seen = scene.routes.get(route.service)
    if seen and (seen.frontend, seen.backends.get(track)) == (route.frontend, route.backend):
        return list(before)
    holders = [old for old in scene.leaving if may_hold(old, route.ports)]
    stop(steps, scene, holders, before, why="the ingress takes its port")
    freed = [steps.stopped[old.id] for old in holders if old.id in steps.stopped]
    action = Listen(
        service=route.service,
        track=track,
        ports=tuple(sorted(route.ports)),
        why="as the file says now" if seen else "nothing listens yet",
    )
    after = [*before, *freed, *steps.released.values()]
    steps.listening[route.service] = steps.add(action, after)
    return [steps.listening[route.service]]


def enter(steps: Steps, slot: Slot, track: Track, before: Sequence[int]) -> int:
    """Put a slot's container on a track."""
    action = Enter(
        service=slot.workload.name,
        number=slot.number,
        target=slot.target,
        track=track,
        why="takes requests from here on",
    )
    return steps.add(action, before)


def entering(steps: Steps, scene: Scene, slot: Slot, track: Track) -> bool:
    """Whether a slot's container is not on `track`, ready, at the address that it has."""
    wanted = slot.wanted
    if wanted is None or slot.starts or slot.target in steps.stopped:
        return not slot.completed
    servers = [each for each in _servers(scene, slot.workload) if each.container == wanted.id]
    if [(each.track, each.state) for each in servers] != [(track, "ready")]:
        return True
    address = ingress_address(slot.service, wanted.addresses, scene.networks)
    # between two starts it has none
    return wanted.state == "running" and servers[0].address != address


def on_track(scene: Scene, workload: Workload, track: Track) -> frozenset[str]:
    """Ids of the containers on a track: each of them has passed its gate."""
    servers = _servers(scene, workload)
    return frozenset(each.container for each in servers if each.track == track)


def serving_track(seen: ObservedRoute | None) -> Track:
    """The track that gets most of the traffic."""
    return "green" if seen is not None and 2 * seen.share > ALL else "blue"


def release_ports(steps: Steps, scene: Scene) -> None:
    """Have the ingress let go of ports that something else needs in this plan."""
    for service in scene.displaced:
        action = Unlisten(service=service, why="its ports are needed elsewhere")
        steps.released[service] = steps.add(action, steps.ready)


def _gate(
    steps: Steps, scene: Scene, workload: Workload, track: Track, before: Sequence[int]
) -> list[int]:
    """Hold newcomers against their gate, and what was only started until it is healthy."""
    here = on_track(scene, workload, track)
    own = scene.slots_of(workload)
    mended = [number for slot in own for number in steps.mended.get(slot.target, ())]
    last = [*before, *mended, *steps.begun.get(workload.name, ())]
    if not scene.is_proven(workload) and any(slot.target not in here for slot in own):
        gate = Gate(service=workload.name, why="no traffic before it is well")
        return [steps.add(gate, last)]
    waits = [
        _await(steps, slot, last)
        for slot in own
        if slot.starts or slot.target in steps.stopped or slot.target not in here
    ]
    return waits or last


def _await(steps: Steps, slot: Slot, before: Sequence[int]) -> int:
    action = Await(
        service=slot.workload.name,
        number=slot.number,
        target=slot.target,
        why="no traffic before it is well",
    )
    return steps.add(action, before)


def _evict(
    steps: Steps, scene: Scene, workload: Workload, track: Track, before: Sequence[int]
) -> tuple[list[int], int]:
    """Take off the track what another version left there; returns the share that is then."""
    own = {slot.target for slot in scene.slots_of(workload)}
    on = _servers(scene, workload)
    share = _share(scene, workload)
    strangers = [each for each in on if each.track == track and each.container not in own]
    if not strangers:
        return list(before), share
    other = _other(track)
    last = list(before)
    if share != share_for(other) and any(each.track == other for each in on):
        shift = Shift(service=workload.name, track=other, why="what it goes back to is there")
        last, share = [steps.add(shift, before)], share_for(other)
    there = {each.id: each for each in scene.observed.containers}
    gone = [
        number
        for each in strangers
        if each.container in there
        for number in leave(
            steps, scene, there[each.container], last, why="another version takes its track"
        )
    ]
    return [*last, *gone], share


def _shift(
    steps: Steps, scene: Scene, workload: Workload, track: Track, before: Sequence[int]
) -> list[int]:
    last = list(before) or list(steps.ready)
    strategy = workload.service.strategy
    up = {each.id for each in scene.observed.containers if each.state not in STOPPED}
    others = (each for each in _servers(scene, workload) if each.track == _other(track))
    if (
        isinstance(strategy, Canary)
        and not scene.is_proven(workload)
        and any(each.container in up for each in others)
    ):
        action = AdvanceCanary(
            service=workload.name,
            track=track,
            shares=tuple(each.share for each in strategy.steps),
            why="step by step, while it does no worse than the old one",
        )
        last = [steps.add(action, last)]
    why = "it is proven" if scene.is_proven(workload) else "it passed its gate"
    return [steps.add(Shift(service=workload.name, track=track, why=why), last)]


def _home_track(scene: Scene, workload: Workload) -> Track:
    own = {slot.target for slot in scene.slots_of(workload)}
    on = _servers(scene, workload)
    serving = serving_track(scene.routes.get(workload.name))
    homes = {each.track for each in on if each.container in own}
    if homes:
        return _prefer(homes, serving)
    if not on:
        return serving
    stable = {each.track for each in on if each.container in _proven_ids(scene)}
    return _other(_prefer(stable, serving))


def _prefer(tracks: set[Track], serving: Track) -> Track:
    """The serving one, unless only the other is among them."""
    return serving if serving in tracks or not tracks else _other(serving)


def _proven_ids(scene: Scene) -> frozenset[str]:
    return frozenset(each.id for each in scene.observed.containers if each.spec in scene.proven)


def _servers(scene: Scene, workload: Workload) -> tuple[RouteServer, ...]:
    seen = scene.routes.get(workload.name)
    return seen.servers if seen else ()


def _share(scene: Scene, workload: Workload) -> int:
    seen = scene.routes.get(workload.name)
    return seen.share if seen else 0


def _other(track: Track) -> Track:
    return TRACKS[1 - TRACKS.index(track)]

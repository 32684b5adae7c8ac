"""How a container is sent off: out of the traffic, its hooks, disarmed, stopped."""

from collections.abc import Collection, Iterable, Sequence

from moorline.core.actions import (
    Action,
    Leave,
    RemoveContainer,
    RetireContainer,
    RunHook,
    SetRestartPolicy,
    UnpauseContainer,
)
from moorline.core.model import ObservedContainer
from moorline.core.scene import Scene
from moorline.core.slots import STOPPED, Target, may_restart
from moorline.core.steps import Steps
from moorline.core.traffic import IngressPolicy

__all__ = ["leave", "may_hold", "remove", "servers", "stop"]


def stop(
    steps: Steps,
    scene: Scene,
    leaving: Iterable[ObservedContainer],
    before: Sequence[int],
    *,
    why: str,
) -> None:
    """Stop what runs of these, each once in a plan, after its sessions have ended."""
    for old in leaving:
        if old.state not in STOPPED and old.id not in steps.stopped:
            off = leave(steps, scene, old, before, why="it is about to stop")
            actions = _farewell(old, why)
            steps.stopped[old.id] = steps.chain(actions, [*before, *off])[0]


def leave(
    steps: Steps, scene: Scene, old: ObservedContainer, before: Sequence[int], *, why: str
) -> list[int]:
    """Take a container off its track, once in a plan; [] where it is on none."""
    if old.id not in servers(scene):
        return []
    if old.id not in steps.left:
        timeout = _drain_timeout(scene, old) if old.state == "running" else 0.0
        action = Leave(
            service=old.service, number=old.number, target=old.id, drain_timeout=timeout, why=why
        )
        steps.left[old.id] = steps.add(action, before)
    return [steps.left[old.id]]


def remove(
    steps: Steps, scene: Scene, old: ObservedContainer, before: Sequence[int], *, why: str
) -> int:
    """Remove a container, once in a plan; what runs of it is stopped first."""
    if old.id not in steps.removed:
        stop(steps, scene, [old], before, why=why)
        off = leave(steps, scene, old, before, why=why)
        stopped = [steps.stopped[old.id]] if old.id in steps.stopped else []
        action = RemoveContainer(service=old.service, number=old.number, target=old.id, why=why)
        steps.removed[old.id] = steps.add(action, [*before, *off, *stopped])
    return steps.removed[old.id]


def servers(scene: Scene) -> frozenset[str]:
    """Ids of the containers that are on a track."""
    return frozenset(each.container for seen in scene.routes.values() for each in seen.servers)


def may_hold(container: ObservedContainer, ports: Collection[str]) -> bool:
    """Whether it has to be stopped before another can have these ports."""
    if container.state == "restarting":
        return bool(ports)  # the engine lists none between two starts
    return not container.host_ports.isdisjoint(ports)


def _drain_timeout(scene: Scene, old: ObservedContainer) -> float:
    workload = scene.desired.workload(old.service)
    policy = workload.service.ingress if workload else IngressPolicy()
    return policy.drain_timeout


def _farewell(old: ObservedContainer, why: str) -> list[Action]:
    """The stop, behind the pre_stop hooks that the container brought along."""
    where: Target = {"service": old.service, "number": old.number, "target": old.id}
    actions: list[Action] = []
    if old.state == "paused":
        actions.append(UnpauseContainer(**where, why="a paused one cannot stop"))
    if old.state != "restarting":
        actions += [RunHook(**where, hook=hook, why="pre_stop") for hook in old.pre_stop]
    end: list[Action] = [RetireContainer(**where, grace=old.stop_grace_period, why=why)]
    if may_restart(old):
        disarm = "the engine's next start must not revive it"
        policy = SetRestartPolicy(**where, restart_policy={"Name": "no"}, why=disarm)
        # between two runs of a crash loop the engine takes no update: stopped, it does
        end = [*end, policy] if old.state == "restarting" else [policy, *end]
    return [*actions, *end]

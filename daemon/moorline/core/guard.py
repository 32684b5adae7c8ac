"""Refuse plans that are most likely mistakes, before anything is touched.

An explicit word in the file lifts the refusal: `x-moorline: {allow_empty: true}`.
"""

from moorline.core.actions import CreateContainer, Plan
from moorline.core.desired import Desired, resource_spec
from moorline.core.model import ObservedEnvironment
from moorline.errors import ForeignContainer, NotFound, UnsafePlan

__all__ = ["guard"]


def guard(desired: Desired, observed: ObservedEnvironment, plan: Plan) -> None:
    """Raise UnsafePlan, ForeignContainer or NotFound where `plan` must not be carried out."""
    _refuse_to_empty(desired, observed)
    _refuse_foreign(desired, observed, plan)
    _refuse_changed_volumes(desired, observed)
    _require_external(desired, observed)
    _require_ingress(desired, observed)


def _refuse_to_empty(desired: Desired, observed: ObservedEnvironment) -> None:
    ours = {each.service for each in observed.containers if each.ours and not each.job}
    kept = ours & {workload.name for workload in desired.workloads}
    if desired.environment.settings.allow_empty:
        return
    if not desired.workloads:
        raise UnsafePlan(
            f"{desired.name}: the file has no services",
            mend="add one, or say x-moorline: {allow_empty: true} to remove everything",
        )
    if ours and not kept:
        raise UnsafePlan(
            f"{desired.name}: this would remove every running service ({', '.join(sorted(ours))})",
            mend="keep one of them, or say x-moorline: {allow_empty: true}",
        )


def _refuse_foreign(desired: Desired, observed: ObservedEnvironment, plan: Plan) -> None:
    created = {action.service for action in plan if isinstance(action, CreateContainer)}
    foreign = [each for each in observed.containers if not each.ours and each.service in created]
    if not foreign:
        return
    names = ", ".join(each.name for each in foreign)
    raise ForeignContainer(
        f"{desired.name}: left alone, since moorline did not make them: {names}",
        mend="when moorline may take over, run 'docker rm -f "
        f"{' '.join(each.name for each in foreign)}'",
    )


def _refuse_changed_volumes(desired: Desired, observed: ObservedEnvironment) -> None:
    there = {each.name: each.spec for each in observed.volumes}
    for volume in desired.environment.volumes:
        if volume.external or there.get(volume.name, "") in {"", resource_spec(volume)}:
            continue
        raise UnsafePlan(
            f"{desired.name}: volume {volume.key} exists with other settings, and moorline never "
            "deletes data",
            mend=f"move the data to a volume of another name, or 'docker volume rm {volume.name}'",
        )


def _require_external(desired: Desired, observed: ObservedEnvironment) -> None:
    networks = {each.name for each in observed.networks}
    for network in desired.environment.networks:
        if network.external and network.name not in networks:
            mend = f"run 'docker network create {network.name}'"
            raise NotFound(f"{desired.name}: external network {network.name} not found", mend=mend)
    volumes = {each.name for each in observed.volumes}
    for volume in desired.environment.volumes:
        if volume.external and volume.name not in volumes:
            mend = f"run 'docker volume create {volume.name}'"
            raise NotFound(f"{desired.name}: external volume {volume.name} not found", mend=mend)


def _require_ingress(desired: Desired, observed: ObservedEnvironment) -> None:
    if observed.routes is not None:
        return
    routed = [each for each in desired.workloads if each.service.listeners]
    if routed:
        name, strategy = routed[0].name, routed[0].service.strategy.name
        raise UnsafePlan(
            f"{desired.name}/{name}: strategy {strategy} needs an ingress, and this host has none",
            mend="configure [ingress] in the agent's configuration, or write strategy: recreate",
        )

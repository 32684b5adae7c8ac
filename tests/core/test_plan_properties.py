"""What holds for every plan: on any host, for any file, wherever the plan before it ended."""

from dataclasses import replace
from random import Random

from hypothesis import HealthCheck, given, settings

from moorline.core.actions import (
    CreateContainer,
    Plan,
    Pull,
    Ready,
    RemoveContainer,
    RenameContainer,
    RetireContainer,
    StartContainer,
)
from moorline.core.desired import Desired, Workload
from moorline.core.plan import plan
from moorline.core.routing import route_for
from moorline.core.strategy import Rolling
from tests.core.builders import ENVIRONMENT
from tests.core.instep import in_step, misrouted
from tests.core.world import World, stale
from tests.core.worlds import any_order, carry_out_some, hosts

Host = tuple[World, Desired, Random]
TOUCHING = (RetireContainer, StartContainer, RenameContainer, RemoveContainer)

examples = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@examples
@given(hosts())
def test_any_host_is_in_step_after_one_plan(host: Host) -> None:
    world, desired, _ = host
    world.converge(desired)
    assert in_step(world.containers, desired) == []
    assert stale(world, desired) == []


@examples
@given(hosts())
def test_a_plan_may_end_after_any_step_and_the_next_one_leads_to_the_same_place(
    host: Host,
) -> None:
    world, desired, random = host
    for _ in range(3):
        carry_out_some(world, world.plan(desired), desired, random)
    world.converge(desired)
    assert in_step(world.containers, desired) == []
    assert stale(world, desired) == []


@examples
@given(hosts())
def test_all_traffic_reaches_the_version_that_is_wanted(host: Host) -> None:
    world, desired, _ = host
    world.converge(desired)
    assert misrouted(world, desired) == []


@examples
@given(hosts())
def test_what_serves_behind_the_ingress_goes_on_serving_at_every_step(host: Host) -> None:
    world, desired, random = host
    steady = [each.name for each in desired.workloads if _never_stops(world, each)]
    current = world.plan(desired)
    for number in any_order(current, random):
        world.apply(current.steps[number].action, desired)
        assert all(world.serves(name) for name in steady), current.render()


def _never_stops(world: World, workload: Workload) -> bool:
    """Whether it serves, and its file leaves a way to go on doing so."""
    service, route = workload.service, route_for(ENVIRONMENT, workload.service)
    seen = world.routes.get(workload.name)
    if route is None or seen is None or not world.serves(workload.name):
        return False
    strategy = service.strategy
    if isinstance(strategy, Rolling) and strategy.max_unavailable:
        return False
    stops = any(each.restart for each in service.depends_on)
    return service.replicas > 0 and not stops and seen.frontend == route.frontend


@examples
@given(hosts())
def test_a_job_runs_once_for_a_commit_however_often_it_is_planned(host: Host) -> None:
    world, desired, random = host
    world.jobs.clear()
    world.containers = {key: each for key, each in world.containers.items() if not each.job}
    for _ in range(3):
        carry_out_some(world, world.plan(desired), desired, random)
    world.converge(desired)
    assert len(world.jobs) == len(set(world.jobs))


@examples
@given(hosts())
def test_what_is_in_step_and_proven_plans_nothing(host: Host) -> None:
    world, desired, _ = host
    world.converge(desired)
    assert plan(desired, world.observe(), proven=desired.specs) == Plan()


@examples
@given(hosts())
def test_the_order_in_which_things_are_observed_changes_nothing(host: Host) -> None:
    world, desired, random = host
    seen = world.observe()
    shuffled = replace(
        seen,
        containers=tuple(random.sample(seen.containers, len(seen.containers))),
        networks=tuple(random.sample(seen.networks, len(seen.networks))),
        volumes=tuple(random.sample(seen.volumes, len(seen.volumes))),
    )
    first, second = (plan(desired, each, proven=world.proven) for each in (seen, shuffled))
    assert first == second
    assert first.digest() == second.digest()


@examples
@given(hosts())
def test_no_container_without_our_label_is_ever_touched(host: Host) -> None:
    world, desired, _ = host
    foreign = {each.id: each for each in world.containers.values() if not each.ours}
    current = world.plan(desired)
    targets = {getattr(action, "target", "") for action in current}
    assert not targets & {name for each in foreign.values() for name in (each.id, each.name)}
    world.converge(desired)
    assert foreign == {each.id: each for each in world.containers.values() if not each.ours}


@examples
@given(hosts())
def test_a_container_is_removed_only_when_a_proven_one_has_its_place(host: Host) -> None:
    world, desired, random = host
    current = world.plan(desired)
    for number in any_order(current, random):
        action = current.steps[number].action
        if isinstance(action, RemoveContainer):
            assert _has_proven_successor(world, desired, action), current.render()
        world.apply(action, desired)


def _has_proven_successor(world: World, desired: Desired, action: RemoveContainer) -> bool:
    workload = desired.workload(action.service)
    if _given_up(world, action):
        return True
    if workload is None or action.number > workload.service.replicas:
        filled = (each for each in desired.workloads if each.service.replicas)
        return all(each.spec in world.proven for each in filled)
    return workload.spec in world.proven and any(
        each.id != action.target
        and (each.number, each.spec) == (action.number, workload.spec)
        and (each.state in {"running", "paused", "restarting"} or each.exit_code == 0)
        for each in world.of(action.service)
    )


def _given_up(world: World, action: RemoveContainer) -> bool:
    """Whether it was never proven, and one that was is still there to go back to."""
    in_place = [each for each in world.of(action.service) if each.number == action.number]
    proven = {each.id for each in in_place if each.spec in world.proven}
    return bool(proven) and action.target not in proven


@examples
@given(hosts())
def test_nothing_that_serves_is_touched_before_everything_is_ready(host: Host) -> None:
    world, desired, _ = host
    current = world.plan(desired)
    ready = {n for n, step in enumerate(current.steps) if isinstance(step.action, Ready)}
    prepared: set[int] = set()
    for number, step in enumerate(current.steps):
        assert all(earlier < number for earlier in step.after)
        if ready & {number, *step.after} or prepared & set(step.after):
            prepared.add(number)
        if ready and isinstance(step.action, TOUCHING):
            assert number in prepared, current.render()
        if isinstance(step.action, Pull | CreateContainer):
            assert number not in prepared, current.render()


@examples
@given(hosts())
def test_every_image_is_pinned_and_plans_stay_short(host: Host) -> None:
    world, desired, _ = host
    current = world.plan(desired)
    for action in current:
        if isinstance(action, Pull | CreateContainer):
            assert action.image.digest is not None
    slots = sum(each.service.replicas for each in desired.workloads)
    resources = len(world.networks) + len(world.volumes) + len(desired.environment.networks) + 1
    assert len(current) <= 2 + 4 * len(world.containers) + 14 * slots + resources

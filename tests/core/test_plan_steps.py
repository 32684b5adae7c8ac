"""What a plan's text does not show: ids, what containers take along, and what may run at once."""

from typing import TypeVar

import pytest

from moorline.core.actions import (
    Action,
    Connect,
    CreateContainer,
    Plan,
    RetireContainer,
    SetRestartPolicy,
    StartContainer,
)
from moorline.core.desired import Desired
from moorline.core.model import Service
from tests.core.builders import desired, needs, network, service
from tests.core.plan_cases import carried_out, edited, gone
from tests.core.world import World, settled

A = TypeVar("A", bound=Action)
POLICY = {"Name": "unless-stopped"}
STEADY = service(host_config={"RestartPolicy": POLICY})
SIDECAR = service("log", shares={"NetworkMode": "web"})


def actions(plan: Plan, kind: type[A]) -> list[A]:
    return [action for action in plan if isinstance(action, kind)]


def spec(of: Service) -> str:
    return desired(of).workloads[0].spec[:8]


def host(*states: Desired) -> tuple[World, str]:
    """A host with a settled `web`, and the id of its container."""
    world = settled(*states)
    return world, world.of("web")[0].id


def test_a_new_container_inherits_from_the_one_that_it_replaces() -> None:
    world, old = host(desired(service()))
    [create] = actions(world.plan(desired(service(tag="2"))), CreateContainer)
    assert (create.target, create.heir_to) == (f"prod-web-1-{spec(service(tag='2'))}", old)


def test_the_first_one_inherits_from_nobody() -> None:
    [create] = actions(World().plan(desired(service())), CreateContainer)
    assert (create.target, create.heir_to) == ("prod-web-1", None)


def test_a_namespace_is_joined_by_the_owners_id_or_by_the_name_it_will_have() -> None:
    both = desired(service("web"), SIDECAR)
    assert actions(World().plan(both), CreateContainer)[1].shares == (
        ("NetworkMode", "prod-web-1"),
    )
    world, owner = host(both)
    gone("log")(world)
    [create] = actions(world.plan(both), CreateContainer)
    assert create.shares == (("NetworkMode", owner),)


def test_a_container_is_told_the_engines_names_of_all_networks() -> None:
    before = desired(service(networks=["a"]))
    internal = network("a", body={"Internal": True})
    after = desired(service(networks=["a", "b"]), networks=(internal,))
    [create] = actions(settled(before).plan(after), CreateContainer)
    (a, first), second = create.networks
    assert (a, first[:7], second) == ("a", "prod_a-", ("b", "prod_b"))


def test_one_that_was_retired_gets_its_restart_policy_back() -> None:
    world, old = host(desired(STEADY))
    carried_out(desired(service(tag="2")), until="prove")(world)
    [start] = actions(world.plan(desired(STEADY)), StartContainer)
    assert (start.target, start.restart_policy) == (old, POLICY)


@pytest.mark.parametrize(("made", "policy"), [(STEADY, POLICY), (service(), {"Name": "no"})])
def test_a_restart_policy_is_what_the_file_says_or_none(
    made: Service, policy: dict[str, str]
) -> None:
    state = desired(made)
    world, _ = host(state)
    edited("web", altered=("RestartPolicy",))(world)
    assert [each.restart_policy for each in actions(world.plan(state), SetRestartPolicy)] == [
        policy
    ]
    edited("web", state="exited")(world)
    [start] = world.plan(state)
    assert start.restart_policy == policy


def test_a_new_container_has_its_restart_policy_already() -> None:
    [start] = actions(World().plan(desired(STEADY)), StartContainer)
    assert start.restart_policy is None


def test_a_container_is_given_the_time_to_stop_that_it_asked_for_when_it_was_made() -> None:
    world, _ = host(desired(service(stop_grace_period=7.0)))
    [retire] = actions(world.plan(desired(service(stop_grace_period=1.0))), RetireContainer)
    assert retire.grace == 7.0


def test_a_network_is_attached_under_its_key_and_the_engines_name() -> None:
    state = desired(service(networks=["back"]))
    world, web = host(state)
    edited("web", networks=frozenset())(world)
    [connect] = actions(world.plan(state), Connect)
    assert (connect.target, connect.key, connect.network) == (web, "back", "prod_back")


def test_services_that_need_nothing_of_each_other_run_at_once() -> None:
    plan = World().plan(desired(service("a"), service("b")))
    starts = [step.after for step in plan.steps if isinstance(step.action, StartContainer)]
    pulls = [step.after for step in plan.steps if step.action.verb == "pull"]
    assert starts[0] == starts[1]
    assert pulls == [(), ()]


def test_a_crashing_container_is_stopped_before_another_takes_its_port() -> None:
    world = settled(desired(service("web", port="80")))
    edited("web", state="restarting")(world)
    plan = world.plan(desired(service("site", port="80")))
    numbers = {type(step.action): number for number, step in enumerate(plan.steps)}
    assert numbers[RetireContainer] in plan.steps[numbers[StartContainer]].after


def test_one_that_needs_another_runs_after_it() -> None:
    plan = World().plan(desired(service("a"), service("b", depends_on=(needs("a"),))))
    first, second = (
        number for number, step in enumerate(plan.steps) if isinstance(step.action, StartContainer)
    )
    assert first in plan.steps[second].after

"""How a plan reads: for people aligned, for machines with stable keys, and as a fingerprint."""

from typing import get_args

import pytest

from moorline.core.actions import (
    Action,
    Plan,
    Prove,
    Pull,
    Ready,
    RetireContainer,
    RunHook,
    Step,
    WaitFor,
)
from moorline.core.model import Hook
from tests.core.builders import digest, image

PLAN = Plan(
    (
        Step(Pull(image=image("web", "1"), services=("web", "www"), why="not on this host")),
        Step(Ready(why="nothing was touched so far"), (0,)),
        Step(WaitFor(service="db", condition="service_healthy", why="web needs it"), (1,)),
        Step(Prove(services=("web", "db"), why="they changed"), (2,)),
    )
)


def test_a_plan_reads_one_aligned_line_per_action() -> None:
    pin = f"r.io/web:1@{digest('web:1')}"
    gap = " " * len(pin)
    assert PLAN.render().splitlines() == [
        f"pull   web,www  {pin}  not on this host",
        f"ready  -        {gap}  nothing was touched so far",
        f"wait   db       {'service_healthy'.ljust(len(pin))}  web needs it",
        f"prove  web,db   {gap}  they changed",
    ]


def test_an_empty_plan_is_false_and_renders_to_nothing() -> None:
    assert not Plan()
    assert Plan().render() == ""
    assert PLAN
    assert len(PLAN) == 4


def test_a_plan_for_machines_has_stable_keys() -> None:
    assert PLAN.as_data()[2] == {
        "do": "wait",
        "what": "db",
        "detail": "service_healthy",
        "why": "web needs it",
    }


def test_plans_that_read_the_same_have_the_same_digest() -> None:
    assert PLAN.digest() == Plan(PLAN.steps).digest()
    assert PLAN.digest() != Plan(PLAN.steps[1:]).digest()


@pytest.mark.parametrize("action", get_args(Action))
def test_every_action_has_a_verb_and_its_meaning(action: type[Action]) -> None:
    assert action.verb
    assert action.__doc__


def test_the_arguments_of_a_hook_stay_out_of_the_plan() -> None:
    hook = Hook(command=("mysql", "--password=hunter2"))
    run = RunHook(service="db", number=1, target="x", hook=hook, why="post_start")
    assert "hunter2" not in Plan((Step(run),)).render()


def test_an_action_on_a_container_names_its_place() -> None:
    stop = RetireContainer(service="web", number=2, target="x", grace=1, why="asked")
    assert (stop.subject, stop.detail) == ("web #2", "")

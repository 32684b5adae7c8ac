"""What events tell about deaths, and whose doing they were."""

from typing import Literal

import pytest

from moorline.adapters.ports import EngineEvent
from moorline.agent.incidents import KEPT, Incidents


def told(*actions: str, kind: Literal["container", "network"] = "container") -> Incidents:
    """Events of one container, one a second."""
    incidents = Incidents()
    for at, action in enumerate(actions):
        incidents.heard(
            EngineEvent(kind=kind, action=action, id="c", name="web", project="p", at=float(at))
        )
    return incidents


@pytest.mark.parametrize(
    ("actions", "deaths", "is_down"),
    [
        ((), (), False),
        (("start", "die"), (1.0,), True),
        (("start", "die", "start"), (1.0,), False),
        (("kill", "die", "stop"), (), False),
        # a signal that did not end it is forgotten with the next start
        (("kill", "die", "stop", "start", "die"), (4.0,), True),
        (("kill", "start", "die"), (2.0,), True),
        (("die", "start", "kill", "die"), (0.0,), False),
        (("oom", "die"), (1.0,), True),
        (("die", "destroy"), (), False),
        (("destroy",), (), False),
        (("health_status: unhealthy", "rename"), (), False),
    ],
)
def test_a_death_that_somebody_asked_for_is_none(
    actions: tuple[str, ...], deaths: tuple[float, ...], *, is_down: bool
) -> None:
    incidents = told(*actions)
    assert (incidents.deaths("c"), incidents.is_down("c")) == (deaths, is_down)


def test_running_out_of_memory_is_told_also_where_the_container_lives_on() -> None:
    incidents = told("start", "oom")
    assert (incidents.ooms("c"), incidents.deaths("c")) == ((1.0,), ())
    assert incidents.ooms("other") == ()


def test_a_network_has_no_deaths() -> None:
    assert told("die", "oom", kind="network").deaths("c") == ()


def test_an_engine_that_went_away_took_its_containers_along() -> None:
    incidents = told("die", "oom")
    incidents.forget()
    assert (incidents.deaths("c"), incidents.ooms("c"), incidents.is_down("c")) == ((), (), False)


def test_only_so_many_deaths_are_kept() -> None:
    assert len(told(*["die", "start"] * 2 * KEPT).deaths("c")) == KEPT

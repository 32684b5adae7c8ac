"""Plans that are most likely mistakes are refused, with the mend."""

from collections.abc import Iterable

import pytest

from moorline.core.desired import Desired, resource_spec
from moorline.core.guard import guard
from moorline.core.model import ObservedNetwork, ObservedVolume, Settings
from moorline.core.plan import plan
from moorline.core.strategy import BlueGreen
from moorline.core.traffic import Listener
from moorline.errors import ForeignContainer, Held, NotFound, UnsafePlan
from tests.core.builders import container, desired, foreign, network, observed, service, volume

ALLOWED = Settings(allow_empty=True)
DATA = volume("data", body={"Driver": "local"})


def check(state: Desired, *containers: object, **there: object) -> None:
    seen = observed(*containers, **there)
    guard(state, seen, plan(state, seen))


@pytest.mark.parametrize(
    ("state", "containers"),
    [
        (desired(service("web")), []),
        (desired(service("web")), [container("web"), container("gone")]),
        (desired(settings=ALLOWED), [container("web")]),
        (desired(service("web"), settings=ALLOWED), [container("other")]),
        (desired(service("web")), [foreign("db-1", "db")]),
    ],
)
def test_an_ordinary_plan_passes(state: Desired, containers: Iterable[object]) -> None:
    check(state, *containers)


def test_a_file_without_services_is_refused() -> None:
    with pytest.raises(UnsafePlan, match=r"prod: the file has no services; .*allow_empty: true"):
        check(desired())


def test_removing_every_running_service_is_refused() -> None:
    complaint = r"every running service \(a, b\); .*allow_empty: true"
    with pytest.raises(UnsafePlan, match=complaint):
        check(desired(service("web")), container("b"), container("a"), foreign("x", "web"))


def test_a_foreign_container_in_a_services_place_is_left_alone() -> None:
    complaint = "moorline did not make them: theirs; when .* run 'docker rm -f theirs'"
    with pytest.raises(ForeignContainer, match=complaint):
        check(desired(service("web")), foreign("theirs", "web"))


def test_one_beside_a_container_of_ours_changes_nothing() -> None:
    state = desired(service("web"))
    ours = container("web", spec=state.workloads[0].spec)
    check(state, ours, foreign("theirs", "web"))


@pytest.mark.parametrize("spec", ["", resource_spec(DATA)])
def test_a_volume_that_is_as_it_should_be_or_another_tools_is_used(spec: str) -> None:
    there = ObservedVolume(name="prod_data", spec=spec)
    check(desired(service(), volumes=(DATA,)), volumes=(there,))


def test_a_volume_with_other_settings_is_for_a_person_to_decide() -> None:
    there = ObservedVolume(name="prod_data", spec="5" * 64)
    with pytest.raises(UnsafePlan, match="volume data exists with other settings") as caught:
        check(desired(service(), volumes=(DATA,)), volumes=(there,))
    assert "docker volume rm prod_data" in caught.value.mend
    assert isinstance(caught.value, Held)


def test_an_external_network_has_to_be_there() -> None:
    outside = network("back", name="shared", external=True)
    state = desired(service(networks=["back"]), networks=(outside,))
    with pytest.raises(NotFound, match=r"network shared not found; .*docker network create"):
        check(state)
    check(state, networks=(ObservedNetwork(name="shared"),))


def test_an_external_volume_has_to_be_there() -> None:
    state = desired(service(), volumes=(volume("data", name="shared", external=True),))
    with pytest.raises(NotFound, match=r"volume shared not found; .*docker volume create"):
        check(state)
    check(state, volumes=(ObservedVolume(name="shared", spec="5" * 64),))


def test_a_strategy_that_needs_an_ingress_is_refused_where_the_host_has_none() -> None:
    listeners = (Listener(host_port=80, container_port=80),)
    state = desired(service(strategy=BlueGreen(), listeners=listeners))
    with pytest.raises(UnsafePlan, match="strategy blue-green needs an ingress") as caught:
        check(state)
    assert "[ingress]" in caught.value.mend
    check(state, routes={})

"""Places, and what is needed to tell whether two containers want the same port."""

import pytest

from moorline.core.slots import assign_slots, host_ports
from tests.core.builders import container, desired, observed, service


@pytest.mark.parametrize(
    ("host_config", "ports"),
    [
        ({}, set()),
        ({"PortBindings": None}, set()),
        ({"PortBindings": {"80/tcp": None}}, set()),
        ({"PortBindings": {"80/tcp": []}}, set()),
        ({"PortBindings": {"80/tcp": [{"HostPort": "8080"}]}}, {"8080/tcp"}),
        ({"PortBindings": {"53/udp": [{"HostIp": "::1", "HostPort": "53"}]}}, {"53/udp"}),
        ({"PortBindings": {"80/tcp": [{"HostPort": ""}, {"HostPort": "0"}, {}, None]}}, set()),
        (
            {"PortBindings": {"80/tcp": [{"HostPort": "80"}, {"HostPort": "8000-8002"}]}},
            {"80/tcp", "8000/tcp", "8001/tcp", "8002/tcp"},
        ),
    ],
)
def test_the_host_ports_of_a_service_are_known(
    host_config: dict[str, object], ports: set[str]
) -> None:
    assert host_ports(service(host_config=host_config)) == ports


def test_every_replica_has_a_slot_and_the_rest_is_retired_in_order() -> None:
    state = desired(service("web", replicas=2))
    web = state.workloads[0]
    seen = observed(
        container("web", 3, spec=web.spec),
        container("web", 2, spec=web.spec),
        container("api", 1),
    )
    slots, retired = assign_slots(state, seen)
    assert [(slot.number, slot.wanted is not None) for slot in slots] == [(1, False), (2, True)]
    assert [each.name for each in retired] == ["prod-api-1", "prod-web-3"]


def test_of_several_sound_containers_the_running_and_well_named_one_is_wanted() -> None:
    state = desired(service("web"))
    spec = state.workloads[0].spec
    stopped = container(id="a", state="exited", spec=spec)
    odd = container(id="b", name="odd", spec=spec)
    settled = container(id="c", spec=spec)
    twin = container(id="d", spec=spec)
    [slot], _ = assign_slots(state, observed(twin, settled, odd, stopped))
    assert slot.wanted == settled
    assert [each.id for each in slot.superseded] == ["d", "b", "a"]


def test_a_slot_without_a_container_has_nothing_to_mend_or_attach() -> None:
    [slot], _ = assign_slots(desired(service(networks=["back"])), observed())
    assert slot.mend() == slot.attach({"back": "prod_back"}) == []

"""From a file to specs and order: what needs a new container, and what does not."""

from dataclasses import replace

import pytest

from moorline.core.desired import (
    StoredFile,
    Workload,
    build_desired,
    container_name,
    mounted_targets,
    with_specs,
)
from moorline.core.model import Attachment, Dependency, FileMount, HealthPolicy, Hook, Service
from moorline.core.strategy import BlueGreen, Job
from tests.core.builders import desired, environment, image, needs, network, service

TOKEN = FileMount(kind="secret", source="token", target="/run/secrets/token")
BASE = service(networks=["back"], files=(TOKEN,))


def spec(of: Service = BASE, *, version: str = "1", internal: bool = False) -> str:
    made = environment(of, networks=[network("back", body={"Internal": internal})])
    files = {mount: StoredFile(version=version, path="/run/x") for mount in of.files}
    [workload] = build_desired(made, commit="c", blob="b", files=files).workloads
    return workload.spec


@pytest.mark.parametrize(
    "changed",
    [
        replace(BASE, image=image("web", "2")),
        replace(BASE, config={"Env": ["A=1"]}),
        replace(BASE, host_config={"Memory": 1}),
        replace(BASE, container_name="web"),
        replace(BASE, networks=()),
        replace(BASE, networks=(Attachment(network="back", aliases=("www",)),)),
        replace(BASE, files=()),
        replace(BASE, files=(replace(TOKEN, mode=0o400),)),
        replace(BASE, post_start=(Hook(command=("warm",)),)),
        replace(BASE, pre_stop=(Hook(command=("drain",)),)),
        replace(BASE, stop_grace_period=1.0),
    ],
)
def test_what_a_container_is_made_of_changes_its_spec(changed: Service) -> None:
    assert spec(changed) != spec()


def test_the_content_of_a_secret_changes_the_spec() -> None:
    assert spec(version="2") != spec()


def test_the_settings_of_a_network_change_the_spec_of_who_joins_it() -> None:
    assert spec(internal=True) != spec()


@pytest.mark.parametrize(
    "changed",
    [
        replace(BASE, replicas=3),
        replace(BASE, depends_on=(Dependency(service="db", required=False),)),
        replace(BASE, health=HealthPolicy(deadline=7.0)),
        replace(BASE, image=replace(BASE.image, tag="same-digest")),
    ],
)
def test_what_needs_no_new_container_does_not(changed: Service) -> None:
    assert spec(changed) == spec()


def test_who_shares_a_namespace_changes_with_its_owner() -> None:
    sidecar = service("log", shares={"NetworkMode": "web"})
    one, two = (desired(sidecar, service("web", tag)) for tag in "12")
    assert one.workload("log") != two.workload("log")


def test_stored_files_are_mounted_read_only() -> None:
    files = {TOKEN: StoredFile(version="1", path="/run/token")}
    [workload] = build_desired(environment(BASE), commit="c", blob="b", files=files).workloads
    assert workload.mounts == (
        {
            "Type": "bind",
            "Source": "/run/token",
            "Target": "/run/secrets/token",
            "ReadOnly": True,
        },
    )


def test_a_file_that_nobody_stored_is_the_callers_mistake() -> None:
    with pytest.raises(KeyError):
        build_desired(environment(BASE), commit="c", blob="b", files={})


def test_dependencies_and_owners_come_first_and_the_rest_in_file_order() -> None:
    made = desired(
        service("e"),
        service("a", depends_on=(needs("b"), needs("c"), needs("not-there", required=False))),
        service("b", shares={"NetworkMode": "d", "IpcMode": "d"}),
        service("c"),
        service("d"),
    )
    assert [each.name for each in made.workloads] == ["e", "d", "b", "c", "a"]


def test_a_desired_state_names_its_pins_and_specs() -> None:
    made = desired(service("web"), service("api", "2"))
    assert made.name == "prod"
    assert made.pins == {"web": image("web", "1").pin, "api": image("api", "2").pin}
    assert made.specs == {each.spec for each in made.workloads}
    assert made.workload("nobody") is None


def test_a_job_is_what_somebody_waits_for_to_complete() -> None:
    condition = "service_completed_successfully"
    made = desired(service("web", depends_on=(needs("job", condition),)), service("job"))
    assert made.awaited_to_complete("job")
    assert not made.awaited_to_complete("web")


def test_going_back_is_to_the_very_containers_that_were_proven() -> None:
    made = with_specs(desired(service("web"), service("api")), {"web": "proven"})
    assert made.workload("web").spec == "proven"
    assert made.workload("api") == desired(service("web"), service("api")).workload("api")


def test_a_container_is_named_as_compose_names_it_unless_the_file_does() -> None:
    assert container_name("prod", service("web"), 2) == "prod-web-2"
    assert container_name("prod", service("web", container_name="shop"), 1) == "shop"


def test_places_that_the_file_fills_are_known() -> None:
    host_config = {
        "Mounts": [
            {"Type": "volume", "Source": "prod_data", "Target": "/data"},
            {"Type": "volume", "Target": "/anonymous"},
            {"Type": "tmpfs", "Target": "/scratch"},
            "not a mount",
        ],
        "Binds": ["/etc/app:/config:ro", "/anonymous-bind"],
        "Tmpfs": {"/tmp": ""},
    }
    workload = Workload(
        service=service(host_config=host_config),
        spec="",
        mounts=({"Type": "bind", "Source": "/run/t", "Target": "/run/secrets/t"},),
    )
    assert mounted_targets(workload) == {"/data", "/config", "/tmp", "/run/secrets/t"}
    assert mounted_targets(Workload(service=service(), spec="")) == frozenset()
    odd = service(host_config={"Mounts": "x", "Binds": None, "Tmpfs": ["/tmp"]})
    assert mounted_targets(Workload(service=odd, spec="")) == frozenset()


def test_a_service_is_found_by_its_name() -> None:
    made = environment(service("web"), service("api"))
    assert made.service("api").name == "api"
    with pytest.raises(KeyError):
        made.service("nobody")


def test_the_images_of_jobs_are_among_those_that_are_needed() -> None:
    job = Job(name="migrate", when="before", image=image("tool"))
    assert desired(service(jobs=(job,))).images == {image("web").pin, image("tool").pin}


def test_whoever_lives_in_the_namespace_of_one_that_moves_beside_moves_so_too() -> None:
    side = service("side", shares={"NetworkMode": "web"})
    state = desired(service(strategy=BlueGreen()), side, service("other"))
    beside = [name for name in ("web", "side", "other", "nobody") if state.moves_beside(name)]
    assert beside == ["web", "side"]

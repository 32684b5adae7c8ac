"""What every engine owes the agent: the fake and the real one alike."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from moorline.adapters.ports import EngineEvent
from moorline.core.labels import resource_labels
from moorline.core.model import Hook, ObservedContainer
from moorline.errors import Conflict, EngineRefused, NotFound
from tests.adapters.engine_worlds import World, eventually, fake_world, real_world


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.engine)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "fake":
        yield fake_world()
        return
    with real_world(request.getfixturevalue("images"), docker_config=tmp_path) as world:
        yield world


def observed(world: World) -> dict[str, ObservedContainer]:
    found = world.engine.observe(world.project, ()).containers
    return {container.name.removeprefix(f"{world.project}-"): container for container in found}


def published(port: str) -> dict[str, Any]:
    return {"PortBindings": {"3000/tcp": [{"HostIp": "127.0.0.1", "HostPort": port}]}}


# --- looking ------------------------------------------------------------------------------------


def test_the_engine_names_its_version(world: World) -> None:
    info = world.engine.info()
    assert info.version
    assert tuple(int(part) for part in info.api.split(".")) >= (1, 41)


def test_a_container_of_ours_is_observed_with_its_labels(world: World) -> None:
    made = world.create()
    [seen] = world.engine.observe(world.project, ()).containers
    assert seen == ObservedContainer(
        id=made,
        name=world.name("web"),
        service="web",
        number=1,
        state="created",
        spec="5" * 64,
        pin=world.image("plain").pin,
        commit="c0ffee",
        networks=frozenset({"bridge"}),
        stop_grace_period=3,
    )
    assert seen.ours


def test_a_job_of_ours_is_observed_as_one(world: World) -> None:
    labels = {"moorline.job": "migrate", "com.docker.compose.oneoff": "True"}
    ours = world.body()["Labels"]
    assert isinstance(ours, dict)
    world.create(Labels={**ours, **labels})
    assert observed(world)["web"].job == "migrate"
    assert observed(world)["web"].service == "web"


def test_the_addresses_of_a_running_container_are_observed(world: World) -> None:
    made = world.create()
    assert observed(world)["web"].addresses == {}
    world.engine.start(made)
    assert observed(world)["web"].addresses.keys() == {"bridge"}
    assert observed(world)["web"].addresses == world.engine.inspect(made).addresses
    world.engine.stop(made, grace=1)
    assert observed(world)["web"].addresses == {}


def test_another_tools_container_is_observed_as_foreign(world: World) -> None:
    labels = {"com.docker.compose.project": world.project, "com.docker.compose.service": "db"}
    world.create("db", Labels=labels)
    assert not observed(world)["db"].ours
    assert observed(world)["db"].service == "db"


def test_another_tools_one_off_container_is_not_observed(world: World) -> None:
    labels = {
        "com.docker.compose.project": world.project,
        "com.docker.compose.oneoff": "True",
    }
    world.create("shell", Labels=labels)
    assert observed(world) == {}


def test_another_projects_container_is_not_observed(world: World) -> None:
    world.create(Labels={"com.docker.compose.project": f"{world.project}-other"})
    assert observed(world) == {}


def test_a_containers_life_is_observed(world: World) -> None:
    made = world.create()
    states = [observed(world)["web"].state]
    world.engine.start(made)
    states.append(observed(world)["web"].state)
    world.hands.pause(made)
    states.append(observed(world)["web"].state)
    world.engine.unpause(made)
    states.append(observed(world)["web"].state)
    world.hands.kill(made)
    eventually(lambda: observed(world)["web"].state == "exited")
    assert states == ["created", "running", "paused", "running"]
    assert observed(world)["web"].exit_code == 137


def test_networks_and_volumes_are_observed_with_our_labels(world: World) -> None:
    labels = dict(resource_labels(world.project, "abc"))
    world.engine.create_network(world.name("net"), {"Labels": labels})
    world.engine.create_network(world.name("foreign"), {})
    world.engine.create_volume(world.name("data"), {"Labels": labels})
    seen = world.engine.observe(world.project, ())
    networks = {each.name: (each.spec, each.environment) for each in seen.networks}
    assert networks[world.name("net")] == ("abc", world.project)
    assert networks[world.name("foreign")] == ("", "")
    assert networks.keys() >= {"bridge", "host", "none"}
    assert (world.name("data"), "abc") in {(each.name, each.spec) for each in seen.volumes}


def test_of_the_pins_asked_for_those_on_the_host_are_observed(world: World) -> None:
    plain, healthy = world.image("plain").pin, world.image("healthy").pin
    world.start()
    pins = {plain, healthy, world.missing.pin}
    assert world.engine.observe(world.project, pins).images == {plain, healthy}
    assert world.engine.observe(world.project, {healthy}).images == {healthy}


def test_the_ports_of_a_running_container_are_observed(world: World) -> None:
    port = world.port()
    made = world.start(HostConfig=published(port))
    assert observed(world)["web"].host_ports == {f"{port}/tcp"}
    world.engine.stop(made, grace=1)
    assert observed(world)["web"].host_ports == frozenset()


def test_a_missing_container_cannot_be_inspected(world: World) -> None:
    with pytest.raises(NotFound):
        world.engine.inspect(world.name("none"))


def test_an_inspection_tells_what_the_list_does_not(world: World) -> None:
    world.engine.create_network(world.name("net"), {})
    mounts = [{"Type": "volume", "Source": world.name("data"), "Target": "/data"}]
    made = world.start(
        HostConfig={"NetworkMode": world.name("net"), "Mounts": mounts, "Memory": 64 << 20},
        NetworkingConfig={"EndpointsConfig": {world.name("net"): {"Aliases": ["web"]}}},
    )
    seen = world.engine.inspect(world.name("web"))
    assert (seen.id, seen.name, seen.state) == (made, world.name("web"), "running")
    assert seen.volumes == {"/data": world.name("data")}
    assert seen.addresses.keys() == {world.name("net")}
    assert seen.host_config["Memory"] == 64 << 20
    assert seen.labels["moorline.commit"] == "c0ffee"
    assert (seen.health, seen.healthcheck, seen.restart_count) == ("", {}, 0)


def test_host_networking_gives_no_address_of_its_own(world: World) -> None:
    made = world.start(HostConfig={"NetworkMode": "host"})
    assert world.engine.inspect(made).addresses == {}
    assert observed(world)["web"].networks == {"host"}


def test_a_healthcheck_comes_to_its_verdict(world: World) -> None:
    good = world.start("good", "healthy")
    assert world.engine.inspect(good).health in {"starting", "healthy"}
    bad = world.start("bad", "unhealthy")
    eventually(lambda: world.engine.inspect(good).health == "healthy")
    eventually(lambda: world.engine.inspect(bad).health == "unhealthy")
    assert {name: each.health for name, each in observed(world).items()} == {
        "good": "healthy",
        "bad": "unhealthy",
    }
    assert world.engine.inspect(bad).health_output


def test_the_services_healthcheck_is_merged_over_the_images(world: World) -> None:
    check = {"Interval": 5_000_000_000}
    made = world.create(variant="healthy", Healthcheck=check)
    effective = world.engine.inspect(made).healthcheck
    assert effective["Interval"] == 5_000_000_000
    assert effective["Timeout"] == 2_000_000_000


def test_a_healthcheck_that_is_switched_off_is_none(world: World) -> None:
    made = world.start(variant="healthy", Healthcheck={"Test": ["NONE"]})
    seen = world.engine.inspect(made)
    assert (seen.healthcheck, seen.health) == ({}, "")


def test_an_exit_is_seen_with_its_code(world: World) -> None:
    made = world.start(variant="crash")
    eventually(lambda: world.engine.inspect(made).state == "exited")
    assert world.engine.inspect(made).exit_code == 3
    assert observed(world)["web"].exit_code == 3


def test_a_crash_loop_shows_in_the_restart_count(world: World) -> None:
    made = world.start(variant="crash", HostConfig={"RestartPolicy": {"Name": "always"}})
    eventually(lambda: world.engine.inspect(made).restart_count >= 2)
    eventually(lambda: world.engine.inspect(made).state == "restarting")


def test_logs_are_the_last_lines_of_both_streams(world: World) -> None:
    made = world.start(variant="crash")
    eventually(lambda: world.engine.inspect(made).state == "exited")
    lines = world.engine.logs(made, lines=50)
    assert sorted(lines) == ["cannot go on", "variant=crash version=1"]
    assert world.engine.logs(made, lines=1) == lines[-1:]


def test_a_container_that_never_ran_has_no_logs(world: World) -> None:
    assert world.engine.logs(world.create(), lines=10) == ()


def test_the_logs_of_a_missing_container_are_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        world.engine.logs(world.name("none"), lines=10)


# --- images, networks, volumes ------------------------------------------------------------------


def test_a_pull_brings_the_image_and_reports_its_layers(world: World) -> None:
    image = world.image("slow")
    world.hands.forget(image)
    assert world.engine.observe(world.project, {image.pin}).images == frozenset()
    reported: dict[str, str] = {}
    world.engine.pull(image, lambda seen: reported.update({seen.layer: seen.status}))
    assert world.engine.observe(world.project, {image.pin}).images == {image.pin}
    assert set(reported.values()) <= {"Pull complete", "Already exists"}
    assert reported


def test_an_image_that_does_not_exist_cannot_be_pulled(world: World) -> None:
    with pytest.raises(NotFound):
        world.engine.pull(world.missing, lambda _: None)


def test_a_second_network_of_the_same_name_is_a_conflict(world: World) -> None:
    world.engine.create_network(world.name("net"), {})
    with pytest.raises(Conflict):
        world.engine.create_network(world.name("net"), {})


def test_removing_a_network_twice_is_fine(world: World) -> None:
    world.engine.create_network(world.name("net"), {})
    world.engine.remove_network(world.name("net"))
    world.engine.remove_network(world.name("net"))
    names = {each.name for each in world.engine.observe(world.project, ()).networks}
    assert world.name("net") not in names


def test_a_network_in_use_is_not_removed(world: World) -> None:
    world.engine.create_network(world.name("net"), {})
    world.start(HostConfig={"NetworkMode": world.name("net")})
    with pytest.raises(EngineRefused):
        world.engine.remove_network(world.name("net"))


def test_creating_a_volume_twice_is_fine(world: World) -> None:
    for _ in range(2):
        world.engine.create_volume(world.name("data"), {})
    names = [each.name for each in world.engine.observe(world.project, ()).volumes]
    assert names.count(world.name("data")) == 1


# --- containers ---------------------------------------------------------------------------------


def test_a_taken_name_is_a_conflict(world: World) -> None:
    world.create()
    with pytest.raises(Conflict):
        world.create()


def test_a_container_of_an_absent_image_is_not_created(world: World) -> None:
    with pytest.raises(NotFound):
        world.engine.create_container(world.name("web"), world.body(Image=str(world.missing)))
    assert observed(world) == {}


def test_starting_what_runs_is_fine(world: World) -> None:
    made = world.start()
    world.engine.start(made)
    world.engine.start(world.name("web"))
    assert observed(world)["web"].state == "running"


def test_a_missing_container_cannot_be_started(world: World) -> None:
    with pytest.raises(NotFound):
        world.engine.start(world.name("none"))


def test_a_start_without_its_network_fails(world: World) -> None:
    made = world.create(HostConfig={"NetworkMode": world.name("none")})
    with pytest.raises(NotFound):
        world.engine.start(made)


def test_a_port_that_is_taken_is_refused_and_the_start_can_be_repeated(world: World) -> None:
    port = world.port()
    old = world.start("old", HostConfig=published(port))
    new = world.create("new", HostConfig=published(port))
    with pytest.raises(EngineRefused, match="port is already allocated") as caught:
        world.engine.start(new)
    assert caught.value.mend
    assert world.engine.inspect(new).state == "created"
    assert world.engine.inspect(new).exit_code == 128
    assert "port is already allocated" in world.engine.inspect(new).error
    world.engine.stop(old, grace=1)
    world.engine.start(new)
    assert world.engine.inspect(new).error == ""
    assert observed(world)["new"].state == "running"


def test_a_namespace_is_shared_with_a_running_container_only(world: World) -> None:
    owner = world.start("owner")
    guest = world.create("guest", HostConfig={"NetworkMode": f"container:{owner}"})
    world.engine.start(guest)
    assert world.engine.inspect(guest).addresses == {}
    assert observed(world)["guest"].networks == frozenset()
    world.engine.stop(guest, grace=1)
    world.engine.stop(owner, grace=1)
    with pytest.raises(Conflict):
        world.engine.start(guest)


def test_stopping_is_fine_whatever_the_state(world: World) -> None:
    made = world.create()
    world.engine.stop(made, grace=1)
    assert observed(world)["web"].state == "created"
    world.engine.start(made)
    for _ in range(2):
        world.engine.stop(made, grace=5)
        assert observed(world)["web"].state == "exited"
    world.engine.stop(world.name("none"), grace=1)


def test_a_paused_container_can_be_stopped(world: World) -> None:
    made = world.start()
    world.hands.pause(made)
    world.engine.stop(made, grace=1)
    assert observed(world)["web"].state == "exited"


def test_a_crash_looping_container_can_be_retired(world: World) -> None:
    made = world.start(variant="crash", HostConfig={"RestartPolicy": {"Name": "always"}})
    eventually(lambda: world.engine.inspect(made).restart_count >= 1)
    world.engine.stop(made, grace=1)
    eventually(lambda: world.engine.inspect(made).state == "exited")
    world.engine.set_restart_policy(made, {"Name": "no"})


def test_removing_is_fine_whatever_the_state(world: World) -> None:
    created, running = world.create("a"), world.start("b")
    for container in (created, running, running, world.name("none")):
        world.engine.remove(container)
    assert observed(world) == {}


def test_removing_a_container_keeps_its_volumes(world: World) -> None:
    mounts = [{"Type": "volume", "Source": world.name("data"), "Target": "/data"}]
    world.engine.remove(world.start(HostConfig={"Mounts": mounts}))
    names = {each.name for each in world.engine.observe(world.project, ()).volumes}
    assert world.name("data") in names


def test_a_container_takes_a_free_name_or_its_own(world: World) -> None:
    made = world.start()
    world.engine.rename(made, world.name("api"))
    world.engine.rename(made, world.name("api"))
    assert observed(world).keys() == {"api"}


def test_a_container_cannot_take_anothers_name(world: World) -> None:
    made = world.create()
    world.create("other")
    with pytest.raises(Conflict):
        world.engine.rename(made, world.name("other"))
    with pytest.raises(NotFound):
        world.engine.rename(world.name("none"), world.name("free"))


def test_unpausing_what_runs_is_fine(world: World) -> None:
    made = world.start()
    world.engine.unpause(made)
    assert observed(world)["web"].state == "running"


def test_the_restart_policy_is_changed_in_place(world: World) -> None:
    made = world.start(HostConfig={"RestartPolicy": {"Name": "always"}})
    world.engine.set_restart_policy(made, {"Name": "no"})
    policy = world.engine.inspect(made).host_config["RestartPolicy"]
    assert isinstance(policy, dict)
    assert policy["Name"] == "no"
    assert observed(world)["web"].state == "running"


def test_networks_are_attached_and_detached(world: World) -> None:
    net = world.name("net")
    world.engine.create_network(net, {})
    made = world.start()
    for _ in range(2):
        world.engine.connect(net, made, {"Aliases": ["web"]})
        assert observed(world)["web"].networks == {"bridge", net}
        assert world.engine.inspect(made).addresses.keys() == {"bridge", net}
    for _ in range(2):
        world.engine.disconnect(net, made)
        assert observed(world)["web"].networks == {"bridge"}


def test_detaching_what_is_gone_is_fine(world: World) -> None:
    made = world.start()
    world.engine.disconnect(world.name("none"), made)
    world.engine.create_network(world.name("net"), {})
    world.engine.disconnect(world.name("net"), world.name("none"))
    assert observed(world)["web"].state == "running"


def test_a_missing_network_or_container_cannot_be_connected(world: World) -> None:
    made = world.start()
    with pytest.raises(NotFound):
        world.engine.connect(world.name("none"), made, {})
    with pytest.raises(NotFound):
        world.engine.connect("bridge", world.name("none"), {})


def test_a_hook_answers_with_its_code_and_output(world: World) -> None:
    made = world.start()
    hook = Hook(command=("sh", "-c", "echo said; echo cried >&2; exit 7"))
    code, output = world.engine.run_hook(made, hook)
    # the engine does not promise which of the two streams comes first
    assert (code, sorted(output.splitlines())) == (7, ["cried", "said"])


def test_a_hook_needs_a_running_container(world: World) -> None:
    made = world.create()
    with pytest.raises(Conflict):
        world.engine.run_hook(made, Hook(command=("true",)))
    with pytest.raises(NotFound):
        world.engine.run_hook(world.name("none"), Hook(command=("true",)))


# --- events -------------------------------------------------------------------------------------


class Listener:
    """Collects events on a thread until the stream ends."""

    def __init__(self, world: World) -> None:
        self.stream = world.engine.events()
        self.events: list[EngineEvent] = []
        self.thread = threading.Thread(target=self._collect)
        self.thread.start()

    def _collect(self) -> None:
        # one by one, so that the test sees them as they come
        for event in self.stream:
            self.events.append(event)

    def of(self, project: str) -> list[str]:
        return [each.action for each in self.events if each.project == project]

    def last(self, project: str) -> EngineEvent:
        return [each for each in self.events if each.project == project][-1]

    def close(self) -> None:
        self.stream.close()
        self.thread.join(timeout=10)
        assert not self.thread.is_alive()


@pytest.fixture
def listener(world: World) -> Iterator[Listener]:
    listener = Listener(world)
    yield listener
    listener.close()


def test_closing_ends_a_blocked_iteration(listener: Listener) -> None:
    listener.close()


def test_what_happens_to_a_container_is_an_event(world: World, listener: Listener) -> None:
    made = world.start()
    world.engine.rename(made, world.name("api"))
    world.engine.set_restart_policy(made, {"Name": "no"})
    world.hands.pause(made)
    world.engine.unpause(made)
    world.hands.kill(made)
    world.engine.remove(made)
    eventually(lambda: "destroy" in listener.of(world.project))
    assert listener.of(world.project) == [
        "start",
        "rename",
        "update",
        "pause",
        "unpause",
        "kill",
        "die",
        "destroy",
    ]
    assert replace(listener.last(world.project), at=0.0) == EngineEvent(
        kind="container",
        action="destroy",
        id=made,
        name=world.name("api"),
        project=world.project,
    )


def test_a_death_that_nobody_asked_for_has_no_kill_before_it(
    world: World, listener: Listener
) -> None:
    began = time.time() - 1
    world.engine.stop(world.start(), grace=0)
    world.start("brief", "crash")
    eventually(lambda: observed(world)["brief"].state == "exited")
    eventually(lambda: listener.of(world.project).count("die") == 2)
    # SIGTERM, and SIGKILL once the grace ran out
    actions = [each for each in listener.of(world.project) if each in {"kill", "die"}]
    assert actions[-2:] == ["die", "die"]
    assert set(actions[:-2]) == {"kill"}
    moments = [each.at for each in listener.events if each.project == world.project]
    assert began <= moments[0] <= moments[-1] <= time.time()


def test_a_container_outside_any_project_makes_no_event(world: World, listener: Listener) -> None:
    stranger = world.start("stranger", Labels={})
    world.start("web")
    eventually(lambda: "start" in listener.of(world.project))
    seen = {each.id for each in listener.events if each.kind == "container"}
    assert stranger not in seen


def test_a_network_taken_off_a_container_is_an_event(world: World, listener: Listener) -> None:
    net = world.name("net")
    world.engine.create_network(net, {})
    made = world.start()
    world.engine.connect(net, made, {})
    world.engine.disconnect(net, made)
    world.engine.remove_network(net)

    def of_the_network() -> list[str]:
        # a detachment by force is reported twice
        return list(dict.fromkeys(each.action for each in listener.events if each.name == net))

    eventually(lambda: "destroy" in of_the_network())
    assert of_the_network() == ["connect", "disconnect", "destroy"]
    attached = {e.id for e in listener.events if e.name == net and e.action != "destroy"}
    assert attached == {made}

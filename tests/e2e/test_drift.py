"""What somebody changes by hand is put back within one event.

The poll interval is ten minutes here: whatever is repaired in time, an event of the engine led to.
"""

import subprocess
from collections.abc import Callable

import pytest

from moorline.core.image import ImageRef
from tests.e2e.stage import Daemon, Stage, eventually, plain
from tests.parts.images import Images

pytestmark = pytest.mark.engine


@pytest.fixture
def image(images: Images) -> ImageRef:
    return images("plain")


@pytest.fixture
def daemon(stage: Stage, image: ImageRef) -> Daemon:
    """A daemon in step with one service, `web`."""
    stage.configure(poll="10m")
    running = stage.start()
    stage.deploy({"web": plain(image, cpus=0.5, restart="unless-stopped")})
    running.wait_for("is in step")
    return running


def docker(*words: str) -> None:
    subprocess.run(["docker", *words], check=True, capture_output=True)


def repaired(stage: Stage, look: Callable[[], object], what: str) -> None:
    """Wait until `look` finds it well, and a record says what was done."""
    seconds = eventually(look, f"{what} to be repaired")
    print(f"\n{what}: {seconds * 1000:.0f} ms")
    eventually(lambda: stage.deployments()[-1][1] == "repaired", f"a record of {what}")


@pytest.mark.parametrize("words", [["rm", "-f"], ["stop", "-t", "1"], ["kill"]])
def test_a_container_that_goes_away_comes_back(
    stage: Stage, daemon: Daemon, image: ImageRef, words: list[str]
) -> None:
    assert daemon.alive
    docker(*words, f"{stage.environment}-web-1")
    repaired(stage, lambda: stage.settled("web", image), f"docker {words[0]}")


def test_a_stopped_container_is_started_and_not_made_anew(
    stage: Stage, daemon: Daemon, image: ImageRef
) -> None:
    assert daemon.alive
    before = stage.container("web")["Id"]
    docker("stop", "-t", "1", f"{stage.environment}-web-1")
    repaired(stage, lambda: stage.settled("web", image), "docker stop")
    assert stage.container("web")["Id"] == before
    assert stage.container("web")["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"


def test_a_renamed_container_gets_its_name_back(
    stage: Stage, daemon: Daemon, image: ImageRef
) -> None:
    assert daemon.alive
    before = stage.container("web")
    docker("rename", f"{stage.environment}-web-1", f"{stage.environment}-other")
    repaired(stage, lambda: stage.settled("web", image), "docker rename")
    after = stage.container("web")
    assert after["Id"] == before["Id"]
    assert after["State"]["StartedAt"] == before["State"]["StartedAt"]


def test_a_paused_container_goes_on(stage: Stage, daemon: Daemon) -> None:
    assert daemon.alive
    docker("pause", f"{stage.environment}-web-1")
    repaired(stage, lambda: not stage.container("web")["State"]["Paused"], "docker pause")


def test_a_changed_restart_policy_is_set_back_in_place(stage: Stage, daemon: Daemon) -> None:
    assert daemon.alive
    before = stage.ids()
    docker("update", "--restart", "no", f"{stage.environment}-web-1")

    def policy() -> bool:
        found = stage.container("web")["HostConfig"]["RestartPolicy"]["Name"]
        return bool(found == "unless-stopped")

    repaired(stage, policy, "docker update --restart")
    assert stage.ids() == before


def test_changed_limits_are_put_back(stage: Stage, daemon: Daemon, image: ImageRef) -> None:
    assert daemon.alive
    docker("update", "--cpus", "0.25", f"{stage.environment}-web-1")

    def limits() -> bool:
        well = stage.container("web")["HostConfig"]["NanoCpus"] == 500_000_000
        return well and stage.settled("web", image)

    repaired(stage, limits, "docker update --cpus")


def test_a_detached_network_is_attached_with_its_alias(stage: Stage, daemon: Daemon) -> None:
    assert daemon.alive
    network, name = f"{stage.environment}_default", f"{stage.environment}-web-1"
    before = stage.ids()
    docker("network", "disconnect", network, name)

    def attached() -> bool:
        networks = stage.container("web")["NetworkSettings"]["Networks"]
        return "web" in (networks.get(network, {}).get("Aliases") or ())

    repaired(stage, attached, "docker network disconnect")
    assert stage.ids() == before


def test_a_network_that_is_not_in_the_file_is_detached(stage: Stage, daemon: Daemon) -> None:
    assert daemon.alive
    docker("network", "connect", "bridge", f"{stage.environment}-web-1")

    def detached() -> bool:
        return list(stage.container("web")["NetworkSettings"]["Networks"]) == [
            f"{stage.environment}_default"
        ]

    repaired(stage, detached, "docker network connect")


def test_a_container_of_another_tool_is_left_alone(
    stage: Stage, daemon: Daemon, image: ImageRef
) -> None:
    labels = [
        f"com.docker.compose.project={stage.environment}",
        "com.docker.compose.service=guest",
    ]
    name = f"{stage.environment}-guest-1"
    options = [word for label in labels for word in ("--label", label)]
    docker("run", "--detach", "--name", name, *options, str(image), "/serve")
    before = stage.ids()[f"/{name}"]
    # it is nobody's service yet, so it is in nobody's way
    first = stage.deploy({"web": plain(image), "worker": plain(image)})
    assert stage.ids()[f"/{name}"] == before
    # and once it is, moorline would take over, and waits for a person instead
    stage.push({"web": plain(image), "worker": plain(image), "guest": plain(image)})
    stage.wait_trouble("was not made by moorline")
    assert stage.ids()[f"/{name}"] == before
    assert stage.memory()["proven"]["commit"] == first
    docker("rm", "--force", name)
    eventually(lambda: stage.settled("guest", image), "the hold to be lifted by that")
    assert daemon.alive


def test_drift_is_repaired_at_once_while_the_file_is_invalid(
    stage: Stage, daemon: Daemon, image: ImageRef
) -> None:
    stage.push_text("services: [\n")
    stage.wait_trouble(f"{stage.path}:")
    daemon.wait_for("error")
    for _ in range(3):
        docker("rm", "-f", f"{stage.environment}-web-1")
        repaired(stage, lambda: stage.settled("web", image), "docker rm")


def test_two_tools_that_undo_each_other_do_not_spin(
    stage: Stage, daemon: Daemon, image: ImageRef
) -> None:
    docker("rm", "-f", f"{stage.environment}-web-1")
    for _ in range(4):
        eventually(lambda: stage.settled("web", image), "the repair")
        docker("rm", "-f", f"{stage.environment}-web-1")
    eventually(lambda: stage.settled("web", image), "the last repair")
    eventually(lambda: daemon.log.count("repaired") >= 5, "each on record")

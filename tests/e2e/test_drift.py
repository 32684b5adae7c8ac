"""What somebody changes by hand is put back within one event.

The poll interval is ten minutes here: whatever is repaired in time, an event of the engine led to.
"""

import subprocess
from collections.abc import Callable, Iterator

import pytest

from moorline.core.image import ImageRef
from tests.e2e.stage import Stage, eventually, plain
from tests.parts.images import Images

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def image(images: Images) -> ImageRef:
    return images("plain")


@pytest.fixture(scope="module")
def host(image: ImageRef, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A host in step with one service, `web`; each test leaves it as it was."""
    made = Stage(tmp_path_factory.mktemp("drift"))
    made.configure(poll="10m")
    made.start()
    made.deploy({"web": plain(image, cpus=0.5, restart="unless-stopped")})
    wait_in_step(made)
    yield made
    made.close()


def wait_in_step(stage: Stage) -> None:
    """Wait until the daemon has nothing more to do. Tags may still follow: they have a thread of
    their own.
    """
    daemon = stage.daemons[-1]

    def last_cycle() -> str:
        return [line for line in daemon.log.splitlines() if '"event": "cycle"' in line][-1]

    eventually(lambda: "is in step" in last_cycle(), "a quiet daemon")


def docker(*words: str) -> None:
    subprocess.run(["docker", *words], check=True, capture_output=True)


def repaired(stage: Stage, words: list[str], look: Callable[[], object]) -> None:
    """Do it by hand, and wait until `look` finds it well and a record says so."""
    records = len(stage.deployments())
    docker(*words)
    seconds = eventually(look, f"docker {' '.join(words)} to be repaired")
    print(f"\ndocker {words[0]}: repaired after {seconds * 1000:.0f} ms")
    eventually(lambda: len(stage.deployments()) > records, "a record")
    assert stage.deployments()[-1][1] == "repaired"
    wait_in_step(stage)


@pytest.mark.parametrize("words", [["rm", "-f"], ["stop", "-t", "1"], ["kill"]])
def test_a_container_that_goes_away_comes_back(
    host: Stage, image: ImageRef, words: list[str]
) -> None:
    repaired(host, [*words, f"{host.environment}-web-1"], lambda: host.settled("web", image))


def test_a_stopped_container_is_started_and_not_made_anew(host: Stage, image: ImageRef) -> None:
    before = host.container("web")["Id"]
    words = ["stop", "-t", "1", f"{host.environment}-web-1"]
    repaired(host, words, lambda: host.settled("web", image))
    after = host.container("web")
    assert after["Id"] == before
    assert after["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"


def test_a_renamed_container_gets_its_name_back(host: Stage, image: ImageRef) -> None:
    before = host.ids()
    words = ["rename", f"{host.environment}-web-1", f"{host.environment}-other"]
    repaired(host, words, lambda: host.settled("web", image))
    assert host.ids() == before


def test_a_paused_container_goes_on(host: Stage) -> None:
    before = host.ids()
    words = ["pause", f"{host.environment}-web-1"]
    repaired(host, words, lambda: not host.container("web")["State"]["Paused"])
    assert host.ids() == before


def test_a_changed_restart_policy_is_set_back_in_place(host: Stage) -> None:
    before = host.ids()

    def well() -> bool:
        policy = host.container("web")["HostConfig"]["RestartPolicy"]
        return bool(policy["Name"] == "unless-stopped")

    repaired(host, ["update", "--restart", "no", f"{host.environment}-web-1"], well)
    assert host.ids() == before


def test_changed_limits_are_put_back(host: Stage, image: ImageRef) -> None:
    def well() -> bool:
        limit = host.container("web")["HostConfig"]["NanoCpus"]
        return host.settled("web", image) and limit == 500_000_000

    repaired(host, ["update", "--cpus", "0.25", f"{host.environment}-web-1"], well)


def test_a_detached_network_is_attached_with_its_alias(host: Stage) -> None:
    network, before = f"{host.environment}_default", host.ids()

    def well() -> bool:
        networks = host.container("web")["NetworkSettings"]["Networks"]
        return "web" in (networks.get(network, {}).get("Aliases") or ())

    repaired(host, ["network", "disconnect", network, f"{host.environment}-web-1"], well)
    assert host.ids() == before


def test_a_network_that_is_not_in_the_file_is_detached(host: Stage) -> None:
    before = host.ids()

    def well() -> bool:
        networks = host.container("web")["NetworkSettings"]["Networks"]
        return list(networks) == [f"{host.environment}_default"]

    repaired(host, ["network", "connect", "bridge", f"{host.environment}-web-1"], well)
    assert host.ids() == before


def test_someone_who_undoes_repairs_is_answered_each_time(host: Stage, image: ImageRef) -> None:
    for _ in range(4):
        repaired(
            host, ["rm", "-f", f"{host.environment}-web-1"], lambda: host.settled("web", image)
        )


def test_an_invalid_file_does_not_slow_repairs_down(stage: Stage, image: ImageRef) -> None:
    stage.configure(poll="10m")
    stage.start()
    stage.deploy({"web": plain(image)})
    stage.push_text("services: [\n")
    stage.wait_trouble(f"{stage.path}:")
    for _ in range(3):
        docker("rm", "-f", f"{stage.environment}-web-1")
        eventually(lambda: stage.settled("web", image), "the repair")


def test_a_container_of_another_tool_is_left_alone(stage: Stage, image: ImageRef) -> None:
    stage.configure(poll="10m")
    stage.start()
    stage.deploy({"web": plain(image)})
    name = f"{stage.environment}-guest-1"
    project = f"com.docker.compose.project={stage.environment}"
    labels = ["--label", project, "--label", "com.docker.compose.service=guest"]
    docker("run", "--detach", "--name", name, *labels, str(image), "/serve")
    before = stage.ids()[f"/{name}"]
    # it is nobody's service yet, so it is in nobody's way
    first = stage.deploy({"web": plain(image), "worker": plain(image)})
    assert stage.ids()[f"/{name}"] == before
    # and once it is, moorline would take over, and waits for a person instead
    stage.push({"web": plain(image), "worker": plain(image), "guest": plain(image)})
    stage.wait_trouble("moorline did not make")
    assert stage.ids()[f"/{name}"] == before
    assert stage.memory()["proven"]["commit"] == first
    docker("rm", "--force", name)
    eventually(lambda: stage.settled("guest", image), "the hold to be lifted by that")

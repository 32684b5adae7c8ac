"""The images of a host: room before a pull, and what is left on the disk after rollouts."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from moorline.adapters.ports import DiskSpace
from moorline.agent.durable.memory import MemoryFile, Proven
from moorline.agent.durable.pulled import PulledFile
from moorline.agent.images import before_pull, clean_images
from moorline.core.desired import Desired
from moorline.core.image import ImageRef
from moorline.core.images import keep_tag
from moorline.core.strategy import Job
from moorline.errors import Conflict, EngineUnreachable, Interrupted, StorageFailed
from tests.agent.world import World
from tests.core.builders import desired, digest, service

GIB = 1024**3


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def image(version: str, name: str = "web") -> ImageRef:
    return ImageRef.parse(f"r.io/acme/{name}:{version}").pinned(digest(f"{name}:{version}"))


def pull(world: World, image: ImageRef, environment: str = "production") -> None:
    """As the executor does."""
    before_pull(world.host, environment, image)
    world.engine.registry.add(image.pin)
    world.engine.pull(image, lambda _: None)


def prove(world: World, *images: ImageRef, environment: str = "production") -> Desired:
    """Remember a state as proven; its services are called as their images are."""
    services = {each.repository.rpartition("/")[2]: each for each in images}
    pins = {name: each.pin for name, each in services.items()}
    file = MemoryFile(Path(world.config.state_dir), environment)
    proven = Proven(commit=str(sorted(pins.items())), blob="", specs={}, pins=pins)
    file.save(file.load().proven_anew(proven))
    made = (service(name, image=each) for name, each in services.items())
    return desired(*made, name=environment)


def deploy(world: World, *images: ImageRef, environment: str = "production") -> None:
    """Pull what is missing, prove, clear away."""
    for each in images:
        if each.pin not in world.engine.images:
            pull(world, each, environment)
    clean_images(world.host, prove(world, *images, environment=environment))


def configured(world: World, **fields: object) -> None:
    """Start with another configuration."""
    world.config = msgspec.structs.replace(world.config, **fields)
    world.start()


def pins(*versions: str, name: str = "web") -> set[str]:
    return {image(version, name).pin for version in versions}


def tags(*versions: str, environment: str = "production") -> set[str]:
    return {keep_tag(environment, "web", image(version).pin) for version in versions}


def remembered(world: World) -> set[str]:
    return set(PulledFile(Path(world.config.state_dir)).load().pins)


def run_container(world: World, image: ImageRef, name: str = "somebodys") -> str:
    """A container of nobody's environment."""
    return world.engine.create_container(name, {"Image": str(image)})


# --- what stays and what goes -------------------------------------------------------------------


def test_the_last_three_stay_with_a_tag_each(world: World) -> None:
    for version in "12345":
        deploy(world, image(version))
    assert world.engine.images == pins("3", "4", "5") == remembered(world)
    assert set(world.engine.tags) == tags("3", "4", "5")


def test_going_back_makes_an_older_one_the_newest(world: World) -> None:
    for version in "12314":
        deploy(world, image(version))
    assert world.engine.images == pins("4", "1", "3")


@pytest.mark.parametrize(("keep", "left"), [(1, "5"), (2, "45"), (9, "12345")])
def test_how_many_stay_is_a_setting(world: World, keep: int, left: str) -> None:
    configured(world, images=msgspec.structs.replace(world.config.images, keep=keep))
    for version in "12345":
        deploy(world, image(version))
    assert world.engine.images == pins(*left)


def test_a_service_that_seldom_changes_keeps_its_own_last_three(world: World) -> None:
    for version in "1234":
        deploy(world, image("w"), image(version, "db"))
    # more than the memory of proven states holds
    for number in range(30):
        deploy(world, image(f"w{number}"), image("4", "db"))
    kept = pins("2", "3", "4", name="db") | pins("w27", "w28", "w29")
    assert world.engine.images == kept


def test_a_service_that_was_taken_out_keeps_what_can_still_come_back(world: World) -> None:
    deploy(world, image("0"), image("1", "db"))
    deploy(world, image("0"))
    assert world.engine.images == pins("0") | pins("1", name="db")
    for number in range(30):
        deploy(world, image(str(number)))
    assert world.engine.images == pins("27", "28", "29")


def test_images_of_others_are_left_alone(world: World) -> None:
    theirs, also_theirs = image("theirs"), image("also")
    world.engine.images |= {theirs.pin, also_theirs.pin}
    deploy(world, theirs)
    world.engine.tags["mine:1"] = digest("nowhere").value
    for version in "1234":
        deploy(world, image(version))
    assert world.engine.images == pins("theirs", "also", "2", "3", "4")
    assert set(world.engine.tags) == tags("2", "3", "4") | {"mine:1"}


def test_one_of_ours_that_a_person_named_stays_until_the_name_goes(world: World) -> None:
    deploy(world, image("1"))
    world.engine.tag_image(image("1").pin.rpartition("@")[2], "mine:1")
    for version in "2345":
        deploy(world, image(version))
    assert world.engine.images == pins("1", "3", "4", "5")
    assert set(world.engine.tags) == tags("3", "4", "5") | {"mine:1"}
    del world.engine.tags["mine:1"]
    deploy(world, image("5"))
    assert world.engine.images == pins("3", "4", "5")


def test_what_a_container_uses_stays_until_it_is_gone(world: World) -> None:
    deploy(world, image("1"))
    container = run_container(world, image("1"))
    for version in "2345":
        deploy(world, image(version))
    assert world.engine.images == pins("1", "3", "4", "5")
    world.engine.remove(container)
    deploy(world, image("5"))
    assert world.engine.images == pins("3", "4", "5")


def test_an_image_that_was_found_here_is_not_ours_because_a_pull_of_it_failed_once(
    world: World,
) -> None:
    before_pull(world.host, "production", image("1"))  # and the registry was away
    deploy(world, image("2"))
    world.engine.images.add(image("1").pin)  # a person brought it
    deploy(world, image("3"))
    assert world.engine.images == pins("1", "2", "3")


def test_the_image_of_a_job_stays_as_long_as_the_file_names_it(world: World) -> None:
    deploy(world, image("1"))
    job = Job(name="migrate", when="before", image=image("tool", "tools"))
    pull(world, job.image)
    state = prove(world, image("1"))
    with_job = replace(state.workloads[0].service, jobs=(job,))
    clean_images(world.host, desired(with_job, name="production"))
    assert world.engine.images == pins("1") | {job.image.pin}
    deploy(world, image("1"))
    assert world.engine.images == pins("1")


# --- several environments -----------------------------------------------------------------------


def test_an_image_stays_for_any_environment_of_the_host(world: World) -> None:
    configured(world, environments=("production", "staging"))
    deploy(world, image("1"), environment="staging")
    for version in "12345":
        deploy(world, image(version))
    assert world.engine.images == pins("1", "3", "4", "5")
    assert set(world.engine.tags) == tags("3", "4", "5") | tags("1", environment="staging")


def test_what_was_proven_before_this_was_kept_track_of_counts(world: World) -> None:
    configured(world, environments=("production", "staging"))
    prove(world, image("1"), environment="staging")
    for version in "12345":
        deploy(world, image(version))
    assert world.engine.images == pins("1", "3", "4", "5")


def test_what_another_rollout_pulled_waits_for_its_end(world: World) -> None:
    configured(world, environments=("production", "staging"))
    pull(world, image("9"), "staging")
    deploy(world, image("1"))
    assert world.engine.images == pins("1", "9")
    deploy(world, image("8"), environment="staging")
    assert world.engine.images == pins("1", "8")


def test_an_environment_taken_off_the_host_leaves_only_what_is_used(world: World) -> None:
    configured(world, environments=("production", "staging"))
    for version in "123":
        deploy(world, image(version), environment="staging")
    run_container(world, image("3"))
    configured(world, environments=("production",))
    deploy(world, image("9"))
    assert world.engine.images == pins("3", "9")
    assert set(world.engine.tags) == tags("9")


# --- trouble ------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("after_effect", [True, False])
def test_whoever_is_killed_in_between_finishes_the_next_time(
    tmp_path: Path, *, after_effect: bool
) -> None:
    reached = True
    number = 0
    while reached:
        number += 1
        world = World(tmp_path / str(number))
        for version in "123":
            deploy(world, image(version))
        pull(world, image("4"))
        pull(world, image("failed"))
        state = prove(world, image("4"))
        reached = _killed_at(world, number, after_effect=after_effect, state=state)
        world.start()
        clean_images(world.host, state)
        assert world.engine.images == pins("2", "3", "4") == remembered(world)
        assert set(world.engine.tags) == tags("2", "3", "4")
    assert number > 5


def _killed_at(world: World, number: int, *, after_effect: bool, state: Desired) -> bool:
    """Clear away and be killed at the engine's n-th call; False where there is no such call."""
    left = number

    def on_call(method: str) -> None:
        nonlocal left
        left -= 1
        if left:
            return
        if not after_effect:
            raise Killed
        world.engine.fail_next(method, Killed(), after_effect=True)  # type: ignore[arg-type]

    world.engine.on_call = on_call
    try:
        clean_images(world.host, state)
    except Killed:
        return True
    finally:
        world.engine.on_call = lambda _: None
    return False


def test_an_engine_that_is_away_is_no_trouble_for_the_rollout(world: World) -> None:
    for version in "123":
        deploy(world, image(version))
    for method in ("local_images", "tag_image", "remove_image_name"):
        world.engine.fail_next(method, EngineUnreachable("away"))
    deploy(world, image("4"))
    assert world.engine.images == pins("1", "2", "3", "4")
    for _ in range(3):
        deploy(world, image("4"))
    assert world.engine.images == pins("2", "3", "4")


def test_one_image_that_cannot_go_does_not_hold_up_the_others(world: World) -> None:
    for version in "123":
        deploy(world, image(version))
    pull(world, image("failed"))
    world.engine.fail_next("remove_image_name", Conflict("somebody just started one"))
    deploy(world, image("4"))
    assert len(world.engine.images) == 4
    deploy(world, image("4"))
    assert world.engine.images == pins("2", "3", "4") == remembered(world)


def test_a_daemon_that_is_told_to_stop_leaves_off_between_two_images(world: World) -> None:
    def stop() -> None:
        raise Interrupted("told to stop")

    pull(world, image("failed"))
    world.check_stop = stop
    with pytest.raises(Interrupted):
        deploy(world, image("1"))
    world.check_stop = lambda: None
    deploy(world, image("1"))
    assert world.engine.images == pins("1")


def test_a_damaged_memory_removes_nothing_and_says_what_to_do(world: World) -> None:
    for version in "123":
        deploy(world, image(version))
    path = Path(world.config.state_dir) / "images.json"
    path.write_text("{")
    clean_images(world.host, prove(world, image("9")))
    assert world.engine.images == pins("1", "2", "3")
    with pytest.raises(StorageFailed, match=r"images\.json is damaged.*remove it"):
        before_pull(world.host, "production", image("4"))


def test_pulls_at_the_same_time_are_all_remembered(world: World) -> None:
    images = [image(str(number)) for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda each: before_pull(world.host, "production", each), images))
    assert remembered(world) == {each.pin for each in images}


# --- room ---------------------------------------------------------------------------------------


def test_a_pull_that_would_leave_too_little_room_is_refused_with_the_shortfall(
    world: World,
) -> None:
    world.engine.disk = DiskSpace(path="/var/lib/docker", free=429_496_730)
    with pytest.raises(StorageFailed) as raised:
        before_pull(world.host, "production", image("1"))
    assert raised.value.message == (
        f"production: pulling {image('1')}: /var/lib/docker has 0.4 GiB free, "
        "min_free_disk is 1 GiB: 0.6 GiB short"
    )
    assert "docker system df" in raised.value.mend
    assert remembered(world) == set()


@pytest.mark.parametrize(
    ("minimum", "disk"),
    [
        ("1GiB", None),
        ("1GiB", DiskSpace(path="/d", free=GIB)),
        ("0", DiskSpace(path="/d", free=0)),
        ("512MiB", DiskSpace(path="/d", free=GIB // 2)),
    ],
)
def test_enough_room_is_enough(world: World, minimum: str, disk: DiskSpace | None) -> None:
    settings = msgspec.structs.replace(world.config.images, min_free_disk=minimum)
    configured(world, images=settings)
    world.engine.disk = disk
    before_pull(world.host, "production", image("1"))
    assert remembered(world) == pins("1")

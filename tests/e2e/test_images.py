"""The images on a host after many rollouts: the way back stays, the rest goes."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from moorline.core.image import ImageRef
from moorline.core.images import keep_tag
from tests.e2e.stage import Stage, eventually, plain
from tests.parts.images import Images, build
from tests.parts.registry import running_registry

pytestmark = pytest.mark.engine


@dataclass
class Shop:
    """A registry of this test alone, with images that no other test has."""

    images: Images
    close: Callable[[], object]
    word: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    def version(self, number: int) -> ImageRef:
        """A version that is in the registry, and not on the host."""
        image = self.images("plain", f"{self.word}.{number}")
        self.images.remove(image)
        return image


@pytest.fixture
def shop(stage: Stage) -> Iterator[Shop]:
    registry = ExitStack()
    images = Images(registry.enter_context(running_registry()))
    with registry:
        yield Shop(images, registry.close)
    stage.end_daemons()
    for container in stage.api.containers(all=True, filters={"name": stage.environment}):
        stage.api.remove_container(container["Id"], force=True)
    for tag in stage.kept():
        stage.api.remove_image(tag)
    images.close()


def ids(stage: Stage) -> dict[str, str]:
    """Pin → id of every image on the host."""
    return {pin: each["Id"] for each in stage.api.images() for pin in each["RepoDigests"] or ()}


def test_the_way_back_stays_and_nothing_else_that_was_pulled(stage: Stage, shop: Shop) -> None:
    used, named, gone, *kept = versions = [shop.version(number) for number in range(6)]
    bystander = shop.version(99)
    stage.api.pull(bystander.name, tag=str(bystander.digest))
    own = f"moorline-test/{stage.environment}:mine"
    build(own, variant="plain", version=f"{shop.word}.own")
    stage.start()
    for version in versions:
        stage.deploy({"web": plain(version)})
        if version is used:
            stage.api.create_container(used.pin, name=f"{stage.environment}-somebodys")
        if version is named:
            stage.api.tag(named.pin, f"moorline-test/{stage.environment}", "theirs")
    here = ids(stage)
    assert {each.pin for each in versions} & here.keys() == {
        each.pin for each in (used, named, *kept)
    }
    assert gone.pin not in here
    assert bystander.pin in here
    assert stage.api.images(own)

    # what 'docker image prune' would take
    dangling = {each["Id"] for each in stage.api.images(filters={"dangling": True})}
    assert not dangling & {here[each.pin] for each in kept}
    assert stage.kept() == sorted(keep_tag(stage.environment, "web", each.pin) for each in kept)

    shop.close()  # the registry is away, and the way back is still open
    for back_to in (kept[0], kept[1]):
        stage.deploy({"web": plain(back_to)})
        stage.wait_settled("web", back_to)
    assert {each.pin for each in kept} <= ids(stage).keys()

    stage.api.remove_container(f"{stage.environment}-somebodys")
    stage.api.remove_image(f"moorline-test/{stage.environment}:theirs")
    stage.deploy({"web": plain(kept[2])})
    assert {each.pin for each in versions} & ids(stage).keys() == {each.pin for each in kept}
    stage.api.remove_image(own)


def test_a_pull_without_room_for_it_touches_nothing(stage: Stage, shop: Shop) -> None:
    old, new = shop.version(1), shop.version(2)
    daemon = stage.start()
    stage.deploy({"web": plain(old)})
    before = stage.ids()
    stage.configure(extra='[images]\nmin_free_disk = "900TiB"\n')
    daemon.reload()
    daemon.wait_for("reloaded")
    stage.push({"web": plain(new)})
    stage.wait_trouble("min_free_disk is 900 TiB: ")
    assert "short; free space there" in stage.memory()["trouble"]
    assert stage.ids() == before
    stage.configure()
    daemon.reload()
    eventually(lambda: stage.settled("web", new), "the rollout to go on")

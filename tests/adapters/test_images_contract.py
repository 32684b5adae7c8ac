"""What every engine owes whoever keeps house with its images: the fake and the real one alike.

The real one has other images than a test's: a test looks only for those of its own.
"""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from moorline.core.image import ImageRef
from moorline.core.images import HostImage
from moorline.errors import Conflict, NotFound
from tests.adapters.engine_worlds import World, fake_world, real_world
from tests.parts.images import Images, remove

VERSION = uuid4().hex[:10]


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.engine)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "fake":
        yield fake_world()
        return
    images: Images = request.getfixturevalue("images")
    with real_world(images, docker_config=tmp_path) as world:
        # of these tests alone: another run may have given the same content other names
        world.image = lambda variant: images(variant, VERSION)
        # built here, it has a name that no pull gave it
        remove(world.image("plain"))
        yield world
        world.engine.remove_image_name(tag(world))
    remove(world.image("plain"))


@pytest.fixture
def image(world: World) -> ImageRef:
    """An image that is on the host by its digest alone, as a pull leaves it."""
    image = world.image("plain")
    world.engine.pull(image, lambda _: None)
    return image


def found(world: World, image: ImageRef) -> HostImage | None:
    return next((each for each in world.engine.local_images() if image.pin in each.pins), None)


def seen(world: World, image: ImageRef) -> HostImage:
    here = found(world, image)
    assert here is not None
    return here


def tag(world: World, word: str = "1") -> str:
    return f"moorline.local/keep/{world.project}/web:{word}"


def test_a_pulled_image_is_listed_by_its_pin(world: World, image: ImageRef) -> None:
    here = seen(world, image)
    assert here.pins == {image.pin}
    assert here.tags == frozenset()
    assert here.size > 0
    assert not here.in_use


def test_images_are_listed_in_one_order(world: World, image: ImageRef) -> None:
    assert found(world, image)
    listed = [each.id for each in world.engine.local_images()]
    assert listed == sorted(set(listed))


@pytest.mark.parametrize("started", [True, False])
def test_a_container_uses_its_image_whether_it_runs_or_not(
    world: World, image: ImageRef, *, started: bool
) -> None:
    made = world.start() if started else world.create()
    assert seen(world, image).in_use
    world.engine.remove(made)
    assert not seen(world, image).in_use


def test_a_tag_is_one_more_name(world: World, image: ImageRef) -> None:
    for _ in range(2):
        world.engine.tag_image(seen(world, image).id, tag(world))
    here = seen(world, image)
    assert here.pins == {image.pin}
    assert here.tags == {tag(world)}
    world.engine.remove_image_name(tag(world))
    assert seen(world, image).tags == frozenset()


def test_what_is_not_there_cannot_be_tagged(world: World) -> None:
    with pytest.raises(NotFound):
        world.engine.tag_image(f"sha256:{'0' * 64}", tag(world))


def test_with_its_last_name_an_image_goes(world: World, image: ImageRef) -> None:
    world.engine.tag_image(seen(world, image).id, tag(world))
    world.engine.remove_image_name(image.pin)
    named = [each for each in world.engine.local_images() if tag(world) in each.tags]
    assert [each.pins for each in named] == [frozenset()]
    world.engine.remove_image_name(tag(world))
    assert all(each.id != named[0].id for each in world.engine.local_images())


def test_a_name_that_is_gone_is_fine(world: World, image: ImageRef) -> None:
    world.engine.remove_image_name(image.pin)
    world.engine.remove_image_name(image.pin)
    world.engine.remove_image_name(tag(world))
    assert found(world, image) is None


@pytest.mark.parametrize("started", [True, False])
def test_the_last_name_of_a_used_image_is_not_removed(
    world: World, image: ImageRef, *, started: bool
) -> None:
    made = world.start() if started else world.create()
    with pytest.raises(Conflict):
        world.engine.remove_image_name(image.pin)
    assert seen(world, image).in_use
    world.engine.remove(made)


def test_the_last_tag_of_a_repository_takes_its_digests_along(
    world: World, image: ImageRef
) -> None:
    name = f"{image.name}:{world.project}"
    world.engine.tag_image(seen(world, image).id, tag(world))
    world.engine.tag_image(seen(world, image).id, name)
    world.engine.remove_image_name(name)
    assert found(world, image) is None
    world.engine.remove_image_name(tag(world))

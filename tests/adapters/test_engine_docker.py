"""What the fake engine cannot show: time, threads, descriptors, credentials, noise."""

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from moorline.adapters.engine import DockerEngine
from moorline.adapters.engine.hooks import TIMED_OUT, payloads
from moorline.core.image import ImageRef
from moorline.core.model import Hook
from moorline.errors import AccessDenied, RegistryUnreachable
from tests.adapters.engine_worlds import SOCKET, World, eventually, real_world
from tests.parts.images import Images, build, push
from tests.parts.registry import login, running_registry

pytestmark = pytest.mark.engine


@pytest.fixture
def world(images: Images, tmp_path: Path) -> Iterator[World]:
    with real_world(images, docker_config=tmp_path) as world:
        yield world


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # counted, not used as paths


def test_observing_keeps_no_descriptors(world: World) -> None:
    world.engine.observe(world.project, {world.missing.pin})
    before = descriptors()
    for _ in range(200):
        world.engine.observe(world.project, {world.missing.pin})
    assert descriptors() == before


def test_subscriptions_pulls_and_hooks_keep_no_descriptors(world: World) -> None:
    made = world.start()
    image = world.image("plain")

    def round_trip() -> None:
        stream = world.engine.events()
        stream.close()
        assert list(stream) == []
        world.engine.pull(image, lambda _: None)
        world.engine.run_hook(made, Hook(command=("true",)))

    round_trip()
    before = descriptors()
    for _ in range(20):
        round_trip()
    assert descriptors() == before


def test_a_closed_engine_holds_nothing_and_can_be_used_again(world: World) -> None:
    world.engine.close()
    before = descriptors()
    world.engine.info()
    assert descriptors() > before
    world.engine.close()
    assert descriptors() == before


def test_sixteen_threads_share_one_engine(world: World) -> None:
    made = [world.create(f"web-{number}") for number in range(40)]
    engine = DockerEngine(SOCKET)
    with ThreadPoolExecutor(16) as pool:
        seen = pool.map(lambda container: engine.inspect(container).state, made * 20)
        assert set(seen) == {"created"}
    engine.close()


def test_a_stop_may_take_longer_than_other_calls(world: World) -> None:
    made = world.start(Cmd=["sh", "-c", "trap '' TERM; echo deaf; sleep 100 & wait"])
    eventually(lambda: world.engine.logs(made, lines=1) == ("deaf",))
    engine = DockerEngine(SOCKET, timeout=1)
    began = time.monotonic()
    engine.stop(made, grace=1.5)
    assert time.monotonic() - began >= 1.5
    assert engine.inspect(made).exit_code == 137
    engine.close()


def test_healthcheck_probes_make_no_events(world: World) -> None:
    stream = world.engine.events()
    made = world.start(variant="healthy")
    seen: list[str] = []
    for event in stream:
        if event.id == made and event.kind == "container":
            seen.append(event.action)
        if "health_status: healthy" in seen:
            break
    stream.close()
    assert seen == ["start", "health_status: healthy"]


def test_a_hook_that_runs_too_long_is_given_up(world: World) -> None:
    made = world.start()
    engine = DockerEngine(SOCKET, hook_limit=0.3)
    silent = engine.run_hook(made, Hook(command=("sh", "-c", "echo begun; sleep 100")))
    assert silent == (TIMED_OUT, "begun\n\n(still running after 0.3 s)")
    chatty = engine.run_hook(made, Hook(command=("yes",)))
    assert chatty[0] == TIMED_OUT
    engine.close()


def test_of_a_hooks_output_the_end_is_kept(world: World) -> None:
    made = world.start()
    code, text = world.engine.run_hook(
        made, Hook(command=("sh", "-c", "yes line | head -n 20000; echo last"))
    )
    assert (code, len(text), text[-5:]) == (0, 4096, "last\n")


def test_a_hook_gets_its_user_folder_and_environment(world: World) -> None:
    made = world.start()
    hook = Hook(
        command=("sh", "-c", "id -u; pwd; echo $GREETING"),
        user="65534",
        working_dir="/www",
        environment=("GREETING=hello",),
    )
    assert world.engine.run_hook(made, hook) == (0, "65534\n/www\nhello\n")


def test_a_program_that_is_not_there_is_a_failed_hook(world: World) -> None:
    made = world.start()
    code, text = world.engine.run_hook(made, Hook(command=("no-such-program",)))
    assert code != 0
    assert "no-such-program" in text


@pytest.mark.parametrize(
    "chunks",
    [
        [b"\x01\0\0\0\0\0\0\x03abc\x02\0\0\0\0\0\0\x02de"],
        [b"\x01\0\0\0\0\0", b"\0\x03a", b"bc\x02", b"\0\0\0\0\0\0\x02d", b"e"],
    ],
)
def test_frames_are_put_together_however_they_arrive(chunks: list[bytes]) -> None:
    assert list(payloads(chunks)) == [b"abc", b"de"]


def test_output_that_is_not_text_is_shown_all_the_same(world: World) -> None:
    made = world.start(Cmd=["sh", "-c", "printf 'caf\\303\\251 \\377\\r\\nend'"], Tty=True)
    eventually(lambda: world.engine.inspect(made).state == "exited")
    assert world.engine.logs(made, lines=10) == ("café \N{REPLACEMENT CHARACTER}", "end")


def test_a_registry_with_passwords_is_pulled_from_with_them(world: World, tmp_path: Path) -> None:
    with running_registry(guarded=True) as address:
        tag = f"{address}/moorline-test/guarded:1"
        login(tmp_path, address)
        build(tag, variant="plain")
        image = ImageRef.parse(tag).pinned(push(tag, docker_config=tmp_path))
        world.hands.forget(image)
        (tmp_path / "config.json").unlink()
        with pytest.raises(AccessDenied, match=f"docker login {address}"):
            world.engine.pull(image, lambda _: None)
        login(tmp_path, address)
        world.engine.pull(image, lambda _: None)
        assert world.engine.observe(world.project, {image.pin}).images == {image.pin}
        world.hands.forget(image)
    with pytest.raises(RegistryUnreachable):
        world.engine.pull(image, lambda _: None)


def test_three_pulls_of_one_image_at_once_all_succeed(world: World) -> None:
    image = world.image("slow")
    world.hands.forget(image)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: world.engine.pull(image, lambda _: None), range(3)))
    assert world.engine.observe(world.project, {image.pin}).images == {image.pin}


def test_an_event_stream_does_not_keep_calls_waiting(world: World) -> None:
    streams = [world.engine.events() for _ in range(8)]
    threads = [threading.Thread(target=list, args=(stream,)) for stream in streams]
    for thread in threads:
        thread.start()
    assert world.engine.info().version
    for stream in streams:
        stream.close()
    for thread in threads:
        thread.join(timeout=10)
        assert not thread.is_alive()

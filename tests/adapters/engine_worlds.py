"""The two engines that one contract test is run against, each with hands to disturb it."""

import itertools
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from moorline.adapters.engine import DockerEngine
from moorline.adapters.ports import Engine
from moorline.core.image import Digest, ImageRef
from moorline.core.labels import Retirement, container_labels
from moorline.core.values import Json
from tests.fakes.engine import FakeEngine, Script
from tests.parts.images import Images, Variant, remove

SOCKET = "unix:///var/run/docker.sock"
DEADLINE = 30.0


def eventually(condition: Callable[[], bool], *, deadline: float = DEADLINE) -> None:
    """Wait until `condition` holds, and fail after `deadline` seconds."""
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.02)


class Hands(Protocol):
    """What a person or another tool does behind moorline's back."""

    def pause(self, container: str) -> None: ...

    def kill(self, container: str) -> None: ...

    def forget(self, image: ImageRef) -> None:
        """Take an image off the host, leaving it in the registry."""
        ...


@dataclass
class World:
    """An engine under test. Everything in it is called `<project>…` and removed afterwards."""

    engine: Engine
    hands: Hands
    image: Callable[[Variant], ImageRef]
    project: str = field(default_factory=lambda: f"moorline-test-{uuid4().hex[:10]}")
    _ports: Iterator[int] = field(default_factory=lambda: itertools.count(28511))

    @property
    def missing(self) -> ImageRef:
        """A pin in a repository that exists, of a manifest that does not."""
        return self.image("plain").pinned(Digest(f"sha256:{'0' * 64}"))

    def name(self, suffix: str) -> str:
        return f"{self.project}-{suffix}"

    def port(self) -> str:
        """A host port that no other test uses."""
        return str(next(self._ports))

    def body(
        self, service: str = "web", variant: Variant = "plain", **config: Json
    ) -> dict[str, Json]:
        """A create request with our labels; `config` adds or replaces keys."""
        image = self.image(variant)
        labels = container_labels(
            environment=self.project,
            service=service,
            number=1,
            commit="c0ffee",
            spec="5" * 64,
            pin=image.pin,
            retirement=Retirement(restarts=False, grace=3),
            shares={},
        )
        return {"Image": str(image), "Labels": labels, **config}

    def create(self, service: str = "web", variant: Variant = "plain", **config: Json) -> str:
        """Create `<project>-<service>` and return its id."""
        body = self.body(service, variant, **config)
        return self.engine.create_container(self.name(service), body)

    def start(self, service: str = "web", variant: Variant = "plain", **config: Json) -> str:
        """Create and start `<project>-<service>` and return its id."""
        created = self.create(service, variant, **config)
        self.engine.start(created)
        return created


class _FakeHands:
    def __init__(self, engine: FakeEngine) -> None:
        self.pause = engine.pause
        self.kill: Callable[[str], None] = engine.kill
        self._engine = engine

    def forget(self, image: ImageRef) -> None:
        self._engine.images.discard(image.pin)


class _RealHands:
    def forget(self, image: ImageRef) -> None:
        remove(image)

    def pause(self, container: str) -> None:
        _docker("pause", container)

    def kill(self, container: str) -> None:
        _docker("kill", container)


_SCRIPTS: Mapping[Variant, Script] = {
    "healthy": Script(behaviour="healthy", after=2),
    "unhealthy": Script(behaviour="unhealthy", after=2),
    "slow": Script(behaviour="healthy", after=5),
    "crash": Script(behaviour="exits", logs=("variant=crash version=1", "cannot go on")),
    "plain": Script(logs=("variant=plain version=1",)),
}


def fake_world() -> World:
    """A FakeEngine that has all images, which behave like the real ones."""
    refs = {
        variant: ImageRef.parse(f"127.0.0.1:5000/moorline-test/web:{variant}-1").pinned(
            Digest(f"sha256:{number:064x}")
        )
        for number, variant in enumerate(_SCRIPTS, start=1)
    }
    pins = {ref.pin for ref in refs.values()}
    scripts = {refs[variant].pin: script for variant, script in _SCRIPTS.items()}
    engine = FakeEngine(registry=pins, scripts=scripts)
    engine.images = set(pins)
    engine.now = time.time
    engine.hook_results = {("sh", "-c", "echo said; echo cried >&2; exit 7"): (7, "said\ncried\n")}
    return World(engine=engine, hands=_FakeHands(engine), image=refs.__getitem__)


@contextmanager
def real_world(images: Images, docker_config: Path) -> Iterator[World]:
    """The machine's Docker Engine; what the test makes is removed afterwards."""
    engine = DockerEngine(SOCKET, docker_config=docker_config)
    world = World(engine=engine, hands=_RealHands(), image=images)
    try:
        yield world
    finally:
        _sweep(world.project)
        engine.close()


def _sweep(project: str) -> None:
    """Remove by name: some things of a test carry no label on purpose."""
    kinds = (
        (["ps", "-a"], ["rm", "--force", "--volumes"]),
        (["network", "ls"], ["network", "rm"]),
        (["volume", "ls"], ["volume", "rm"]),
    )
    for listing, removal in kinds:
        found = _docker(*listing, "--quiet", "--filter", f"name={project}").split()
        if found:
            _docker(*removal, *found)


def _docker(*arguments: str) -> str:
    return subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=True
    ).stdout

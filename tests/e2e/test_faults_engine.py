"""An engine that is restarted, killed or full in the middle of a rollout is no verdict on it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from moorline.core.image import ImageRef
from tests.e2e.settled import settled_well
from tests.e2e.stage import FAULTY, Stage, eventually
from tests.e2e.strategies import Strategy, each_strategy
from tests.e2e.visitor import unnoticed
from tests.parts.images import Images, build_from_scratch, push
from tests.parts.second_engine import SecondEngine, second_engine

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

PORT = 8080
"""In a network of its own, so nobody else has it."""
SMALL, BIG = "32m", 40 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """How an engine ends, when, and whether containers outlive it."""

    signal: Literal["TERM", "KILL"] = "TERM"
    live_restore: bool = False
    before: str = ""
    """A change that is about to be made; "" is in the gate."""

    def __str__(self) -> str:
        where = f"before-{self.before}" if self.before else "in-the-gate"
        return f"{self.signal.lower()}{'-live-restore' * self.live_restore}-{where}"


RESTARTS = (
    Restart(signal="TERM"),
    Restart(signal="KILL"),
    Restart(signal="TERM", live_restore=True),
    Restart(signal="KILL", live_restore=True),
    Restart(signal="TERM", live_restore=True, before="engine.start"),
    Restart(signal="KILL", before="engine.start"),
    Restart(signal="TERM", before="engine.remove"),
    Restart(signal="KILL", live_restore=True, before="engine.remove"),
)


@pytest.fixture
def disk() -> str:
    """The size of the engine's disk."""
    return "512m"


@pytest.fixture
def restart() -> Restart:
    """How the engine is going to be restarted."""
    return Restart()


@pytest.fixture
def engine(registry: str, disk: str, restart: Restart) -> Iterator[SecondEngine]:
    """An engine of this test's own that reaches the registry."""
    with second_engine(size=disk) as made:
        made.lend_port(int(registry.rpartition(":")[2]))
        made.start(live_restore=restart.live_restore)
        yield made


@pytest.fixture
def stage(folder: Path, engine: SecondEngine, ingress: str) -> Iterator[Stage]:
    """A host with that engine, which takes all that was made there with it."""
    made = Stage(folder, engine=engine.url, ingress=ingress)
    yield made
    made.end_daemons()


@pytest.fixture
def versions(images: Images) -> tuple[ImageRef, ImageRef]:
    """An old one and a new one."""
    return images("healthy", "1"), images("healthy", "2")


@each_strategy
@pytest.mark.parametrize("restart", RESTARTS, ids=str)
def test_an_engine_that_restarts(
    stage: Stage,
    engine: SecondEngine,
    versions: tuple[ImageRef, ImageRef],
    strategy: Strategy,
    restart: Restart,
) -> None:
    old, new = versions
    stage.start(FAULTY)
    first = stage.deploy(strategy.services(old, PORT, restart="always"))
    # no healthcheck: after a restart with live-restore, engines before 23.0 never run one again
    # (moby 41871)
    keys = {"healthcheck": {"disable": True}, "restart": "always"}
    services = strategy.services(new, PORT, stability="3s", **keys)
    if restart.before:
        second = stage.paused_at(restart.before, lambda: stage.push(services))
    else:
        second = stage.push(services)
        eventually(lambda: new.pin in stage.running("web"), "the new version to run")
    # without live-restore the engine takes every container along
    seamless = strategy.seamless and restart.live_restore
    with unnoticed(PORT, seamless=seamless, prefix=engine.prefix):
        engine.end(restart.signal)
        stage.unpause()
        stage.wait_trouble("the Docker Engine does not answer")
        assert stage.memory()["quarantine"] == []
        engine.start(live_restore=restart.live_restore)
        stage.wait_deployed(second)
        settled_well(stage, first, second)
    assert stage.settled("web", new)
    assert stage.settled("side", new)


class TestFull:
    @pytest.fixture
    def disk(self) -> str:
        return SMALL

    @pytest.fixture
    def big(self, registry: str) -> ImageRef:
        tag = f"{registry}/moorline-test/big:1"
        build_from_scratch(tag, {"ballast": os.urandom(BIG)}, 'CMD ["/ballast"]\n')
        return ImageRef.parse(tag).pinned(push(tag))

    @each_strategy
    def test_a_pull_that_does_not_fit_touches_nothing(
        self,
        stage: Stage,
        versions: tuple[ImageRef, ImageRef],
        big: ImageRef,
        strategy: Strategy,
    ) -> None:
        old, new = versions
        stage.start()
        first = stage.deploy(strategy.services(old, PORT))
        before = stage.ids()
        failed = stage.push(strategy.services(big, PORT))
        stage.wait_trouble("no space left on device")
        assert "docker system df" in stage.memory()["trouble"]
        assert stage.ids() == before
        assert stage.memory()["quarantine"] == []
        mended = stage.deploy(strategy.services(new, PORT))
        settled_well(stage, first, failed, mended)
        assert stage.settled("web", new)
        assert stage.record(failed)["outcome"] == "failed"

"""A world of fakes whose registry tags are looked at."""

from pathlib import Path

import msgspec

from moorline.agent.config import RegistryConfig
from moorline.agent.registry.errands import queues_of, tagger_of
from moorline.agent.registry.tagging import Tagger
from moorline.agent.registry.tagqueue import TagQueue
from moorline.agent.report import SilentReporter
from moorline.core.image import Digest, ImageRef
from tests.agent.world import World
from tests.fakes.engine import Script
from tests.fakes.registry import FakeRegistry

__all__ = ["NAME", "QUICK", "Notes", "Tags", "pin"]

NAME = "registry.example/acme/web"
QUICK = {"stability": "1s", "deadline": "5s"}


class Notes(SilentReporter):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, object]]] = []

    def note(self, event: str, /, **values: object) -> None:
        self.said.append((event, values))

    def count(self, event: str) -> int:
        return sum(said == event for said, _ in self.said)


class Tags:
    """A world's tags, and whoever moves them."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.notes = Notes()

    @property
    def registry(self) -> FakeRegistry:
        return self.world.registry

    def configure(self, *repositories: str) -> None:
        """Set `[registry] tags`."""
        registry = RegistryConfig(tags=repositories)
        self.world.config = msgspec.structs.replace(self.world.config, registry=registry)
        self.world.start()

    def deploy(self, version: str, *, deliver: bool = True) -> ImageRef:
        image = self.world.image(version, Script(behaviour="healthy"))
        self.world.deploy({"web": {"image": str(image), "x-moorline": {"health": QUICK}}})
        self.world.clock.wait(5)
        if deliver:
            self.deliver()
        return image

    def tagger(self) -> Tagger:
        return tagger_of(self.world.config, self.registry, self.notes, lambda: None)

    def deliver(self) -> float:
        return self.tagger().run(queues_of(self.world.config))

    @property
    def queue(self) -> TagQueue:
        return self.world.ledger.tags

    def found(self) -> dict[str, Digest]:
        """The environment's tags."""
        tags = self.registry.tags_of(NAME).items()
        return {tag: digest for tag, digest in tags if tag.startswith("production-")}

    def shape(self) -> list[tuple[str, Digest]]:
        """The same with the times left out, oldest first."""
        order = sorted(self.found().items())
        return [(tag.partition("-2")[0].removeprefix("production-"), each) for tag, each in order]


def pin(image: ImageRef) -> Digest:
    """The digest of a pinned image."""
    assert image.digest
    return image.digest

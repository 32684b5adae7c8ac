"""A registry in memory; it and the real one pass the same contract test."""

from moorline.core.image import Digest, ImageRef
from moorline.errors import MoorlineError, NotFound

__all__ = ["FakeRegistry"]


class FakeRegistry:
    """See the port `Registry`."""

    def __init__(self) -> None:
        self.pins: set[str] = set()
        """Manifests that are there."""
        self.tags: dict[str, Digest] = {}
        """`registry/repository:tag` → digest."""
        self.error: MoorlineError | None = None
        """While set, every call raises it."""

    def put(self, image: ImageRef) -> None:
        """Push a pinned image, moving its tag if it has one."""
        self.pins.add(image.pin)
        if image.tag and image.digest:
            self.tags[f"{image.name}:{image.tag}"] = image.digest

    def resolve(self, image: ImageRef) -> Digest:
        if self.error:
            raise self.error
        digest = image.digest or self.tags.get(f"{image.name}:{image.tag or 'latest'}")
        if digest is None or image.pinned(digest).pin not in self.pins:
            raise NotFound(f"{image}: not in the registry")
        return digest

    def exists(self, image: ImageRef) -> bool:
        try:
            self.resolve(image)
        except NotFound:
            return False
        return True

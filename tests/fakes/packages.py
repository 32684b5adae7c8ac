"""The versions of packages in memory, in front of a registry in memory."""

from collections.abc import Callable
from dataclasses import dataclass

from moorline.core.image import Digest, ImageRef
from moorline.core.manifest import Manifest
from moorline.core.retention.model import Version
from moorline.errors import MoorlineError, NotFound, RegistryRefused
from tests.fakes.registry import FakeRegistry

__all__ = ["FakePackages"]


@dataclass(frozen=True, slots=True)
class _Gone:
    version: Version
    manifest: Manifest | None


class FakePackages:
    """See the port `Packages`.

    With `github` it behaves as GitHub's API does: every version is listed and has an id, none can
    lose a single tag, and what was deleted can be restored. Without, as a plain registry does.
    """

    def __init__(self, registry: FakeRegistry, *, github: bool = True) -> None:
        self.registry = registry
        self.github = github
        self.created: dict[str, float] = {}
        """Pin → when it was pushed first; 0 where it is not said."""
        self.deleted: dict[str, _Gone] = {}
        """Pin → what can be restored."""
        self.error: MoorlineError | None = None
        """While set, every call raises it."""
        self.errors: dict[str, MoorlineError] = {}
        """Method, or method and name or pin (`delete ghcr.io/a/b@sha256:…`), → what it raises."""
        self.before_delete: Callable[[Version], None] = lambda _: None
        """Called when a deletion is asked for: for what happens at the last moment."""
        self._ids: dict[str, str] = {}

    def versions(
        self, image: ImageRef, progress: Callable[[int], None] = lambda _: None
    ) -> tuple[Version, ...]:
        self._check("versions", image.name)
        pins = [pin for pin in self.registry.pins if pin.startswith(f"{image.name}@")]
        if not pins:
            raise NotFound(f"{image.name}: no such package")
        found = [self._version(pin) for pin in pins]
        shown = [each for each in found if self.github or each.tags]
        progress(len(shown))
        return tuple(sorted(shown, key=lambda each: (-each.created, each.digest)))

    def look(self, image: ImageRef, version: Version) -> Version | None:
        pin = f"{image.name}@{version.digest}"
        self._check("look", pin)
        return self._version(pin) if pin in self.registry.pins else None

    def find(self, image: ImageRef, digest: Digest) -> Version | None:
        pin = image.pinned(digest).pin
        self._check("find", pin)
        return self._version(pin) if pin in self.registry.pins else None

    def delete(self, image: ImageRef, version: Version) -> None:
        pinned = ImageRef.parse(f"{image.name}@{version.digest}")
        self._check("delete", pinned.pin)
        self.before_delete(version)
        if not self.github:
            self.registry.delete_manifest(pinned)
            return
        if pinned.pin not in self.registry.pins:
            raise NotFound(f"{pinned}: no such version")
        manifest = self.registry.contents.get(pinned.pin)
        self.deleted[pinned.pin] = _Gone(self._version(pinned.pin), manifest)
        self.registry.drop(pinned)

    def untag(self, image: ImageRef, tag: str) -> None:
        self._check("untag", f"{image.name}:{tag}")
        if self.github:
            raise RegistryRefused(f"{image.name}:{tag}: no single tag can be deleted here")
        self.registry.delete_tag(ImageRef.parse(f"{image.name}:{tag}"))

    def restore(self, image: ImageRef, version: Version) -> None:
        pin = f"{image.name}@{version.digest}"
        self._check("restore", pin)
        if not self.github:
            raise RegistryRefused(f"{pin}: put its manifest again")
        gone = self.deleted.pop(pin, None)
        if gone is None or gone.version.id != version.id:
            raise NotFound(f"{pin}: no such deleted version")
        self._bring_back(pin, gone)

    def close(self) -> None:
        """Nothing is open."""

    def _bring_back(self, pin: str, gone: _Gone) -> None:
        pinned = ImageRef.parse(pin)
        self.registry.pins.add(pin)
        if gone.manifest:
            self.registry.contents[pin] = gone.manifest
        taken = self.registry.tags_of(pinned.name)
        for tag in gone.version.tags:
            if tag not in taken:
                self.registry.put(ImageRef.parse(f"{pinned.name}:{tag}@{pinned.digest}"))

    def _version(self, pin: str) -> Version:
        image = ImageRef.parse(pin)
        tags = self.registry.tags_of(image.name)
        number = self._ids.setdefault(pin, str(1000 + len(self._ids)))
        return Version(
            digest=str(image.digest),
            tags=tuple(sorted(tag for tag, digest in tags.items() if digest == image.digest)),
            created=self.created.get(pin, 0.0),
            id=number if self.github else "",
        )

    def _check(self, method: str, subject: str) -> None:
        error = self.error or self.errors.get(method) or self.errors.get(f"{method} {subject}")
        if error:
            raise error

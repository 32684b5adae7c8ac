"""What moorline remembers of the images on its host: `images.json` in the state directory.

It is written before a pull begins, so that whatever a crash leaves behind is known to be ours.
All environments share it, as they share the engine: who changes it holds its lock.
"""

from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from moorline.adapters.storage import read_if_there, write_durably
from moorline.agent.durable.lock import file_lock
from moorline.errors import StorageFailed

__all__ = ["Needs", "Pulled", "PulledFile"]


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """The images of one environment."""

    proven: dict[str, tuple[str, ...]] = {}
    """Service → its last proven pins, the newest first."""
    wanted: tuple[str, ...] = ()
    """Pins of its file, jobs included, and what was pulled for the rollout that is under way."""


class Pulled(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file."""

    pins: tuple[str, ...] = ()
    """Every `name@digest` that moorline pulled, or began to, and that is still here."""
    tags: tuple[str, ...] = ()
    """Every tag that it made, or was about to."""
    environments: dict[str, Needs] = {}

    def with_pull(self, environment: str, pin: str) -> "Pulled":
        """The same with a pull that is about to begin."""
        needs = self.environments.get(environment, Needs())
        wanted = _sorted(*needs.wanted, pin)
        known = {environment: msgspec.structs.replace(needs, wanted=wanted)}
        return msgspec.structs.replace(
            self, pins=_sorted(*self.pins, pin), environments=self.environments | known
        )

    def with_tags(self, *tags: str) -> "Pulled":
        """The same with tags that are about to be made."""
        return msgspec.structs.replace(self, tags=_sorted(*self.tags, *tags))

    def without(self, *names: str) -> "Pulled":
        """The same without names that are not on the host any more."""
        return msgspec.structs.replace(
            self,
            pins=tuple(each for each in self.pins if each not in names),
            tags=tuple(each for each in self.tags if each not in names),
        )


def _sorted(*names: str) -> tuple[str, ...]:
    return tuple(sorted(set(names)))


class PulledFile:
    """Loads and replaces the file, under its lock."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "images.json"

    def locked(self) -> AbstractContextManager[None]:
        """Keep every other thread and process out of the file meanwhile."""
        return file_lock(self._path)

    def load(self) -> Pulled:
        """Read it; a host that never pulled anything has an empty one."""
        data = read_if_there(self._path)
        if data is None:
            return Pulled()
        try:
            return msgspec.json.decode(data, type=Pulled)
        except msgspec.MsgspecError as error:
            mend = "remove it: images that moorline pulled so far are then never removed"
            raise StorageFailed(f"{self._path} is damaged: {error}", mend=mend) from None

    def save(self, pulled: Pulled) -> None:
        """Replace it durably; one that says so already is left alone."""
        data = msgspec.json.format(msgspec.json.encode(pulled), indent=1)
        if read_if_there(self._path) != data:
            write_durably(self._path, data)

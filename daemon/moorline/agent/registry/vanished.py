"""Whether the registry still has what is pinned and what a rollback needs: asked ahead of need.

Only an answer counts: a registry that is away or refuses us tells nothing, and what was known
before stays known.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from moorline.adapters.registry_port import Registry
from moorline.adapters.storage import read_if_there, write_durably
from moorline.agent.durable.memory import Memory
from moorline.core.image import ImageRef
from moorline.errors import MoorlineError, Transient

__all__ = ["Gone", "Needed", "Vanished", "VanishedFile", "look_for", "needed_by"]

EARLIER = 3
"""So many earlier proven states are what a rollback goes to."""
SERVES = "it can start again only as long as this host has its image"
PINNED = "it cannot be deployed: push it again, or pin one that is there"
ROLLBACK = "a rollback to it works only as long as this host has its image"


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """An image that is needed and that its registry does not have."""

    service: str
    image: str
    role: str
    means: str
    since: str
    """When that was found out; ISO 8601, UTC."""

    def __str__(self) -> str:
        what = f"{self.service}: {self.role}, {self.image}"
        return f"{what}, is gone from the registry: {self.means}"


class Vanished(msgspec.Struct, frozen=True, kw_only=True):
    """What the last look told."""

    looked: str = ""
    """When; ISO 8601, UTC."""
    gone: tuple[Gone, ...] = ()
    unknown: dict[str, str] = {}
    """Image → why nothing is known of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """An image that a service needs: `role` is what it is to it, `means` what its loss means."""

    service: str
    image: str
    role: str
    means: str


class VanishedFile:
    """What is known of one environment's images in the registry."""

    def __init__(self, state_dir: Path, environment: str) -> None:
        self._path = state_dir / "tags" / f"{environment}.vanished.json"

    def load(self) -> Vanished:
        """Read it; one that is damaged is as good as none, since all of it can be asked again."""
        data = read_if_there(self._path)
        if data is None:
            return Vanished()
        try:
            return msgspec.json.decode(data, type=Vanished)
        except msgspec.MsgspecError:
            return Vanished()

    def save(self, vanished: Vanished) -> None:
        """Replace it durably."""
        write_durably(self._path, msgspec.json.format(msgspec.json.encode(vanished), indent=1))


def needed_by(memory: Memory, pinned: Mapping[str, str]) -> tuple[Needed, ...]:
    """What an environment needs, each image of a service once: for what is proven, for what is
    `pinned` on the branch, and for going back.
    """
    needs: dict[tuple[str, str], Needed] = {}
    for each in (*_serving(memory), *_pinned(pinned), *_earlier(memory)):
        needs.setdefault((each.service, each.image), each)
    return tuple(needs.values())


def look_for(
    registry: Registry, needed: Iterable[Needed], known: Vanished, *, now: str
) -> Vanished:
    """Ask for each; what `known` tells stays true where nothing new is heard."""
    look = _Look(registry)
    before = {each.image: each.since for each in known.gone}
    gone = [
        Gone(
            service=each.service,
            image=each.image,
            role=each.role,
            means=each.means,
            since=before.get(each.image, now),
        )
        for each in needed
        if look.is_gone(each.image, before)
    ]
    return Vanished(looked=now, gone=tuple(gone), unknown=look.unknown)


class _Look:
    """One round of questions; each is asked once, and none of a registry that is away."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._there: dict[str, bool | None] = {}
        self._away: dict[str, str] = {}
        self.unknown: dict[str, str] = {}

    def is_gone(self, pin: str, before: Collection[str]) -> bool:
        if pin not in self._there:
            self._there[pin] = self._ask(ImageRef.parse(pin))
        there = self._there[pin]
        return pin in before if there is None else not there

    def _ask(self, image: ImageRef) -> bool | None:
        why = self._away.get(image.registry)
        try:
            if why is None:
                return self._registry.exists(image)
        except Transient as error:
            why = self._away[image.registry] = str(error)
        except MoorlineError as error:
            why = str(error)
        self.unknown[image.pin] = why
        return None


def _serving(memory: Memory) -> Iterator[Needed]:
    pins = memory.proven.pins if memory.proven else {}
    for service, pin in pins.items():
        yield Needed(service=service, image=pin, role="what is proven", means=SERVES)


def _pinned(pinned: Mapping[str, str]) -> Iterator[Needed]:
    for service, pin in pinned.items():
        yield Needed(service=service, image=pin, role="what is pinned", means=PINNED)


def _earlier(memory: Memory) -> Iterator[Needed]:
    now = memory.proven.pins if memory.proven else {}
    before: dict[str, str] = {}
    for state in memory.earlier[:EARLIER]:
        for service, pin in state.pins.items():
            if pin == now.get(service):
                continue
            is_last = before.setdefault(service, pin) == pin
            role = "the version before" if is_last else "an earlier version"
            yield Needed(service=service, image=pin, role=role, means=ROLLBACK)

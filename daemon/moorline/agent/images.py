"""The images of this host: room for those to come, and no end of those that were.

Rule 1: what is about to be pulled is on record first, so that it can be told from others' images.
Rule 2: images go only after a rollout was proven, and before its record is filed: whoever is
        killed in between comes back here, and finds out anew from the engine what is left to do.
Rule 3: clearing away never fails a rollout.
"""

from pathlib import Path

import msgspec

from moorline.agent.durable.memory import MemoryFile
from moorline.agent.durable.pulled import Needs, Pulled, PulledFile
from moorline.agent.host import Host
from moorline.core.desired import Desired
from moorline.core.image import ImageRef
from moorline.core.images import (
    Cleaning,
    Holdings,
    HostImage,
    clean,
    keep_tag,
    last_proven,
    references,
)
from moorline.core.sizes import parse_size, size_text
from moorline.errors import Conflict, Interrupted, MoorlineError, Stalled, StorageFailed

__all__ = ["before_pull", "clean_images"]


def before_pull(host: Host, environment: str, image: ImageRef) -> None:
    """See that there is room, and note whose image it is; raises StorageFailed."""
    _refuse_full_disk(host, f"{environment}: pulling {image}")
    file = PulledFile(Path(host.config.state_dir))
    with file.locked():
        file.save(file.load().with_pull(environment, image.pin))


def clean_images(host: Host, desired: Desired) -> None:
    """Keep what the next rollback needs, remove what nobody needs. `desired` is proven now.

    All environments are looked after: one that was taken off this host has no rollouts any more.
    """
    try:
        _Cleaner(host).run(desired)
    except Interrupted:
        raise
    except MoorlineError as error:
        host.reporter.note("images stay", environment=desired.name, error=str(error))


def _refuse_full_disk(host: Host, what: str) -> None:
    needed = parse_size(host.config.images.min_free_disk)
    space = host.engine.disk_space() if needed else None
    if space is None or space.free >= needed:
        return
    free = size_text(space.free, like=needed)
    short = size_text(needed - space.free, like=needed, up=True)
    raise StorageFailed(
        f"{what}: {space.path} has {free} free, min_free_disk is "
        f"{size_text(needed, like=needed)}: {short} short",
        mend="free space there ('docker system df' shows what fills it), or lower min_free_disk "
        "in [images]",
    )


class _Cleaner:
    """One pass over all images, under the lock of what is remembered of them."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._state_dir = Path(host.config.state_dir)
        self._file = PulledFile(self._state_dir)

    def run(self, desired: Desired) -> None:
        with self._file.locked():
            pulled = self._with_needs(self._file.load(), desired)
            if pulled.pins or pulled.tags:
                pulled = self._clean(pulled)
            self._file.save(pulled)

    def _clean(self, pulled: Pulled) -> Pulled:
        """Carry the decision out; returns what is remembered afterwards."""
        decided = clean(self._host.engine.local_images(), _holdings(pulled))
        tags = (tag for _, tag in decided.tag)
        pulled = pulled.without(*decided.forget).with_tags(*tags)
        self._file.save(pulled)
        for image, tag in decided.tag:
            self._host.engine.tag_image(image, tag)
        return pulled.without(*self._remove(decided))

    def _remove(self, decided: Cleaning) -> list[str]:
        """Remove tags and images; returns the names that are gone."""
        gone = [tag for tag in decided.untag if self._remove_name(tag)]
        for image in decided.remove:
            self._host.check_stop()
            gone += self._remove_image(image)
        return gone

    def _remove_image(self, image: HostImage) -> list[str]:
        names = references(image)
        gone = [name for name in names if self._remove_name(name)]
        if len(gone) == len(names):
            self._host.reporter.note("image removed", image=names[-1], bytes=image.size)
        return gone

    def _remove_name(self, name: str) -> bool:
        try:
            self._host.engine.remove_image_name(name)
        except (Conflict, Stalled) as error:
            # somebody uses it since we looked; the next pass looks again
            self._host.reporter.note("image stays", image=name, error=str(error))
            return False
        return True

    def _with_needs(self, pulled: Pulled, desired: Desired) -> Pulled:
        """The same with what every environment of this host needs now."""
        own = pulled.environments.get(desired.name, Needs())
        asked_for = msgspec.structs.replace(own, wanted=tuple(sorted(desired.images)))
        before = pulled.environments | {desired.name: asked_for}
        names = sorted({*self._host.config.environments, desired.name})
        needs = {name: self._needs(name, before.get(name, Needs())) for name in names}
        return msgspec.structs.replace(pulled, environments=needs)

    def _needs(self, environment: str, before: Needs) -> Needs:
        memory = MemoryFile(self._state_dir, environment).load()
        states = (memory.proven, *memory.earlier) if memory.proven else memory.earlier
        proven = last_proven(
            (state.pins for state in states), before.proven, keep=self._host.config.images.keep
        )
        return msgspec.structs.replace(before, proven=proven)


def _holdings(pulled: Pulled) -> Holdings:
    kept = {
        keep_tag(environment, service, pin): pin
        for environment, needs in pulled.environments.items()
        for service, pins in needs.proven.items()
        for pin in pins
    }
    return Holdings(
        pulled=frozenset(pulled.pins),
        tags=frozenset((*pulled.tags, *kept)),
        kept=kept,
        wanted=frozenset(pin for needs in pulled.environments.values() for pin in needs.wanted),
    )

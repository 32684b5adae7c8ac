"""Moving tags in a registry: one move, and all that wait.

Rule 1: rollback tags first, `current` last. Whoever is killed in between finds `current` where it
        was, and puts the same tags on the same digests once more.
Rule 2: `current` where it should be is the whole move done: another host may have made it, and
        its rollback tags with it.
Rule 3: a tag is put by the exact bytes of its manifest, and read back. No layer travels.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from moorline.adapters.registry_port import Registry
from moorline.agent.registry.tagqueue import TagQueue
from moorline.core.image import Digest, ImageRef
from moorline.core.tagging import TagMove, asked_for
from moorline.errors import (
    AccessDenied,
    Conflict,
    Interrupted,
    NotFound,
    RateLimited,
    RegistryRefused,
    Stalled,
    Transient,
)

__all__ = ["Carrier", "Tagger"]

Note: TypeAlias = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Carrier:
    """Carries single moves out."""

    registry: Registry
    note: Note
    check_stop: Callable[[], None] = lambda: None
    """Asked before each tag; raises Interrupted."""

    def carry_out(self, move: TagMove) -> None:
        """Raises what the port does, and Conflict where a tag reads back as something else."""
        before = self._current(move.current)
        if before == move.current.digest:
            return
        for image in _rollbacks(move, before):
            self._keep(image)
        self._put(move.current)
        self.note("tag moved", tag=str(move.current.unpinned), digest=str(move.current.digest))

    def _current(self, image: ImageRef) -> Digest | None:
        try:
            return self.registry.resolve(image.unpinned)
        except NotFound:
            return None

    def _keep(self, image: ImageRef) -> None:
        """What cannot have its rollback tag any more must not stand in the way of `current`."""
        try:
            self._put(image)
        except (NotFound, RegistryRefused) as error:
            self.note("no rollback tag", tag=str(image.unpinned), error=str(error))

    def _put(self, image: ImageRef) -> None:
        self.check_stop()
        pinned = replace(image, tag=None)
        # its bytes may still be known here when the registry has them no more
        if not self.registry.exists(pinned):
            raise NotFound(
                f"{pinned} is not in the registry",
                mend="push it again, or pin one that is there: this host may have the only copy",
            )
        self.registry.put_manifest(image.unpinned, self.registry.manifest(pinned))
        found = self.registry.resolve(image.unpinned)
        if found != image.digest:
            raise Conflict(f"{image.unpinned} reads back as {found}, and {image.digest} was put")


def _rollbacks(move: TagMove, before: Digest | None) -> tuple[ImageRef, ...]:
    inherited: tuple[ImageRef, ...] = ()
    if move.inherited and before is not None:
        inherited = (replace(move.current, tag=move.inherited, digest=before),)
    now = replace(move.current, tag=None)
    return tuple(each for each in (*inherited, *move.rollbacks) if replace(each, tag=None) != now)


@dataclass(slots=True)
class Tagger:
    """Makes the moves that wait on this host; a registry that fails keeps only its own waiting."""

    carrier: Carrier
    repositories: Sequence[str]
    """The globs of `[registry] tags`: where one says more than `*`, a refusal is a trouble."""
    _denied: set[str] = field(default_factory=set)
    """Repositories that were noted as denied."""

    def run(self, queues: Mapping[str, TagQueue]) -> float:
        """Try each move once. Returns for how many seconds a registry asked for patience."""
        away: dict[str, Transient] = {}
        for environment, queue in queues.items():
            for move in queue.waiting():
                self._try(environment, queue, move, away)
        return max((e.seconds for e in away.values() if isinstance(e, RateLimited)), default=0.0)

    def _try(
        self, environment: str, queue: TagQueue, move: TagMove, away: dict[str, Transient]
    ) -> None:
        registry = move.current.registry
        try:
            if registry in away:
                raise away[registry].with_traceback(None)
            self.carrier.carry_out(move)
        except Interrupted:
            raise
        except Conflict as error:
            queue.delayed(move, str(error))
        except Transient as error:
            away[registry] = error
            queue.delayed(move, str(error))
        except Stalled as error:
            self._refused(environment, queue, move, error)
        else:
            queue.done(move)

    def _refused(self, environment: str, queue: TagQueue, move: TagMove, error: Stalled) -> None:
        refusal = isinstance(error, (AccessDenied, RegistryRefused))
        if refusal and not asked_for(move.current, self.repositories):
            self._drop(queue, move, error)
            return
        why = f"{environment}: {move.current.unpinned} stays where it is: {error}"
        queue.refused(move, why)

    def _drop(self, queue: TagQueue, move: TagMove, error: Stalled) -> None:
        """Nobody asked for tags in this repository in particular: it may well be a stranger's."""
        queue.done(move)
        name = move.current.name
        if name not in self._denied:
            self._denied.add(name)
            mend = f"name {name} in [registry] tags to hear more of it"
            self.carrier.note("no tags here", repository=name, error=str(error), mend=mend)

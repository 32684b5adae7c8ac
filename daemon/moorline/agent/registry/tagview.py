"""The registry's tags of one environment, as the registry has them now."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from moorline.adapters.registry_port import Registry
from moorline.agent.durable.memory import Memory, Proven
from moorline.agent.registry.tagqueue import Queued
from moorline.core.image import ImageRef
from moorline.core.retention.tags import rollback_time
from moorline.core.tagging import TagMove, TagName, read_tag, tag_moves, tagged
from moorline.core.values import Json
from moorline.errors import MoorlineError, NotFound

__all__ = ["RepositoryTags", "TagLine", "tags_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TagLine:
    """One tag."""

    tag: str
    digest: str
    role: str
    """`current`, or `rollback`."""
    services: tuple[str, ...]
    since: str
    """ISO 8601, UTC: of a rollback tag, when it was replaced; "" where this host cannot know."""
    in_step: bool
    """Whether it is a rollback tag, or names what is proven on this host."""

    def as_data(self) -> dict[str, Json]:
        """The same for machines; the keys are stable."""
        return {
            "tag": self.tag,
            "digest": self.digest,
            "role": self.role,
            "services": list(self.services),
            "since": self.since or None,
            "in_step": self.in_step,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryTags:
    """The environment's tags in one repository: `current` first, then the newest."""

    repository: str
    tags: tuple[TagLine, ...] = ()
    unknown: str = ""
    """Why they are not all known."""

    def as_data(self) -> dict[str, Json]:
        """The same for machines; the keys are stable."""
        return {
            "repository": self.repository,
            "tags": [each.as_data() for each in self.tags],
            "unknown": self.unknown or None,
        }


def tags_of(
    registry: Registry,
    environment: str,
    memory: Memory,
    queue: Sequence[Queued],
    *,
    repositories: Sequence[str],
    limit: int,
) -> Iterator[RepositoryTags]:
    """Ask for each repository that this host's states of the environment use; `repositories` are
    the globs of those that are tagged, and `limit` is how many rollback tags of each are shown.
    """
    view = _View(registry, environment, memory, limit)
    moves = (each.move.current for each in queue)
    known = (ImageRef.parse(pin) for state in view.states for pin in state.pins.values())
    named = {each.name: each for each in (*known, *moves) if tagged(each, repositories)}
    for name in sorted(named):
        yield view.look(replace(named[name], tag=None, digest=None))


class _View:
    """What this host knows, to be laid beside what the registry says."""

    def __init__(self, registry: Registry, environment: str, memory: Memory, limit: int) -> None:
        self._registry = registry
        self._environment = environment
        self._limit = limit
        self.states: tuple[Proven, ...] = (
            (memory.proven, *memory.earlier) if memory.proven else memory.earlier
        )
        pins = memory.proven.pins if memory.proven else {}
        self._proven_at = memory.proven.at if memory.proven else ""
        self._services = sorted({service for state in self.states for service in state.pins})
        self._expected = {
            str(move.current.unpinned): move
            for move in tag_moves(environment, pins, pins, deployment="")
        }

    def look(self, repository: ImageRef) -> RepositoryTags:
        found: list[TagLine] = []
        try:
            for name in self._names(repository):
                line = self._line(replace(repository, tag=name.tag), name)
                found += [line] if line else []
        except NotFound:
            pass  # a repository that nothing was ever pushed to has no tags
        except MoorlineError as error:
            return RepositoryTags(
                repository=repository.name, tags=tuple(found), unknown=str(error)
            )
        return RepositoryTags(repository=repository.name, tags=tuple(found))

    def _names(self, repository: ImageRef) -> list[TagName]:
        tags = self._registry.tags(repository)
        read = (read_tag(tag, self._environment, self._services) for tag in tags)
        mine = sorted((name for name in read if name), key=lambda name: (name.time, name.tag))
        current = [name for name in mine if not name.time]
        rollbacks = [name for name in reversed(mine) if name.time]
        return [*current, *rollbacks[: self._limit]]

    def _line(self, image: ImageRef, name: TagName) -> TagLine | None:
        try:
            digest = self._registry.resolve(image)
        except NotFound:
            return None  # deleted since it was listed
        move = self._expected.get(str(image.unpinned))
        is_proven = move is not None and move.current.digest == digest
        return TagLine(
            tag=str(image),
            digest=str(digest),
            role="rollback" if name.time else "current",
            services=self._services_of(image, name, move),
            since=_replaced_at(name.tag) or (self._proven_at if is_proven else ""),
            in_step=bool(name.time) or is_proven,
        )

    def _services_of(
        self, image: ImageRef, name: TagName, move: TagMove | None
    ) -> tuple[str, ...]:
        if move is not None:
            return move.services
        if name.service:
            return (name.service,)
        users = (
            service
            for state in self.states
            for service, pin in state.pins.items()
            if ImageRef.parse(pin).name == image.name
        )
        return tuple(sorted(set(users)))


def _replaced_at(tag: str) -> str:
    """When a rollback tag was made; "" for any other one."""
    made = rollback_time(tag)
    return "" if made is None else datetime.fromtimestamp(made, UTC).isoformat()

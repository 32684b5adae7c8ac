"""Tag moves that wait for the registry: durable, one small file per environment.

There is at most one move for each tag; a newer one takes the older one's rollback tags along. So
the file stays small, however long a registry is away.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from moorline.adapters.storage import read_if_there, write_durably
from moorline.agent.durable.lock import file_lock
from moorline.core.image import ImageRef
from moorline.core.tagging import TagMove
from moorline.errors import StorageFailed

__all__ = ["Queued", "TagQueue"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """A move that waits, and what for."""

    move: TagMove
    waits: str = ""
    """Why it was not made yet; empty before the first attempt."""
    trouble: bool = False
    """Whether a person has to do something about it."""


class _Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The same in the file."""

    current: str
    rollbacks: tuple[str, ...] = ()
    inherited: str = ""
    services: tuple[str, ...] = ()
    deployment: str = ""
    waits: str = ""
    trouble: bool = False


class TagQueue:
    """The moves of one environment; safe between threads, and between processes."""

    def __init__(self, state_dir: Path, environment: str) -> None:
        self._path = state_dir / "tags" / f"{environment}.json"

    def waiting(self) -> tuple[TagMove, ...]:
        """The moves that wait."""
        return tuple(each.move for each in self.entries())

    def entries(self) -> tuple[Queued, ...]:
        """The same, with what each waits for."""
        data = read_if_there(self._path)
        if data is None:
            return ()
        try:
            lines = msgspec.json.decode(data, type=tuple[_Line, ...])
            return tuple(_queued(line) for line in lines)
        except ValueError as error:
            mend = "remove it: the next rollout moves its tags again"
            raise StorageFailed(f"{self._path} is damaged: {error}", mend=mend) from None

    def put(self, moves: Sequence[TagMove]) -> None:
        """Queue moves; putting the same ones again changes nothing."""
        with file_lock(self._path):
            waiting = {_key(each.move): each for each in self._readable()}
            for move in moves:
                older = waiting.get(_key(move))
                if older is None:
                    waiting[_key(move)] = Queued(move=move)
                elif older.move != (merged := move.after(older.move)):
                    waiting[_key(move)] = Queued(move=merged)
            self._save(waiting.values())

    def done(self, move: TagMove) -> None:
        """This move was made, or given up; a newer one that came meanwhile still waits."""
        with file_lock(self._path):
            self._save(each for each in self.entries() if each.move != move)

    def delayed(self, move: TagMove, why: str) -> None:
        """It was tried, and will be tried again."""
        self._mark(Queued(move=move, waits=why))

    def refused(self, move: TagMove, why: str) -> None:
        """The same, where only a person can help."""
        self._mark(Queued(move=move, waits=why, trouble=True))

    def _mark(self, tried: Queued) -> None:
        with file_lock(self._path):
            entries = self.entries()
            if tried not in entries:
                self._save(tried if each.move == tried.move else each for each in entries)

    def _readable(self) -> tuple[Queued, ...]:
        try:
            return self.entries()
        except StorageFailed:
            return ()  # a rollout does not fail over it, and its own moves count for more

    def _save(self, entries: Iterable[Queued]) -> None:
        lines = [_line(each) for each in entries]
        write_durably(self._path, msgspec.json.format(msgspec.json.encode(lines), indent=1))


def _key(move: TagMove) -> str:
    return str(move.current.unpinned)


def _queued(line: _Line) -> Queued:
    move = TagMove(
        current=ImageRef.parse(line.current),
        rollbacks=tuple(ImageRef.parse(each) for each in line.rollbacks),
        inherited=line.inherited,
        services=line.services,
        deployment=line.deployment,
    )
    return Queued(move=move, waits=line.waits, trouble=line.trouble)


def _line(entry: Queued) -> _Line:
    move = entry.move
    return _Line(
        current=str(move.current),
        rollbacks=tuple(str(each) for each in move.rollbacks),
        inherited=move.inherited,
        services=move.services,
        deployment=move.deployment,
        waits=entry.waits,
        trouble=entry.trouble,
    )

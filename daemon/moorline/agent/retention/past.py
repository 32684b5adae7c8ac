"""What the state branch names, now and ever: the images that it pins, and those that a revert
could bring back.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from moorline.adapters.staterepo_port import FileChange, StateRepo
from moorline.core.retention.pinned import digests, latest_moments

__all__ = ["FOLDER", "Past", "moment", "scan"]

FOLDER = "environments"
_BATCH = 512
"""So many files are in memory at a time."""
_NONE: frozenset[str] = frozenset()
_LAST = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


@dataclass(slots=True)
class Past:
    """What the files of all environments name. A reason stands with each digest."""

    names: dict[str, frozenset[str]]
    """Blob → digests in it, of every file that ever was."""
    present: dict[str, str] = field(default_factory=dict)
    """What the files name now."""
    held: dict[str, str] = field(default_factory=dict)
    """What they named within the window."""
    last_pinned: dict[str, float] = field(default_factory=dict)
    """When a file named it last, now or ever."""

    @classmethod
    def read(cls, repo: StateRepo, tip: str, *, now: float, since: float) -> "Past":
        """Read all of it as of `tip`; the window begins at `since`."""
        files = repo.files(tip, FOLDER)
        changes = repo.changes(tip, FOLDER)
        moments = latest_moments([change.at for change in changes], now=now)
        dated = list(zip(changes, moments, strict=True))
        needed = {oid for _, oid in files}
        needed |= {oid for change, at in dated if at >= since for oid in _oids(change)}
        former = {oid for change in changes for oid in _oids(change)} - needed
        # nothing so large was ever deployed, and what is past cannot be made smaller
        past = cls(scan(repo, needed) | scan(repo, former, skip_large=True))
        past._look_at(files)
        for change, at in dated:
            past._look_back(change, at, since)
        return past

    def of(self, oid: str) -> frozenset[str] | None:
        """The digests in a blob; None for one that was never a file of an environment here."""
        return self.names.get(oid)

    def _look_at(self, files: Iterable[tuple[str, str]]) -> None:
        users: dict[str, set[str]] = {}
        for path, oid in files:
            for digest in self.names[oid]:
                users.setdefault(digest, set()).add(_environment(path))
        for digest, environments in users.items():
            self.present[digest] = f"pinned by {', '.join(sorted(environments))}"

    def _look_back(self, change: FileChange, at: float, since: float) -> None:
        before = self.names.get(change.old, _NONE)
        after = self.names.get(change.new, _NONE)
        for digest in before | after:
            self.last_pinned[digest] = max(at, self.last_pinned.get(digest, 0.0))
            if at >= since:
                # changes come newest first: the first one is the last time that it was pinned
                self.held.setdefault(digest, _told(change, at, ended=digest not in after))


def scan(
    repo: StateRepo, oids: Collection[str], *, skip_large: bool = False
) -> dict[str, frozenset[str]]:
    """Blob → digests in it."""
    return {
        oid: digests(data)
        for batch in _batches(sorted(oids))
        for oid, data in repo.blobs(batch, skip_large=skip_large).items()
    }


def moment(seconds: float) -> datetime:
    """A date that somebody claims; an impossible one as the nearest possible."""
    return datetime.fromtimestamp(min(max(seconds, 0.0), _LAST), UTC)


def _batches(oids: list[str]) -> Iterator[list[str]]:
    return (oids[start : start + _BATCH] for start in range(0, len(oids), _BATCH))


def _told(change: FileChange, at: float, *, ended: bool) -> str:
    until = "until" if ended else "at"
    day = moment(at).strftime("%Y-%m-%d")
    return f"pinned by {_environment(change.path)} {until} {change.commit[:7]} ({day})"


def _environment(path: str) -> str:
    return path.removeprefix(f"{FOLDER}/").removesuffix(".yaml")


def _oids(change: FileChange) -> set[str]:
    return {change.old, change.new} - {""}

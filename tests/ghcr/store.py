"""What GitHub knows of packages: versions with ids, tags that move, and what was deleted."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

DAY = 86400.0
RESTORABLE = 30 * DAY
EPOCH = 1767323045.0  # 2026-01-02T03:04:05Z


@dataclass
class Clock:
    """The time here. It stands still unless it is `running`."""

    moment: float = EPOCH
    running: bool = False
    _since: float = field(default_factory=time.monotonic)

    def now(self) -> float:
        return self.moment + (time.monotonic() - self._since if self.running else 0)

    def set(self, moment: float) -> None:
        self.moment, self._since = moment, time.monotonic()

    def advance(self, seconds: float) -> None:
        self.set(self.now() + seconds)


@dataclass(eq=False)
class Row:
    """A version. Neither of its times ever moves, whatever happens to its tags."""

    id: int
    digest: str
    created: float
    tags: list[str] = field(default_factory=list)
    deleted: float | None = None
    downloads: int = 0
    lag: int = 0
    """How many more readers do not see it yet."""


@dataclass
class Package:
    """The versions of one name, oldest first."""

    id: int
    owner: str
    name: str
    created: float
    visibility: Literal["private", "public"] = "private"
    rows: dict[int, Row] = field(default_factory=dict)
    active: dict[str, Row] = field(default_factory=dict)
    """By digest."""
    tags: dict[str, Row] = field(default_factory=dict)
    """In the order in which they were put where they are."""
    _listing: list[Row] | None = None

    def listing(self) -> list[Row]:
        """What there is, newest first."""
        if self._listing is None:
            self._listing = sorted(self.active.values(), key=lambda row: -row.id)
        lagging = [row for row in self._listing if row.lag]
        for row in lagging:
            row.lag -= 1
        return [row for row in self._listing if row not in lagging] if lagging else self._listing

    def deleted(self, now: float) -> list[Row]:
        """What can be restored, newest first."""
        return [row for row in reversed(self.rows.values()) if _is_restorable(row, now)]

    def find(self, reference: str) -> Row | None:
        """The version that a tag or digest names, as a reader sees it."""
        row = self.tags.get(reference) or self.active.get(reference)
        if row and row.lag:
            row.lag -= 1
            return None
        return row

    def add(self, row: Row) -> None:
        self.rows[row.id] = self.active[row.digest] = row
        self.tags.update(dict.fromkeys(row.tags, row))
        self._listing = None

    def tag(self, row: Row, tag: str) -> None:
        """Put a tag here; the version that had it stays."""
        before = self.tags.pop(tag, None)
        if before:
            before.tags.remove(tag)
        row.tags.append(tag)
        self.tags[tag] = row

    def is_last_tagged(self, row: Row) -> bool:
        return bool(row.tags) and all(other is row for other in self.tags.values())

    def delete(self, row: Row, now: float) -> None:
        """Take a version away, and every tag with it."""
        row.deleted = now
        del self.active[row.digest]
        for tag in row.tags:
            del self.tags[tag]
        self._listing = None

    def restore(self, row: Row) -> None:
        """Bring a version back, with those of its tags that nothing else has taken since."""
        row.deleted = None
        row.tags = [tag for tag in row.tags if tag not in self.tags]
        self.add(row)


class Store:
    """All packages of all owners."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.owners: dict[str, Literal["Organization", "User"]] = {}
        """Who pushes without being named here before is an organisation."""
        self.packages: dict[str, Package] = {}
        self._next_id = 1_000

    def new_id(self) -> int:
        self._next_id += 7
        return self._next_id

    def package(self, name: str) -> Package:
        """The package `owner/name`, made where there is none."""
        if name not in self.packages:
            owner, _, rest = name.partition("/")
            self.owners.setdefault(owner, "Organization")
            self.packages[name] = Package(self.new_id(), owner, rest, self.clock.now())
        return self.packages[name]

    def push(self, name: str, digest: str, tag: str = "") -> Row:
        """Note a manifest; one that is there already gets a tag and is otherwise as it was."""
        package = self.package(name)
        row = package.active.get(digest)
        if row is None:
            row = Row(self.new_id(), digest, self.clock.now())
            package.add(row)
        if tag:
            package.tag(row, tag)
        return row

    def seed(self, name: str, digest: str, *, tags: Sequence[str], created: float) -> Row:
        """Note a version that was pushed some time ago."""
        row = Row(self.new_id(), digest, created, list(tags))
        self.package(name).add(row)
        return row

    def restorable(self, row: Row) -> bool:
        return _is_restorable(row, self.clock.now())

    def of(self, owner: str) -> Iterator[Package]:
        return (each for each in self.packages.values() if each.owner == owner)


def _is_restorable(row: Row, now: float) -> bool:
    return row.deleted is not None and now - row.deleted <= RESTORABLE

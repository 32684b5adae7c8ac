"""The words of retention. Times are seconds since the epoch, durations seconds, sizes bytes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

__all__ = ["Decision", "Pins", "Policy", "Prices", "Rule", "Untag", "Verdict", "Version"]

DAY = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One manifest of a package, as its registry lists it."""

    digest: str
    tags: tuple[str, ...] = ()
    created: float = 0.0
    """When it was first pushed; never moves, not even when a tag does. 0 where unknown."""
    id: str = ""
    """GitHub's number for it; "" on a plain registry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a policy says about the tags that `match` fits: a glob, or one of the words `sha`,
    `semver` and `untagged`.
    """

    name: str
    match: str
    keep: float | None
    """Seconds; None is for ever."""
    untag: bool = False
    """Whether the tag, once it is due, is taken off a version that stays for other reasons."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Unit prices for a what-if, as the policy's author knows them."""

    storage_gb_month: float = 0.0
    currency: str = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """`policies/retention.yaml`."""

    packages: tuple[str, ...]
    """Repositories, as in `ghcr.io/acme/app`."""
    rules: tuple[Rule, ...]
    enabled: bool = False
    schedule: str = "0 2 * * *"
    """Cron expression, UTC."""
    grace: float = DAY
    revert_window: float = 90 * DAY
    minimum: int = 10
    pace: float = 1.0
    """Seconds between two deletions."""
    protect: frozenset[str] = frozenset()
    """Digests, and tags as `name:tag`."""
    prices: Prices | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins:
    """What git, the hosts' records and the engine here ask for."""

    held: Mapping[str, str]
    """Digest → why it may not go, in a few words: `pinned by production`."""
    last_pinned: Mapping[str, float] = field(default_factory=dict)
    """Digest → when a file of the state branch named it last."""
    commit: str = ""
    """The tip of the state branch that this is as of."""


Fate: TypeAlias = Literal["keep", "delete"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What becomes of one version, by which rule, and why in words for people."""

    version: Version
    fate: Fate
    rule: str
    """Name of the rule; or `pinned`, `protected`, `minimum`, `part`, `referrer`, `young`."""
    reason: str
    age: float
    size: int
    """Bytes of its manifest and of what only this manifest names directly (config and layers)."""
    expires: float | None = None
    """When its rules let it go, where nothing else holds it; None is never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Untag:
    """A tag that goes, from a version that stays."""

    tag: str
    digest: str
    rule: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One package. `verdicts` are in the order in which what goes may be deleted: an index before
    its parts, an image before what refers to it.
    """

    package: str
    verdicts: tuple[Verdict, ...] = ()
    untag: tuple[Untag, ...] = ()
    problem: str = ""
    """Why nothing may be deleted here; then every verdict is `keep`."""
    images: int = 0
    """How many images stay: what has a tag or is held, without parts and signatures."""
    doomed_images: int = 0
    """How many images go, counted alike."""
    freed_least: int = 0
    """Bytes that nothing that stays refers to."""
    freed_most: int = 0
    """Bytes of everything that goes, each blob counted once."""

    @property
    def doomed(self) -> tuple[Verdict, ...]:
        """What goes, in order."""
        return tuple(each for each in self.verdicts if each.fate == "delete")

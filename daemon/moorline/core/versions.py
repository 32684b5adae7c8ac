"""The versions of one package, as people look for one: from which commit, how large, where.

Rule 1: one line for each image. Parts of an index, attestations and signatures have none.
Rule 2: what runs is what the newest proven deployment of each host asked for; what ran before was
        proven there once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from moorline.core.image import Digest
from moorline.core.manifest import Node
from moorline.core.records import Summary
from moorline.core.retention.decide import MINIMUM, PART, PINNED, PROTECTED, REFERRER, YOUNG
from moorline.core.retention.graph import Graph
from moorline.core.retention.model import Verdict, Version
from moorline.core.retention.tags import commit_named, names_among

__all__ = [
    "Place",
    "Run",
    "Sighting",
    "VersionLine",
    "commit_of",
    "find_abbreviated",
    "images_of",
    "kept_until",
    "last_proven_of",
    "moment",
    "runs_of",
    "size_of",
]

_WHOLE = 40
"""Digits of a commit's whole name."""
_RAN = ("proven", "repaired")
_BESIDE_RULES = frozenset({PINNED, PROTECTED, MINIMUM, PART, REFERRER, YOUNG})


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Place:
    """Where something runs."""

    environment: str
    service: str
    host: str

    def __str__(self) -> str:
        return f"{self.environment}/{self.service}@{self.host}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """That a version ran somewhere: the first time and the last time it was proven there."""

    place: Place
    first: str
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A record, and the history branch that it is on."""

    branch: str
    record: Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionLine:
    """One image. What nobody could tell is None, or empty where there may be nothing to tell."""

    digest: str
    tags: tuple[str, ...] = ()
    created: float = 0.0
    platforms: tuple[str, ...] = ()
    size: int | None = None
    commit: str = ""
    runs: tuple[Place, ...] = ()
    """Where it runs now."""
    ran: tuple[Run, ...] = ()
    """Where it was proven once, and does not run now."""
    previous_of: tuple[str, ...] = ()
    """`environment/service` for which `rollback --to previous` means this version."""
    on_host: bool | None = None
    verdict: Verdict | None = None
    """What retention says to it; None where it cannot be told or no policy speaks of it."""


def images_of(
    versions: Sequence[Version], nodes: Mapping[str, Node], asked_for: Iterable[str]
) -> list[Version]:
    """The versions that are images by themselves, newest first. What has a tag of its own or is
    `asked_for` (a digest that runs somewhere) is one even as a part of an index.
    """
    graph, wanted = Graph.of(versions, nodes), frozenset(asked_for)

    def is_image(version: Version) -> bool:
        digest = version.digest
        if digest in wanted or names_among(version.tags):
            return True
        return digest not in graph.parents and digest not in graph.subjects

    # of equals the same order each time
    found = sorted((v for v in versions if is_image(v)), key=lambda each: each.digest)
    return sorted(found, key=lambda each: each.created, reverse=True)


def commit_of(tags: Iterable[str], revision: str) -> str:
    """The source commit: whole from a tag or the image's own word, else as short as a tag has it;
    "" where nothing names one.
    """
    named = [commit for tag in tags if (commit := commit_named(tag))]
    whole = next((commit for commit in named if len(commit) == _WHOLE), "")
    return whole or revision or next(iter(named), "")


def size_of(digest: str, nodes: Mapping[str, Node]) -> int | None:
    """Bytes of an image with all its parts, each blob counted once; None where a part of it was
    not read.
    """
    sizes: dict[str, int] = {}
    waiting = [digest]
    while waiting:
        current = waiting.pop()
        node = nodes.get(current)
        if node is None:
            return None
        sizes[current] = node.size
        sizes |= {blob.digest: blob.size for blob in node.blobs}
        waiting += [each for each in node.children if each not in sizes]
    return sum(sizes.values())


def last_proven_of(sightings: Iterable[Sighting]) -> dict[str, Summary]:
    """History branch → its newest proven deployment."""
    newest: dict[str, Summary] = {}
    for each in sightings:
        record = each.record
        if record.kind != "deployment" or record.outcome != "proven":
            continue
        if each.branch not in newest or newest[each.branch].id < record.id:
            newest[each.branch] = record
    return newest


def runs_of(sightings: Iterable[Sighting], package: str) -> dict[str, tuple[Run, ...]]:
    """Digest of the package → where it was ever proven, the newest first."""
    runs: dict[tuple[str, Place], Run] = {}
    for record in sorted((each.record for each in sightings), key=lambda each: each.id):
        if record.kind != "deployment" or record.outcome not in _RAN:
            continue
        for service, pin in record.pins.items():
            name, _, digest = pin.partition("@")
            if name != package:
                continue
            place = Place(environment=record.environment, service=service, host=record.host)
            key = (digest, place)
            first = runs[key].first if key in runs else record.started
            runs[key] = Run(place=place, first=first, last=record.started)
    found: dict[str, list[Run]] = {}
    for (digest, _), run in runs.items():
        found.setdefault(digest, []).append(run)
    return {
        digest: tuple(sorted(each, key=lambda run: run.last, reverse=True))
        for digest, each in found.items()
    }


def kept_until(verdict: Verdict) -> float | None:
    """When the rules let go of what stays by them alone; None where it stays for ever, or for
    another reason.
    """
    return None if verdict.rule in _BESIDE_RULES else verdict.expires


def moment(text: str) -> float:
    """Seconds since the epoch of an ISO 8601 time, as images carry it; 0 for anything else."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    # a time that says no zone is nobody's
    return found.timestamp() if found.tzinfo else 0.0


def find_abbreviated(text: str, digests: Iterable[str]) -> tuple[Digest, ...]:
    """The digests that `text` (`sha256:` and the first digits) begins."""
    return tuple(sorted({Digest(each) for each in digests if each.startswith(text)}))

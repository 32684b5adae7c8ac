"""Local images: which of those that moorline pulled stay on the host, and which go.

Rule 1: only what moorline pulled is ever tagged or removed.
Rule 2: it stays while a container uses it, running or not; while it has a name that somebody else
        gave it; while it is among the last proven ones of a service; while a file that is
        followed here, or a rollout that is under way, asks for it.
Rule 3: everything else that moorline pulled goes.

What is pulled by digest has no tag, and `docker image prune` deletes what has none. So the proven
ones carry a tag of ours for as long as they are kept: the next rollback needs them.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from moorline.core.image import ImageRef
from moorline.core.values import fingerprint

__all__ = [
    "Cleaning",
    "Holdings",
    "HostImage",
    "clean",
    "keep_tag",
    "last_proven",
    "references",
    "why_it_stays",
]

KEEP = "moorline.local/keep/"

_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*", re.ASCII)
_LONGEST = 100
"""Of a component, so that two of them stay below what a repository name may measure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostImage:
    """One image on the host: its names in their long form, and whether a container uses it."""

    id: str
    pins: frozenset[str] = frozenset()
    """`name@digest`, as it was pulled or pushed."""
    tags: frozenset[str] = frozenset()
    """`name:tag`."""
    size: int = 0
    """Bytes, those of layers included that other images share."""
    in_use: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What moorline knows of its own images."""

    pulled: frozenset[str]
    """Pins that it pulled, or began to."""
    tags: frozenset[str]
    """Tags that it made or is about to make, those of `kept` among them."""
    kept: Mapping[str, str]
    """Tag → pin of the last proven ones, as `keep_tag` names them."""
    wanted: frozenset[str]
    """Pins that a file or a rollout asks for, jobs included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaning:
    """What to do, in this order; done a second time, nothing is left to do."""

    tag: tuple[tuple[str, str], ...]
    """(image id, tag) of what is kept and not tagged yet."""
    untag: tuple[str, ...]
    """Tags of ours on images that stay, though no longer for their sake."""
    remove: tuple[HostImage, ...]
    forget: frozenset[str]
    """Pins and tags of the holdings that are not on the host any more."""


def clean(images: Sequence[HostImage], holdings: Holdings) -> Cleaning:
    """Decide what stays and what goes."""
    reasons = [(each, why_it_stays(each, holdings)) for each in images]
    staying = [each for each, reason in reasons if reason]
    names = frozenset(name for each in images for name in (*each.pins, *each.tags))
    return Cleaning(
        tag=tuple(pair for each in staying for pair in _missing_tags(each, holdings)),
        untag=tuple(tag for each in staying for tag in _stale_tags(each, holdings)),
        remove=tuple(each for each, reason in reasons if not reason),
        # a pull that is only about to begin has nothing on the host yet
        forget=(holdings.pulled | holdings.tags) - names - holdings.wanted - holdings.kept.keys(),
    )


def why_it_stays(image: HostImage, holdings: Holdings) -> str:
    """In a few words; empty for an image that goes."""
    if not (image.pins & holdings.pulled or image.tags & holdings.tags):
        return "not pulled by moorline"
    if image.in_use:
        return "used by a container"
    if _names_of_others(image, holdings):
        return "named by somebody else"
    if image.pins & frozenset(holdings.kept.values()) or image.tags & holdings.kept.keys():
        return "proven"
    if image.pins & holdings.wanted:
        return "asked for"
    return ""


def references(image: HostImage) -> tuple[str, ...]:
    """Every name that has to go for the image to go, tags first: the engine drops the digests of
    a repository together with its last tag.
    """
    return (*sorted(image.tags), *sorted(_real(image.pins)))


def last_proven(
    states: Iterable[Mapping[str, str]], before: Mapping[str, Sequence[str]], *, keep: int
) -> dict[str, tuple[str, ...]]:
    """Service → its last `keep` proven pins, the newest first.

    `states` are the proven states that are remembered, newest first, and `before` is what this
    returned last time: a service that seldom changes is older than what is remembered. One that
    is not in the newest state has only the former.
    """
    pins: dict[str, list[str]] = {}
    remembered = list(states)
    for state in remembered:
        for service, pin in state.items():
            pins.setdefault(service, []).append(pin)
    for service in remembered[0] if remembered else ():
        pins[service] += before.get(service, ())
    return {service: tuple(dict.fromkeys(found))[:keep] for service, found in pins.items()}


def keep_tag(environment: str, service: str, pin: str) -> str:
    """The tag by which an image is kept for a service."""
    digest = ImageRef.parse(pin).digest
    if digest is None:
        raise ValueError(f"{pin} has no digest")
    return f"{KEEP}{_component(environment)}/{_component(service)}:{digest.short}"


def _component(name: str) -> str:
    """The same name, or one like it where a repository may not be called that."""
    if _COMPONENT.fullmatch(name) and len(name) <= _LONGEST:
        return name
    words = re.findall(r"[a-z0-9]+", name[:_LONGEST].lower(), re.ASCII)
    return "-".join((*words, fingerprint(name)[:8]))


def _real(pins: Iterable[str]) -> frozenset[str]:
    # newer engines give every repository that names an image a digest, ours as well
    return frozenset(pin for pin in pins if not pin.startswith(KEEP))


def _names_of_others(image: HostImage, holdings: Holdings) -> frozenset[str]:
    return (image.tags - holdings.tags) | (_real(image.pins) - holdings.pulled)


def _missing_tags(image: HostImage, holdings: Holdings) -> list[tuple[str, str]]:
    ours = image.pins & holdings.pulled
    tags = sorted(tag for tag, pin in holdings.kept.items() if pin in ours)
    return [(image.id, tag) for tag in tags if tag not in image.tags]


def _stale_tags(image: HostImage, holdings: Holdings) -> list[str]:
    stale = image.tags & holdings.tags - holdings.kept.keys()
    # a container uses it, and this is its last name: the engine would refuse
    others = (image.tags - stale) | _real(image.pins)
    return sorted(stale) if others else []

"""Registry tags that follow what is proven: their names, and which of them a proof moves.

    <environment>-current                      what is proven now
    <environment>-rollback-20260102T030405Z    what was proven before, until the rollout of then

Services of one environment that share a repository with different digests have tags of their own:
`<environment>-<service>-current`, and so on. What jobs run has none.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from moorline.core.image import ImageRef

__all__ = ["TagMove", "TagName", "asked_for", "read_tag", "tag_moves", "tagged"]

_LONGEST = 128
_FINGERPRINT = 8
_ROLLBACKS = 20
"""So many rollback tags wait for one repository at most: as many states as a host remembers."""
_SUFFIX = re.compile(r"-(current|rollback-(\d{8}T\d{6}Z))\Z", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class TagMove:
    """One tag's way to what is proven now. Each image has the tag and the digest that it gets."""

    current: ImageRef
    rollbacks: tuple[ImageRef, ...] = ()
    """What was proven before, oldest first; these come first."""
    inherited: str = ""
    """The rollback tag for what `current` names so far, where this host proved nothing before."""
    services: tuple[str, ...]
    deployment: str
    """The record that proved it."""

    def after(self, older: "TagMove") -> "TagMove":
        """This move where an older one of the same tag still waits: straight to the newest, and
        what was proven in between gets its rollback tags all the same.
        """
        rollbacks = tuple(dict.fromkeys((*older.rollbacks, *self.rollbacks)))
        return replace(
            self,
            rollbacks=rollbacks[-_ROLLBACKS:],
            inherited=older.inherited or self.inherited,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TagName:
    """A tag of ours, taken apart."""

    tag: str
    service: str = ""
    """Where it is one service's only."""
    time: str = ""
    """Of a rollback tag, `20260102T030405Z`; "" is what is current."""


def tag_moves(
    environment: str,
    proven: Mapping[str, str],
    before: Mapping[str, str],
    *,
    deployment: str,
    repositories: Sequence[str] = ("*",),
) -> tuple[TagMove, ...]:
    """What a proof moves. `proven` and `before` are service → `name@digest`, `deployment` is the
    id of its record, and `repositories` the globs of those that are tagged at all.
    """
    time = deployment.partition("-")[0]
    now, then = _images(proven, repositories), _images(before, repositories)
    heirs = _named(environment, now, f"rollback-{time}")
    replaced = _named(environment, then, f"rollback-{time}")
    services: dict[ImageRef, list[str]] = {}
    for service, image in sorted(_named(environment, now, "current").items()):
        services.setdefault(image, []).append(service)
    return tuple(
        TagMove(
            current=image,
            rollbacks=tuple(
                sorted(
                    {replaced[each] for each in group if then.get(each, now[each]) != now[each]}
                )
            ),
            inherited="" if set(group) & set(then) else str(heirs[group[0]].tag),
            services=tuple(group),
            deployment=deployment,
        )
        for image, group in services.items()
    )


def tagged(image: ImageRef, repositories: Sequence[str]) -> bool:
    """Whether one of the globs names the image's repository."""
    return any(fnmatchcase(image.name, each) for each in repositories)


def asked_for(image: ImageRef, repositories: Sequence[str]) -> bool:
    """Whether somebody wants tags in this repository in particular, and not just anywhere."""
    return tagged(image, [each for each in repositories if each != "*"])


def read_tag(tag: str, environment: str, services: Iterable[str]) -> TagName | None:
    """Take a tag of the environment (with these services) apart; None for any other one."""
    match = _SUFFIX.search(tag)
    if match is None:
        return None
    for service in ("", *services):
        if tag == _tag(environment, service, match[1]):
            return TagName(tag=tag, service=service, time=match[2] or "")
    return None


def _images(pins: Mapping[str, str], repositories: Sequence[str]) -> dict[str, ImageRef]:
    images = {service: ImageRef.parse(pin) for service, pin in pins.items()}
    return {name: image for name, image in images.items() if tagged(image, repositories)}


def _named(environment: str, images: Mapping[str, ImageRef], suffix: str) -> dict[str, ImageRef]:
    """Each service's image under its tag: one for all that share a repository, if they can."""
    digests: dict[str, set[ImageRef]] = {}
    for image in images.values():
        digests.setdefault(image.name, set()).add(image)
    own = {service for service, image in images.items() if len(digests[image.name]) > 1}
    return {
        service: replace(image, tag=_tag(environment, service if service in own else "", suffix))
        for service, image in images.items()
    }


def _tag(environment: str, service: str, suffix: str) -> str:
    stem = f"{environment}-{service}" if service else environment
    room = _LONGEST - len(suffix) - 1
    if len(stem) > room:
        fingerprint = hashlib.sha256(stem.encode()).hexdigest()[:_FINGERPRINT]
        stem = f"{stem[: room - _FINGERPRINT - 1]}-{fingerprint}"
    return f"{stem}-{suffix}"

"""From what a person types to an image: a service of this host, or a repository; and from the
beginning of a digest to all of it.
"""

import difflib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from moorline.adapters.registry_port import Packages
from moorline.adapters.staterepo_port import StateRepo
from moorline.agent.load import environment_path
from moorline.agent.registry.onrecord import environments_in, sightings
from moorline.core.image import Digest, ImageRef
from moorline.core.pinning import read_images
from moorline.core.versions import find_abbreviated
from moorline.errors import InvalidEnvironment, MoorlineError, NotFound, UsageError

__all__ = ["Subject", "find_subject", "whole_digest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An image's repository; with the service that it was named by, if it was."""

    image: ImageRef
    environment: str = ""
    service: str = ""


def find_subject(repo: StateRepo, environments: Sequence[str], name: str) -> Subject:
    """`web`, `production/web`, or an image such as ghcr.io/acme/app. Services are those of the
    files at the branch's tip; raises UsageError for what is neither, or is several.
    """
    services = tuple(_services(repo, environments))
    named = [each for each in services if name in {each.service, _path(each)}]
    if not named:
        return Subject(image=_image(name, services))
    if len({each.image.name for each in named}) > 1:
        known = ", ".join(f"{_path(each)} ({each.image.name})" for each in named)
        raise UsageError(f"'{name}' has several images: {known}", mend="say which")
    return named[0]


def whole_digest(
    repo: StateRepo, packages: Callable[[ImageRef], Packages], image: ImageRef, text: str
) -> Digest:
    """The digest of the image's repository that `text` begins: of those on record, else of those
    that the registry lists. Raises NotFound, and UsageError where it begins several.
    """
    found = find_abbreviated(text, _recorded(repo, image.name))
    if not found:
        listed = packages(image).versions(image)
        found = find_abbreviated(text, (each.digest for each in listed))
    if len(found) > 1:
        raise UsageError(f"{text} begins {len(found)} digests", mend="give more digits")
    if not found:
        mend = "see 'moorline versions'"
        raise NotFound(f"{image.name} has no version that begins with {text}", mend=mend)
    return found[0]


def _services(repo: StateRepo, environments: Sequence[str]) -> Iterator[Subject]:
    tip = repo.tip()
    for environment in environments if tip else ():
        path = environment_path(environment)
        blob = repo.read(str(tip), path)
        # a broken file names no services; 'moorline status' tells of it
        with suppress(InvalidEnvironment):
            for service, text in read_images(blob.data, path=path).items() if blob else ():
                with suppress(ValueError):
                    image = ImageRef.parse(text)
                    yield Subject(image=image, environment=environment, service=service)


def _image(name: str, services: Sequence[Subject]) -> ImageRef:
    """A bare word would be an image of Docker Hub; it was rather meant to be a service."""
    if "/" not in name and "." not in name:
        known = sorted({each.service for each in services})
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else "an image is named with its registry"
        raise UsageError(f"no service '{name}' here ({', '.join(known) or 'none'})", mend=hint)
    try:
        return ImageRef.parse(name)
    except ValueError as error:
        raise UsageError(f"'{name}': {error}") from None


def _recorded(repo: StateRepo, package: str) -> Iterator[str]:
    """Digests of the package in the records of all environments."""
    for environment in environments_in(repo):
        with suppress(MoorlineError):  # no name of an environment
            for each in sightings(repo, environment):
                names = (pin.partition("@") for pin in each.record.pins.values())
                yield from (digest for name, _, digest in names if name == package)


def _path(subject: Subject) -> str:
    return f"{subject.environment}/{subject.service}"

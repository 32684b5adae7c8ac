"""All versions of a package, page after page, and proof that none was missed.

Pages are counted by position, newest first. A push while we read moves versions to later pages,
where they are seen twice; a deletion moves them to earlier ones, where they are missed, and a
missed index leaves its parts without an owner. So what is on more than one page is proven:

- The last page is read second, and once more when it is its turn: where it is and how long it is
  says how many versions there are, and as many have to be found. The first page is asked for again
  at the end, and has to be as it was, so that nothing went from it before they were counted.
- Where either is not so, all pages are asked for again, until of what one reading found the next
  misses nothing: then nothing was deleted, and so nothing was moved out of sight.

What is asked for again and has not changed is answered without a body, against no limit.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from moorline.adapters.ghcr.api import Api
from moorline.adapters.ghcr.paging import PAGE, Page, ask_again, ask_ahead, walk
from moorline.core.image import ImageRef
from moorline.core.retention.model import Version
from moorline.errors import RegistryUnreachable

__all__ = ["first_version", "list_versions"]

_MOST_READINGS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """One way through all pages. `found` is by digest, each as it was seen last."""

    pages: Mapping[str, Page]
    found: Mapping[str, Version]
    count: int | None
    """How many there were after the first page was read; None where that is not known."""


def list_versions(
    api: Api,
    image: ImageRef,
    *,
    deleted: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[Version, ...]:
    """Every version once, newest first; of those `deleted`, what a single reading shows."""
    path = _path(deleted=deleted)
    reading = _read(api, image, path, {}, progress)
    if deleted or _is_whole(api, image, reading):
        return tuple(reading.found.values())
    for _ in range(_MOST_READINGS - 1):
        again = _read(api, image, path, reading.pages, progress)
        if reading.found.keys() <= again.found.keys():
            return tuple(again.found.values())
        reading = again
    raise RegistryUnreachable(f"{image.name}: its versions are deleted while they are listed")


def first_version(
    api: Api, image: ImageRef, wanted: Callable[[Version], bool], *, deleted: bool = False
) -> Version | None:
    """The newest that is wanted, with no more pages than that takes; None where it is certain."""
    is_first = True
    for page in walk(api, image, _path(deleted=deleted), {}):
        found = next(filter(wanted, page.versions), None)
        if found is not None or (is_first and not page.following):
            return found
        is_first = False
    return next(filter(wanted, list_versions(api, image, deleted=deleted)), None)


def _path(*, deleted: bool) -> str:
    return f"/versions?per_page={PAGE}{'&state=deleted' if deleted else ''}"


def _read(
    api: Api,
    image: ImageRef,
    path: str,
    known: Mapping[str, Page],
    progress: Callable[[int], None],
) -> _Reading:
    pages: dict[str, Page] = {}
    found: dict[str, Version] = {}
    count = None
    held = dict(known)
    for page in walk(api, image, path, held):
        if not pages and not known and page.last:
            held[page.last] = last = ask_ahead(api, image, page.last)
            count = last.count
        pages[page.url] = page
        found.update((each.digest, each) for each in page.versions)
        progress(len(found))
    return _Reading(pages=pages, found=found, count=count)


def _is_whole(api: Api, image: ImageRef, reading: _Reading) -> bool:
    if len(reading.pages) == 1:
        return True  # a single answer is of a single moment
    if reading.count != len(reading.found):
        return False
    first = next(iter(reading.pages.values()))
    again = ask_again(api, image, first)
    return [each.digest for each in again.versions] == [each.digest for each in first.versions]

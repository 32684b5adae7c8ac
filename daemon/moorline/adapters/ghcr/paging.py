"""The pages that GitHub's API lists versions on, and where each says that others are."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpx

from moorline.adapters.answer import Answer, one_line
from moorline.adapters.ghcr.api import Api
from moorline.adapters.ghcr.failures import failure
from moorline.adapters.ghcr.reading import read_versions
from moorline.core.image import ImageRef
from moorline.core.retention.model import Version
from moorline.errors import NotFound, RegistryRefused, RegistryUnreachable

__all__ = ["PAGE", "Page", "ask_again", "ask_ahead", "walk"]

PAGE = 100
"""The most versions that GitHub puts on one."""

_MOST_PAGES = 100_000
_LINK = re.compile(r'<([^<>]*)>\s*;[^,<>]*\brel\s*=\s*"?(\w+)', re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One answer to a listing."""

    url: str
    etag: str
    versions: tuple[Version, ...]
    following: str
    """Where the next page is; "" after the last."""
    last: str
    """Where the last page is said to be; "" where that is not said, and on the last."""

    @property
    def count(self) -> int | None:
        """How many versions there are in all, if this is the last page."""
        number = httpx.URL(self.url).params.get("page", "")
        if self.following or not self.versions or not _is_number(number):
            return None
        return (int(number) - 1) * PAGE + len(self.versions)


def walk(
    api: Api,
    image: ImageRef,
    path: str,
    known: Mapping[str, Page],
) -> Iterator[Page]:
    """Every page from `path` on, one after the other. Those that are `known` when it is their turn
    are asked for again, for nothing where they have not changed.
    """
    first = next(iter(known.values()), None)
    answer = api.of_package("GET", image, path, etag=first.etag if first else "")
    page = _page(image, answer, known, begun=False)
    seen: set[str] = set()
    while True:
        yield page
        seen.add(page.url)
        url = page.following
        if not url:
            return
        if url in seen or len(seen) == _MOST_PAGES:
            raise RegistryUnreachable(f"{image.name}: a listing that goes round in circles")
        page = _ask(api, image, url, known)


def ask_ahead(api: Api, image: ImageRef, url: str) -> Page:
    """Ask for a page before it is its turn."""
    return _ask(api, image, url, {})


def ask_again(api: Api, image: ImageRef, page: Page) -> Page:
    """Ask for a page as it is now."""
    return _ask(api, image, page.url, {page.url: page})


def _ask(api: Api, image: ImageRef, url: str, known: Mapping[str, Page]) -> Page:
    answer = api.at(url, image, etag=known[url].etag if url in known else "")
    return _page(image, answer, known, begun=True)


def _page(image: ImageRef, answer: Answer, known: Mapping[str, Page], *, begun: bool) -> Page:
    url = str(answer.asked)
    if answer.status == httpx.codes.NOT_MODIFIED and url in known:
        return known[url]
    if answer.status != httpx.codes.OK:
        problem = failure(image.name, answer)
        if begun and isinstance(problem, NotFound | RegistryRefused):
            raise RegistryUnreachable(f"{image.name}: a listing that breaks off: {problem}")
        raise problem
    versions = read_versions(image.name, answer)
    links = _links(image, answer)
    # GitHub was seen to leave the header out: then only a page that is not full is the last
    is_untold = "link" not in answer.headers and len(versions) >= PAGE
    return Page(
        url=url,
        etag=answer.headers.get("etag", ""),
        versions=versions,
        following=_counted_on(answer.asked) if is_untold else links.get("next", ""),
        last=links.get("last", ""),
    )


def _links(image: ImageRef, answer: Answer) -> Mapping[str, str]:
    """Where `next` and `last` lead; to another host is an error."""
    here = str(answer.asked)
    found = {
        rel.lower(): urljoin(here, url)
        for url, rel in _LINK.findall(answer.headers.get("link", ""))
        if rel.lower() in {"next", "last"}
    }
    for url in found.values():
        if urlsplit(url)[:2] != urlsplit(here)[:2]:
            raise RegistryUnreachable(
                f"{image.name}: the next page is said to be at {one_line(url)}"
            )
    return found


def _counted_on(url: httpx.URL) -> str:
    page = url.params.get("page", "1")
    number = int(page) if _is_number(page) else 1
    return str(url.copy_set_param("page", number + 1))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10  # noqa: PLR2004  (digits)

"""Listings, page after page, to their end or to an error.

What a listing leaves out looks like something that is not there, and that may get deleted. So
nothing here ends early: not by a page that is broken, not by a `Link` that was left out.
"""

import re
from collections.abc import Iterator
from urllib.parse import quote, urljoin

import httpx
import msgspec

from moorline.adapters.http import Answer, one_line
from moorline.adapters.registry.session import Session, same_origin
from moorline.core.image import ImageRef, is_tag
from moorline.errors import MoorlineError, NotFound, RegistryRefused, RegistryUnreachable

__all__ = ["all_tags", "pages"]

_NEXT = re.compile(r'<([^<>]*)>\s*;[^,<>]*\brel\s*=\s*"?next\b', re.IGNORECASE)
_PAGE = 1000
_MOST_PAGES = 10_000
# distribution 2.8 answers with all tags at once
_LIMIT = 64 << 20


class _TagList(msgspec.Struct):
    tags: list[str] | None


def all_tags(session: Session, image: ImageRef) -> tuple[str, ...]:
    """Every tag of a repository, in the order in which they were listed."""
    found: dict[str, None] = {}
    path = f"tags/list?n={_PAGE}"
    while path:
        last = _follow(session, image, path, found)
        path = f"tags/list?n={_PAGE}&last={quote(last)}" if last else ""
    return tuple(found)


def pages(
    session: Session, image: ImageRef, path: str, first: Answer | None = None
) -> Iterator[Answer]:
    """Every page from `path` on, as their `Link` headers lead; `first` is that of `path`, where it
    is there already. Only the first may be missing or refused.
    """
    seen: set[str] = set()
    answer = first or session.ask("GET", image, path, limit=_LIMIT)
    while True:
        if answer.status != httpx.codes.OK:
            raise _failure(session, image, answer, begun=bool(seen))
        yield answer
        seen.add(path)
        path = _next(image, answer)
        if not path:
            return
        if path in seen or len(seen) == _MOST_PAGES:
            raise RegistryUnreachable(f"{image.name}: a listing that goes round in circles")
        answer = session.ask("GET", image, path, limit=_LIMIT)


def _failure(session: Session, image: ImageRef, answer: Answer, *, begun: bool) -> MoorlineError:
    failure = session.failures.of(image, answer)
    if begun and isinstance(failure, NotFound | RegistryRefused):
        return RegistryUnreachable(f"{image.name}: a listing that breaks off: {failure.message}")
    return failure


def _follow(session: Session, image: ImageRef, path: str, found: dict[str, None]) -> str:
    """Gather the tags from `path` on; the last of them where another page may have been concealed:
    GitHub's API was seen to leave out a `Link`, and old registries know neither that nor `n`.
    """
    size, last = 0, ""
    for number, answer in enumerate(_tag_pages(session, image, path)):
        tags = _read_tags(image, answer)
        fresh = [tag for tag in tags if tag not in found]
        if number and tags and not fresh:
            raise RegistryUnreachable(f"{image.name}: a listing that goes round in circles")
        found.update(dict.fromkeys(fresh))
        size, last = len(tags), fresh[-1] if fresh else ""
    return last if size == _PAGE else ""


def _tag_pages(session: Session, image: ImageRef, path: str) -> Iterator[Answer]:
    try:
        yield from pages(session, image, path)
    except RegistryRefused:
        # distribution 3 may be set to allow fewer per page, and then refuses to give any
        yield from pages(session, image, "tags/list")


def _next(image: ImageRef, answer: Answer) -> str:
    link = _NEXT.search(answer.headers.get("link", ""))
    if link is None:
        return ""
    try:
        url = urljoin(str(answer.url), str(link[1]))
    except ValueError:
        url = str(link[1])
    if not same_origin(url, str(answer.url)):
        raise RegistryUnreachable(f"{image.name}: the next page is said to be at {one_line(url)}")
    return url


def _read_tags(image: ImageRef, answer: Answer) -> list[str]:
    try:
        tags = msgspec.json.decode(answer.body, type=_TagList).tags or []
    except (msgspec.DecodeError, RecursionError) as error:
        raise RegistryUnreachable(f"{image.name}: {image.registry} lists nonsense") from error
    for tag in tags:
        if not is_tag(tag):
            raise RegistryUnreachable(f"{image.name}: a tag that cannot be: {one_line(tag)}")
    return tags

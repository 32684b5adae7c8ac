"""Change one image in an environment file, and not one byte beside it.

The place comes from the parser's marks, so comments, quotes, order and line ends stay as they are.
An image that is not written in its own place (an alias, `<<`, a variable) is refused by name:
changing it would change something else as well.
"""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)

from moorline.core.compose.reader import suggestion
from moorline.core.compose.yamltree import MappingNode, Mark, Node, ScalarNode, parse
from moorline.core.image import ImageRef
from moorline.errors import InvalidEnvironment, Problem

__all__ = ["read_images", "replace_pin"]

_SEVERAL_LINES = ("|", ">")


def read_images(source: bytes, *, path: str) -> dict[str, str]:
    """Service → its image as it is written, aliases and `<<` followed, variables not."""
    services = _entries(_entries(_tree(source, path)).get("services"))
    images = {name: _entries(node).get("image") for name, node in services.items()}
    return {name: node.text for name, node in images.items() if isinstance(node, ScalarNode)}


def replace_pin(source: bytes, service: str, image: ImageRef, *, path: str) -> bytes:
    """The file with another image for `service`; raises InvalidEnvironment naming the place."""
    images = read_images(source, path=path)
    place = _locate(source, service, path, images)
    # the parser's marks do not count a byte order mark
    mark = codecs.BOM_UTF8 if source.startswith(codecs.BOM_UTF8) else b""
    text = source.removeprefix(mark).decode()
    written = _in_style_of(place.text, image)
    head, tail = text[: place.start], text[place.end :]
    result = mark + f"{head}{place.before}{written}{place.after}{tail}".encode()
    _insist(read_images(result, path=path), images | {service: written}, place)
    return result


@dataclass(frozen=True, slots=True)
class _Place:
    """A value in the file, from character `start` to `end`, and what goes around a new one."""

    path: str
    key: str
    mark: Mark
    text: str
    start: int
    end: int
    before: str
    after: str

    def problem(self, message: str) -> InvalidEnvironment:
        return _problem(self.path, self.mark, self.key, message)


# --- finding it ----------------------------------------------------------------------------------


def _locate(source: bytes, service: str, path: str, images: dict[str, str]) -> _Place:
    key = f"services.{service}.image"
    event = _find(source, service, path, images)
    if isinstance(event, AliasEvent):
        message = f"is the alias *{event.anchor}; write the image itself here"
        raise _problem(path, _mark(event), key, message)
    if not isinstance(event, ScalarEvent):
        raise _problem(path, _mark(event), key, "must be text")
    place = _place(event, key, path)
    if event.anchor is not None:
        raise place.problem(f"has the anchor &{event.anchor}; write the image without one")
    if event.style in _SEVERAL_LINES or _start(event).line != _end(event).line:
        raise place.problem("goes over several lines; write it on one")
    if "$" in place.text:
        raise place.problem("is made of variables; write the image itself here")
    return place


def _place(event: ScalarEvent, key: str, path: str) -> _Place:
    quote = event.style or ""
    # nothing after the colon: the value needs its space
    space = " " if _start(event).index == _end(event).index else ""
    return _Place(
        path=path,
        key=key,
        mark=_mark(event),
        text=event.value,
        start=_start(event).index,
        end=_end(event).index,
        before=f"{space}{quote}",
        after=quote,
    )


def _find(source: bytes, service: str, path: str, images: dict[str, str]) -> Event:
    """The event of the image's value; marks are only on events, and trees follow aliases."""
    events = iter(yaml.parse(source, Loader=yaml.CSafeLoader))
    at: Event = next(event for event in events if isinstance(event, NodeEvent))
    key = ""
    for name in ("services", service, "image"):
        if isinstance(at, AliasEvent):
            message = f"is the alias *{at.anchor}; write the service itself here"
            raise _problem(path, _mark(at), key, message)
        value = _enter(events, name) if isinstance(at, MappingStartEvent) else None
        if value is None:
            raise _problem(path, _mark(at), key, _missing(name, service, images))
        key = f"{key}.{name}" if key else name
        at = value
    return at


def _enter(events: Iterator[Event], wanted: str) -> Event | None:
    """Go on to the value of one key of the mapping that has just begun."""
    while not isinstance(key := next(events), MappingEndEvent):
        _skip(key, events)
        value = next(events)
        if isinstance(key, ScalarEvent) and key.value == wanted:
            return value
        _skip(value, events)
    return None


def _skip(event: Event, events: Iterator[Event]) -> None:
    """Go on to the end of what `event` begins."""
    depth = int(isinstance(event, CollectionStartEvent))
    while depth:
        following = next(events)
        depth += isinstance(following, CollectionStartEvent)
        depth -= isinstance(following, CollectionEndEvent)


def _missing(name: str, service: str, images: dict[str, str]) -> str:
    if name == "services":
        return "there are no services"
    if name == "image" and service in images:
        return "the image comes through '<<'; write it in the service itself"
    if name == "image":
        return "there is no image; write one first"
    return f"there is no service '{service}'{suggestion(service, images)}"


# --- writing it ----------------------------------------------------------------------------------


def _in_style_of(text: str, image: ImageRef) -> str:
    """The image as text; its name stays as short as it was written, where it is the same."""
    try:
        same = ImageRef.parse(text).name == image.name
    except ValueError:
        same = False
    if not same:
        return str(image)
    written = text.partition("@")[0]
    head, colon, tail = written.rpartition(":")
    # a colon before the last slash belongs to the registry's port
    name = head if colon and "/" not in tail else written
    return str(image).replace(image.name, name, 1)


def _insist(found: dict[str, str], wanted: dict[str, str], place: _Place) -> None:
    """Only what was meant to change may have changed; an anchor can be in the way of that."""
    others = sorted(name for name in wanted if found.get(name) != wanted[name])
    if others:
        message = f"cannot change without changing {', '.join(others)}; write their images apart"
        raise place.problem(message)


# --- the tree ------------------------------------------------------------------------------------


def _tree(source: bytes, path: str) -> Node | None:
    problems: list[Problem] = []

    def report(mark: Mark, message: str) -> None:
        problems.append(Problem(path, mark.line, mark.column, "", message))

    tree = parse(source, report)
    if tree is None and not problems:
        report(Mark(1, 1), "is empty")
    if problems:
        raise InvalidEnvironment(tuple(sorted(problems)))
    return tree


def _entries(node: Node | None) -> dict[str, Node]:
    found = node.entries if isinstance(node, MappingNode) else ()
    return {entry.key: entry.value for entry in found}


def _mark(event: Event) -> Mark:
    return Mark(_start(event).line + 1, _start(event).column + 1)


def _start(event: Event) -> yaml.Mark:
    # every event of the parser has marks; only those made by hand have none
    return cast("yaml.Mark", event.start_mark)


def _end(event: Event) -> yaml.Mark:
    return cast("yaml.Mark", event.end_mark)


def _problem(path: str, mark: Mark, key: str, message: str) -> InvalidEnvironment:
    return InvalidEnvironment((Problem(path, mark.line, mark.column, key, message),))

"""YAML bytes in, an immutable tree out that knows where everything stands.

Built from libyaml's events, never from a loader: nothing is ever constructed from what the file
says, and each limit is checked before the memory it protects is spent. Aliases share the node they
name, so a tree of 25,000 nodes *after* expansion is all that anybody can make us walk.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from moorline.core.compose.resolve import Plain, resolve

__all__ = ["Entry", "MappingNode", "Mark", "Node", "Report", "ScalarNode", "SequenceNode", "parse"]

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_NODES = 25_000
MAX_KEY = 256
MAX_SCALAR = 64 * 1024


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in the file; both count from 1, columns in characters."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """A scalar. `text` is what was written, `value` what it means (see `resolve`)."""

    mark: Mark
    text: str
    value: Plain
    quoted: bool


@dataclass(frozen=True, slots=True)
class SequenceNode:
    """A list."""

    mark: Mark
    items: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping, with its own place."""

    key: str
    mark: Mark
    value: "Node"


@dataclass(frozen=True, slots=True)
class MappingNode:
    """A mapping, in file order, merge keys applied."""

    mark: Mark
    entries: tuple[Entry, ...]


Node: TypeAlias = ScalarNode | SequenceNode | MappingNode
Report: TypeAlias = Callable[[Mark, str], None]


def parse(source: bytes, report: Report) -> Node | None:
    """Return the document's root, or None where it is empty or cannot be read (then reported)."""
    try:
        _check_bytes(source)
        composer = _Composer(report)
        for event in _events(source):
            composer.feed(event)
    except _Refused as refused:
        report(refused.mark, refused.message)
        return None
    return composer.root


class _Refused(Exception):
    """The file cannot be read any further."""

    def __init__(self, mark: Mark, message: str) -> None:
        super().__init__(message)
        self.mark = mark
        self.message = message


def _check_bytes(source: bytes) -> None:
    if len(source) > MAX_BYTES:
        raise _Refused(Mark(1, 1), f"larger than {MAX_BYTES // 1024} KiB")
    try:
        source.decode()
    except UnicodeDecodeError as error:
        raise _Refused(_mark_at(source, error.start), "not UTF-8") from None
    if b"\0" in source:
        raise _Refused(_mark_at(source, source.index(b"\0")), "holds a NUL byte")


def _mark_at(source: bytes, offset: int) -> Mark:
    before = source[:offset]
    line_start = before.rfind(b"\n") + 1
    column = len(before[line_start:].decode(errors="replace"))
    return Mark(before.count(b"\n") + 1, column + 1)


def _events(source: bytes) -> Iterator[Event]:
    try:
        yield from yaml.parse(source, Loader=yaml.CSafeLoader)
    except yaml.reader.ReaderError as error:
        # libyaml knows only the offset where it finds a character that YAML does not allow
        raise _Refused(_mark_at(source, error.position), f"not YAML: {error.reason}") from None
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        mark = Mark(at.line + 1, at.column + 1) if at else Mark(1, 1)
        raise _Refused(mark, f"not YAML: {error.problem or error.context}") from None


@dataclass(frozen=True, slots=True)
class _Anchored:
    node: Node
    size: int
    height: int


@dataclass(slots=True)
class _Frame:
    """A collection under construction."""

    mark: Mark
    anchor: str | None
    is_mapping: bool
    nodes_before: int
    children: list[Node] = field(default_factory=list)
    height: int = 0


class _Composer:
    """Turns events into nodes with a stack of its own: the file cannot reach Python's."""

    def __init__(self, report: Report) -> None:
        self.root: Node | None = None
        self._report = report
        self._documents = 0
        self._nodes = 0
        self._stack: list[_Frame] = []
        # None while an anchored collection is still open: an alias to it would be a cycle
        self._anchors: dict[str, _Anchored | None] = {}

    def feed(self, event: Event) -> None:
        mark = _mark_of(event)
        match event:
            case DocumentStartEvent():
                self._start_document(mark)
            case AliasEvent():
                self._alias(event.anchor, mark)
            case ScalarEvent():
                self._scalar(event, mark)
            case SequenceStartEvent() | MappingStartEvent():
                self._open(event, mark)
            case CollectionEndEvent():
                self._close()
            case _:
                pass

    def _start_document(self, mark: Mark) -> None:
        self._documents += 1
        if self._documents > 1:
            raise _Refused(mark, "a second document; one file is one environment")

    def _scalar(self, event: ScalarEvent, mark: Mark) -> None:
        self._count(1, mark)
        _refuse_tag(event, mark)
        text: str = event.value
        if len(text) > MAX_SCALAR:
            raise _Refused(mark, f"a value longer than {MAX_SCALAR // 1024} KiB")
        if "\0" in text:
            raise _Refused(mark, "a value with a NUL character")
        quoted = bool(event.style)
        node = ScalarNode(mark, text, text if quoted else resolve(text), quoted)
        self._remember(event.anchor, _Anchored(node, 1, 0))
        self._add(node, 0)

    def _alias(self, name: str | None, mark: Mark) -> None:
        if name is None or name not in self._anchors:
            raise _Refused(mark, f"alias '*{name}' has no anchor before it")
        anchored = self._anchors[name]
        if anchored is None:
            raise _Refused(mark, f"alias '*{name}' stands inside its own anchor")
        self._count(anchored.size, mark)
        self._check_depth(anchored.height, mark)
        self._add(anchored.node, anchored.height)

    def _open(self, event: SequenceStartEvent | MappingStartEvent, mark: Mark) -> None:
        _refuse_tag(event, mark)
        is_mapping = isinstance(event, MappingStartEvent)
        self._stack.append(_Frame(mark, event.anchor, is_mapping, self._nodes))
        self._count(1, mark)
        self._check_depth(0, mark)
        if event.anchor is not None:
            self._anchors[event.anchor] = None

    def _close(self) -> None:
        frame = self._stack.pop()
        node = self._mapping(frame) if frame.is_mapping else _sequence(frame)
        anchored = _Anchored(node, self._nodes - frame.nodes_before, frame.height + 1)
        self._remember(frame.anchor, anchored)
        self._add(node, anchored.height)

    def _add(self, node: Node, height: int) -> None:
        if not self._stack:
            self.root = node
            return
        frame = self._stack[-1]
        frame.children.append(node)
        frame.height = max(frame.height, height)

    def _remember(self, anchor: str | None, anchored: _Anchored) -> None:
        if anchor is not None:
            self._anchors[anchor] = anchored

    def _count(self, nodes: int, mark: Mark) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise _Refused(mark, f"more than {MAX_NODES} values (aliases count each time)")

    def _check_depth(self, below: int, mark: Mark) -> None:
        if len(self._stack) + below > MAX_DEPTH:
            raise _Refused(mark, f"nested deeper than {MAX_DEPTH} levels")

    def _mapping(self, frame: _Frame) -> MappingNode:
        entries: dict[str, Entry] = {}
        merges: list[Node] = []
        seen_merge: Mark | None = None
        for key, value in zip(frame.children[::2], frame.children[1::2], strict=True):
            if _is_merge(key):
                if seen_merge:
                    self._duplicate("<<", key.mark, seen_merge)
                seen_merge = key.mark
                merges.append(value)
                continue
            name = _key(key)
            if name in entries:
                self._duplicate(name, key.mark, entries[name].mark)
                continue
            entries[name] = Entry(name, key.mark, value)
        for value in merges:
            _merge(entries, value)
        return MappingNode(frame.mark, tuple(entries.values()))

    def _duplicate(self, name: str, mark: Mark, first: Mark) -> None:
        self._report(mark, f"duplicate key '{name}'; the first is at {first}")


def _mark_of(event: Event) -> Mark:
    start = event.start_mark
    return Mark(start.line + 1, start.column + 1) if start else Mark(1, 1)


def _sequence(frame: _Frame) -> SequenceNode:
    return SequenceNode(frame.mark, tuple(frame.children))


def _refuse_tag(event: NodeEvent, mark: Mark) -> None:
    tag = getattr(event, "tag", None)
    if tag is not None:
        raise _Refused(mark, f"tag '{tag}'; explicit tags are not supported, write a plain value")


def _is_merge(key: Node) -> bool:
    return isinstance(key, ScalarNode) and key.text == "<<" and not key.quoted


def _key(node: Node) -> str:
    if not isinstance(node, ScalarNode):
        raise _Refused(node.mark, "a key must be text")
    if len(node.text) > MAX_KEY:
        raise _Refused(node.mark, f"a key longer than {MAX_KEY} characters")
    if not isinstance(node.value, str):
        raise _Refused(node.mark, f"the key {node.text or 'null'} is not text; put it in quotes")
    return node.value


def _merge(entries: dict[str, Entry], value: Node) -> None:
    """Add the keys of `<<`: a mapping, or a list of them of which the first wins."""
    sources = value.items if isinstance(value, SequenceNode) else (value,)
    for source in sources:
        if not isinstance(source, MappingNode):
            raise _Refused(source.mark, "'<<' merges a mapping or a list of mappings")
        for entry in source.entries:
            entries.setdefault(entry.key, entry)

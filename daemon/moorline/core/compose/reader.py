"""A node of the file, where it stands, and where its problems go.

Reading never stops at a problem: each reader reports what is wrong at the node and returns a
default, so that one run tells a person everything at once. Whoever reads must ask the `Problems`
in the end whether the result may be used.
"""

import difflib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from moorline.core.compose.yamltree import MappingNode, Mark, Node, ScalarNode, SequenceNode
from moorline.errors import Problem

__all__ = ["Problems", "TooManyProblems", "Value", "fields", "optional", "suggestion"]

T = TypeVar("T")

# Nobody reads further, and a hostile file could make each of 25,000 nodes a problem.
MAX_PROBLEMS = 200
# A message may quote what it is about.
_MAX_MESSAGE = 500
# Comparing names costs the product of their lengths.
_MAX_NAME = 40
_MAX_KNOWN = 200


class TooManyProblems(Exception):
    """The list is full."""


class Problems:
    """What is wrong with one file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._found: set[Problem] = set()
        self._muted: set[Mark] = set()

    def add(self, mark: Mark, key: str, message: str) -> None:
        """Add one; raises TooManyProblems when that is enough."""
        if mark in self._muted:
            return
        if len(self._found) >= MAX_PROBLEMS:
            raise TooManyProblems
        short = message if len(message) <= _MAX_MESSAGE else f"{message[:_MAX_MESSAGE]}…"
        self._found.add(Problem(self._path, mark.line, mark.column, key, short))

    def mute(self, mark: Mark) -> None:
        """Say no more about this place."""
        self._muted.add(mark)

    def __bool__(self) -> bool:
        return bool(self._found)

    def in_order(self) -> tuple[Problem, ...]:
        """All of them, by position."""
        return tuple(sorted(self._found))


@dataclass(frozen=True, slots=True)
class Value:
    """A node at its place in the file; `key` is the dotted path to it."""

    node: Node
    key: str
    problems: Problems
    key_mark: Mark | None = None
    """Where its key stands, in a mapping."""

    def fail(self, message: str) -> None:
        """Report a problem here."""
        self.problems.add(self.node.mark, self.key, message)

    def fail_key(self, message: str) -> None:
        """Report a problem with the key."""
        self.problems.add(self.key_mark or self.node.mark, self.key, message)

    @property
    def is_null(self) -> bool:
        """Whether nothing was written."""
        return isinstance(self.node, ScalarNode) and self.node.value is None

    @property
    def is_scalar(self) -> bool:
        """Whether this is one value, not a list or a mapping."""
        return isinstance(self.node, ScalarNode)

    @property
    def is_sequence(self) -> bool:
        """Whether this is a list."""
        return isinstance(self.node, SequenceNode)

    @property
    def is_mapping(self) -> bool:
        """Whether this is a mapping."""
        return isinstance(self.node, MappingNode)

    def items(self) -> list["Value"]:
        """The items of a list; anything else is a problem."""
        if not isinstance(self.node, SequenceNode):
            self.fail("must be a list")
            return []
        return [
            Value(item, f"{self.key}[{index}]", self.problems)
            for index, item in enumerate(self.node.items)
        ]

    def entries(self) -> dict[str, "Value"]:
        """The values of a mapping, in file order; anything else is a problem."""
        if not isinstance(self.node, MappingNode):
            self.fail("must be a mapping")
            return {}
        return {
            entry.key: Value(entry.value, self._path_to(entry.key), self.problems, entry.mark)
            for entry in self.node.entries
        }

    def _path_to(self, name: str) -> str:
        return f"{self.key}.{name}" if self.key else name


def fields(
    value: Value,
    supported: Collection[str],
    refused: Mapping[str, str] | None = None,
    *,
    required: Collection[str] = (),
    owner: str = "",
) -> dict[str, Value]:
    """Return the supported keys of a mapping; every other one is a problem, by name.

    `refused` maps what Compose knows and moorline does not do to the reason. Keys with `x-` are
    extensions: they belong to other tools, and are left to them. Within an extension, `owner`
    says whose ("an x-moorline"), and there nothing is anybody else's.
    """
    refused = refused or {}
    found = {}
    for name, entry in value.entries().items():
        if name in supported:
            found[name] = entry
        elif name in refused:
            entry.fail_key(f"not supported: {refused[name]}")
        elif owner or not name.startswith("x-"):
            hint = suggestion(name, [*supported, *refused])
            entry.fail_key(f"not {owner or 'a Compose'} key{hint}")
    for name in required:
        if value.is_mapping and name not in found:
            value.fail(f"'{name}' is missing")
    return found


def optional(
    found: Mapping[str, Value], name: str, read: Callable[[Value], T], *, default: T
) -> T:
    """Read a key if it is there."""
    return read(found[name]) if name in found else default


def suggestion(name: str, known: Collection[str]) -> str:
    """Return `; did you mean 'x'?`, or nothing where nothing is near."""
    if len(name) > _MAX_NAME:
        return ""
    near = difflib.get_close_matches(name, islice(known, _MAX_KNOWN), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""

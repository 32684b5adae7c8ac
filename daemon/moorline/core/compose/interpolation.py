"""`${VARIABLE}` in values, as the Compose Specification has it.

    $V ${V}            the value
    ${V:-w} ${V-w}     w where V is unset or empty / unset
    ${V:?w} ${V?w}     refused with the message w where V is unset or empty / unset
    ${V:+w} ${V+w}     w where V is set and not empty / set, else nothing
    $$                 a dollar sign

A word `w` may hold variables of its own. Compose warns of a variable that is not set and goes on
with an empty string. We refuse it: a blank password or image tag is how production dies quietly.
"""

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from moorline.core.compose.reader import Problems
from moorline.core.compose.yamltree import (
    MAX_SCALAR,
    Entry,
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
)

__all__ = ["InterpolationError", "Variables", "expand", "interpolate"]

Lookup: TypeAlias = Callable[[str], str | None]

_MAX_NESTING = 16
# Everything that one file may grow to: many small scalars can each name a large variable.
_MAX_TOTAL = 4 * 1024 * 1024
# Shorter values would turn half of every log line into asterisks.
_MIN_SENSITIVE = 4
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_OPERATOR = re.compile(r":?[-?+]")


class InterpolationError(Exception):
    """Why a text cannot be expanded."""


class Variables:
    """The host's values, remembering which of them went into the file."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._used: set[str] = set()

    def get(self, name: str) -> str | None:
        """The value; None where it is not set."""
        value = self._values.get(name)
        if value is not None:
            self.remember(value)
        return value

    def remember(self, value: str) -> None:
        """Note a value that came from outside the repository."""
        if len(value) >= _MIN_SENSITIVE:
            self._used.add(value)

    @property
    def sensitive(self) -> frozenset[str]:
        """Every value that was used, if it is long enough to be told from ordinary text."""
        return frozenset(self._used)


def expand(text: str, lookup: Lookup) -> str:
    """Replace the variables in one text; raises InterpolationError."""
    return _expand(text, lookup, 0)


def _expand(text: str, lookup: Lookup, nesting: int) -> str:
    if nesting > _MAX_NESTING:
        raise InterpolationError(f"variables nested deeper than {_MAX_NESTING}")
    parts: list[str] = []
    length = at = 0
    while (dollar := text.find("$", at)) >= 0:
        value, end = _variable(text, dollar, lookup, nesting)
        parts += (text[at:dollar], value)
        length += dollar - at + len(value)
        at = end
        if length > MAX_SCALAR:
            raise InterpolationError(f"longer than {MAX_SCALAR // 1024} KiB with its variables")
    return "".join((*parts, text[at:]))


def _variable(text: str, dollar: int, lookup: Lookup, nesting: int) -> tuple[str, int]:
    """Read what begins at a dollar sign: its value and where the text goes on."""
    start = dollar + 1
    if text.startswith("$", start):
        return "$", start + 1
    if text.startswith("{", start):
        end = _closing_brace(text, start)
        return _braced(text[start + 1 : end], lookup, nesting), end + 1
    name = _NAME.match(text, start)
    if not name:
        raise InterpolationError("a lone '$'; write '$$' for a dollar sign")
    return _set(name[0], lookup(name[0])), name.end()


def _closing_brace(text: str, opening: int) -> int:
    nested = 1
    at = opening + 1
    while at < len(text):
        if text[at] == "}":
            nested -= 1
            if not nested:
                return at
        if text.startswith("${", at):
            nested += 1
            at += 1
        at += 1
    raise InterpolationError("'${' without its '}'")


def _braced(inner: str, lookup: Lookup, nesting: int) -> str:
    name = _NAME.match(inner)
    if not name:
        raise InterpolationError(f"'${{{inner[:40]}}}' does not name a variable")
    value = lookup(name[0])
    rest = inner[name.end() :]
    if not rest:
        return _set(name[0], value)
    operator = _OPERATOR.match(rest)
    if not operator:
        raise InterpolationError(f"'${{{inner[:40]}}}' is not one of the forms of a variable")
    # only the branch that is taken is looked at: `${A:-$B}` does not need B while A is set
    is_there = bool(value) if operator[0][0] == ":" else value is not None
    word = rest[operator.end() :]
    match operator[0][-1], is_there:
        case (("-" | "?"), True):
            return value or ""
        case "+", False:
            return ""
        case "?", False:
            reason = _expand(word, lookup, nesting + 1)
            raise InterpolationError(f"variable {name[0]} is required: {reason or 'not set'}")
        case _:
            return _expand(word, lookup, nesting + 1)


def _set(name: str, value: str | None) -> str:
    if value is None:
        raise InterpolationError(
            f"variable {name} is not set; set it on the host, or give a default: ${{{name}:-}}"
        )
    return value


def interpolate(root: Node, variables: Variables, problems: Problems) -> Node:
    """Return the tree with the variables in all its values replaced; keys stay as they are."""
    return _Interpolation(variables, problems).node(root, "")


class _Interpolation:
    def __init__(self, variables: Variables, problems: Problems) -> None:
        self._variables = variables
        self._problems = problems
        self._total = 0
        # aliased nodes are shared, so each is replaced (and complained about) once
        self._done: dict[int, Node] = {}

    def node(self, node: Node, key: str) -> Node:
        if id(node) not in self._done:
            self._done[id(node)] = self._replaced(node, key)
        return self._done[id(node)]

    def _replaced(self, node: Node, key: str) -> Node:
        match node:
            case ScalarNode():
                return self._scalar(node, key)
            case SequenceNode():
                items = (self.node(item, f"{key}[{i}]") for i, item in enumerate(node.items))
                return SequenceNode(node.mark, tuple(items))
            case _:
                entries = (self._entry(entry, key) for entry in node.entries)
                return MappingNode(node.mark, tuple(entries))

    def _entry(self, entry: Entry, key: str) -> Entry:
        path = f"{key}.{entry.key}" if key else entry.key
        return Entry(entry.key, entry.mark, self.node(entry.value, path))

    def _scalar(self, node: ScalarNode, key: str) -> ScalarNode:
        if not isinstance(node.value, str) or "$" not in node.value:
            return node
        try:
            text = expand(node.value, self._variables.get)
            self._spend(len(text))
        except InterpolationError as error:
            self._problems.add(node.mark, key, str(error))
            # what the value would have been is unknown, so nothing else about it is worth saying
            self._problems.mute(node.mark)
            return node
        return ScalarNode(node.mark, text, text, quoted=True)

    def _spend(self, length: int) -> None:
        self._total += length
        if self._total > _MAX_TOTAL:
            raise InterpolationError("the file grows too large with its variables")

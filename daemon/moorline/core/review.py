"""Is a file valid on some host? For people and pull requests, where no host's values are known.

Variables with a default take it. Those without one are taken as set, and what depends on their
value goes unjudged: the host that knows it will judge.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress

from moorline.core.compose import load
from moorline.core.compose.interpolation import InterpolationError, expand
from moorline.core.compose.yamltree import MappingNode, Mark, Node, ScalarNode, parse
from moorline.errors import InvalidEnvironment, Problem

__all__ = ["review"]

_PLACEHOLDER = "1"
"""Looks like a number, a name and a path's part: most values can be it."""


def review(
    source: bytes,
    *,
    path: str,
    files: Mapping[str, bytes],
    variables: Mapping[str, str] | None = None,
) -> tuple[Problem, ...]:
    """What is wrong with the file, in order; without `variables`, whatever any host may have."""
    unjudged: frozenset[Mark] = frozenset()
    if variables is None:
        variables, unjudged = _assumed(source)
    try:
        load(source, path=path, variables=variables, files=files)
    except InvalidEnvironment as error:
        return tuple(p for p in error.problems if Mark(p.line, p.column) not in unjudged)
    return ()


def _assumed(source: bytes) -> tuple[dict[str, str], frozenset[Mark]]:
    """Values for the variables that a host must have, and where they are used."""
    values: dict[str, str] = {}
    marks: set[Mark] = set()
    tree = parse(source, lambda _mark, _message: None)
    for name in _named(tree):
        values[name] = _PLACEHOLDER
    for node in _scalars(tree):
        needed = _needed(node.text, values)
        if needed:
            values |= dict.fromkeys(needed, _PLACEHOLDER)
            marks.add(node.mark)
    return values, frozenset(marks)


def _needed(text: str, values: Mapping[str, str]) -> frozenset[str]:
    """The variables without which `text` cannot be expanded (known ones included)."""
    needed: set[str] = set()
    while "$" in text:
        asked: list[str] = []

        def look_up(name: str, asked: list[str] = asked) -> str | None:
            asked.append(name)
            return _PLACEHOLDER if name in needed else None

        try:
            expand(text, look_up)
        except InterpolationError:
            missing = [name for name in asked if name not in needed]
            if missing:
                # expansion ends at the variable that it misses: the last one that it asked for
                needed.add(missing[-1])
                continue
        break
    return frozenset(needed)


def _named(tree: Node | None) -> Iterator[str]:
    """Variables that secrets and configs take their text from."""
    top = _entries(tree)
    for section in ("secrets", "configs"):
        for entry in _entries(top.get(section)).values():
            origin = _entries(entry).get("environment")
            if isinstance(origin, ScalarNode):
                yield origin.text

"""Is a file valid on some host? For people and pull requests, where no host's values are known.

Variables with a default take it. Those without one are taken as set, and what depends on their
value goes unjudged: the host that knows it will judge.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from moorline.core.compose import load
from moorline.core.compose.interpolation import InterpolationError, expand
from moorline.core.compose.yamltree import MappingNode, Mark, Node, ScalarNode, SequenceNode, parse
from moorline.core.model import Environment
from moorline.errors import InvalidEnvironment, Problem

__all__ = ["Review", "review", "survey"]

_PLACEHOLDER = "1"
"""Looks like a number, a name and a path's part: most values can be it."""


@dataclass(frozen=True, slots=True)
class Review:
    """What is wrong, in order; and what was read, where all of it could be judged."""

    problems: tuple[Problem, ...]
    environment: Environment | None = None


def review(
    source: bytes,
    *,
    path: str,
    files: Mapping[str, bytes],
    variables: Mapping[str, str] | None = None,
) -> tuple[Problem, ...]:
    """What is wrong with the file, in order; without `variables`, whatever any host may have."""
    return survey(source, path=path, files=files, variables=variables).problems


def survey(
    source: bytes,
    *,
    path: str,
    files: Mapping[str, bytes],
    variables: Mapping[str, str] | None = None,
) -> Review:
    """The same, with the environment itself."""
    unjudged: frozenset[Mark] = frozenset()
    if variables is None:
        variables, unjudged = _assumed(source)
    try:
        return Review((), load(source, path=path, variables=variables, files=files))
    except InvalidEnvironment as error:
        judged = (p for p in error.problems if Mark(p.line, p.column) not in unjudged)
        return Review(tuple(judged))


def _assumed(source: bytes) -> tuple[dict[str, str], frozenset[Mark]]:
    """Values for the variables that a host must have, and where they are used."""
    tree = parse(source, lambda _mark, _message: None)
    texts = [node for node in _scalars(tree) if "$" in node.text]
    names = {*_named(tree), *(name for node in texts for name in _needed(node.text))}
    values = dict.fromkeys(names, _PLACEHOLDER)
    marks = {node.mark for node in texts if _rests_on(values, node.text)}
    return values, frozenset(marks)


def _rests_on(values: Mapping[str, str], text: str) -> bool:
    """Whether a text is fine but for the values in it; what is no form of a variable is not."""
    asked, fits = _asked(text, values)
    return fits and not values.keys().isdisjoint(asked)


def _needed(text: str) -> frozenset[str]:
    """The variables without which a text cannot be expanded."""
    values: dict[str, str] = {}
    while True:
        asked, fits = _asked(text, values)
        missing = [name for name in asked if name not in values]
        if fits or not missing:
            return frozenset(values)
        # expansion ends at the variable that it misses: the last one that it asked for
        values[missing[-1]] = _PLACEHOLDER


def _asked(text: str, values: Mapping[str, str]) -> tuple[list[str], bool]:
    """The variables that an expansion looks at, and whether it succeeds."""
    asked: list[str] = []

    def look_up(name: str) -> str | None:
        asked.append(name)
        return values.get(name)

    try:
        expand(text, look_up)
    except InterpolationError:
        return asked, False
    return asked, True


def _named(tree: Node | None) -> Iterator[str]:
    """Variables that secrets and configs take their text from."""
    top = _entries(tree)
    for section in ("secrets", "configs"):
        for entry in _entries(top.get(section)).values():
            origin = _entries(entry).get("environment")
            if isinstance(origin, ScalarNode):
                yield origin.text


def _scalars(node: Node | None) -> Iterator[ScalarNode]:
    if isinstance(node, ScalarNode):
        yield node
    elif isinstance(node, MappingNode):
        for entry in node.entries:
            yield from _scalars(entry.value)
    elif isinstance(node, SequenceNode):
        for item in node.items:
            yield from _scalars(item)


def _entries(node: Node | None) -> dict[str, Node]:
    found = node.entries if isinstance(node, MappingNode) else ()
    return {entry.key: entry.value for entry in found}

"""`rules`: how long which tags are kept."""

import re
from dataclasses import replace

from moorline.core.compose.reader import Value, fields, optional, suggestion
from moorline.core.compose.scalars import boolean, filled
from moorline.core.compose.yamltree import ScalarNode
from moorline.core.retention.model import DAY, Rule
from moorline.core.retention.spans import parse_span
from moorline.core.retention.tags import UNTAGGED, WORDS

__all__ = ["span", "tag_rules"]

FOREVER = "forever"
RULE_KEYS = ("name", "match", "keep", "untag")
_OWNER = "a rule's"
# Every tag is held against all of them.
_MAX_RULES = 100
_MAX_NAME = 60
_MAX_MATCH = 128
# What a tag may be made of, and what a glob has besides.
_GLOB = re.compile(r"[A-Za-z0-9_.*?\[\]!-]+", re.ASCII)


def tag_rules(value: Value) -> tuple[Rule, ...]:
    """Read the list; the first rule that matches a tag decides about it."""
    items = value.items()
    if len(items) > _MAX_RULES:
        value.fail(f"more than {_MAX_RULES} rules")
        return ()
    if value.is_sequence and not items:
        value.fail("must not be empty: without a rule nothing would ever go")
    rules = [_rule(item) for item in items]
    _report_doubles(items, rules)
    return tuple(rules)


def span(value: Value, *, least: float = 0.0, words: tuple[str, ...] = ()) -> float:
    """A duration in seconds, of `least` at the least; `words` are what may stand there instead."""
    written = filled(_as_written(value))
    try:
        found = parse_span(written) if written else least
    except ValueError as error:
        value.fail(str(error) + "".join(f", or {word}" for word in words) + _meant(written, words))
        return least
    if found < least:
        value.fail("must be a day or more" if least == DAY else "must be more than 0")
    return found


def _as_written(value: Value) -> Value:
    """A bare number as text: it is told that it lacks a unit, not that it lacks quotes."""
    node = value.node
    if not isinstance(node, ScalarNode) or not isinstance(node.value, int):
        return value
    return replace(value, node=replace(node, value=node.text))


def _meant(written: str, words: tuple[str, ...]) -> str:
    if re.fullmatch(r"[1-9][0-9]{0,5}", written, re.ASCII):
        return f"; did you mean {written}d?"
    return suggestion(written, words)


def _rule(value: Value) -> Rule:
    found = fields(value, RULE_KEYS, required=("name", "match", "keep"), owner=_OWNER)
    match = optional(found, "match", _match, default="")
    return Rule(
        name=optional(found, "name", _name, default=""),
        match=match,
        keep=optional(found, "keep", _keep, default=None),
        untag=optional(found, "untag", boolean, default="-rollback-" in match),
    )


def _name(value: Value) -> str:
    name = filled(value)
    if len(name) > _MAX_NAME or not name.isprintable():
        value.fail(f"must be at most {_MAX_NAME} printable characters")
    return name


def _match(value: Value) -> str:
    match = filled(value)
    if match and (len(match) > _MAX_MATCH or not _GLOB.fullmatch(match)):
        value.fail(
            f"must be one of {', '.join(WORDS)}, or a glob of what a tag is made of: letters, "
            "digits, '_', '.' and '-', with *, ? and [abc]"
        )
    return match


def _keep(value: Value) -> float | None:
    node = value.node
    if isinstance(node, ScalarNode) and node.value == FOREVER:
        return None
    return span(value, least=DAY, words=(FOREVER,))


def _report_doubles(items: list[Value], rules: list[Rule]) -> None:
    """Report names that are taken, and rules that no tag can reach."""
    names: dict[str, int] = {}
    matches: dict[str, int] = {}
    for number, (item, rule) in enumerate(zip(items, rules, strict=True)):
        if rule.name and names.setdefault(rule.name, number) != number:
            item.fail(f"the name '{rule.name}' is taken by rule {names[rule.name] + 1}")
        if not rule.match:
            continue
        shadow = matches.get(rule.match, number if rule.match == UNTAGGED else matches.get("*"))
        matches.setdefault(rule.match, number)
        if shadow is not None and shadow != number:
            item.fail(f"is never reached: rule {shadow + 1} matches the same tags before it")

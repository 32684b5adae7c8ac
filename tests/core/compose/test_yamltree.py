from textwrap import dedent

import pytest

from moorline.core.compose.yamltree import (
    MappingNode,
    Mark,
    Node,
    ScalarNode,
    SequenceNode,
    parse,
)


def tree(text: str) -> object:
    """The document as plain Python values; it must be well-formed."""
    reported: list[str] = []
    node = parse(dedent(text).encode(), lambda mark, message: reported.append(f"{mark} {message}"))
    assert reported == []
    assert node
    return plain(node)


def plain(node: Node) -> object:
    match node:
        case ScalarNode():
            return node.value
        case SequenceNode():
            return [plain(item) for item in node.items]
        case MappingNode():
            return {entry.key: plain(entry.value) for entry in node.entries}


def refusals(source: str | bytes) -> list[str]:
    """What is reported about a document."""
    reported: list[str] = []
    data = source.encode() if isinstance(source, str) else source
    parse(data, lambda mark, message: reported.append(f"{mark}: {message}"))
    return reported


def test_scalars_lists_and_mappings_come_in_file_order() -> None:
    assert tree("b: [1, {x: y}]\na: 'no'\n") == {"b": [1, {"x": "y"}], "a": "no"}


def test_quoted_and_block_scalars_are_text() -> None:
    text = """
        single: '1'
        double: "true"
        literal: |
          12
        folded: >-
          null
    """
    assert tree(text) == {"single": "1", "double": "true", "literal": "12\n", "folded": "null"}


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "\ufeff"])
def test_an_empty_document_has_no_root_and_no_problem(text: str) -> None:
    reported: list[str] = []
    node = parse(text.encode(), lambda mark, message: reported.append(f"{mark}{message}"))
    assert node is None or plain(node) is None
    assert reported == []


def test_keys_and_values_know_where_they_stand() -> None:
    root = parse("äö:\n  - x\n  - 'é': z\n".encode(), lambda *_: None)
    assert isinstance(root, MappingNode)
    entry = root.entries[0]
    assert entry.mark == Mark(1, 1)
    assert isinstance(entry.value, SequenceNode)
    assert [item.mark for item in entry.value.items] == [Mark(2, 5), Mark(3, 5)]
    inner = entry.value.items[1]
    assert isinstance(inner, MappingNode)
    assert inner.entries[0].value.mark == Mark(3, 10)


def test_an_alias_is_what_its_anchor_names() -> None:
    assert tree("a: &x {k: v}\nb: *x\nc: [*x, *x]\n") == {
        "a": {"k": "v"},
        "b": {"k": "v"},
        "c": [{"k": "v"}, {"k": "v"}],
    }


def test_a_later_anchor_of_the_same_name_wins() -> None:
    assert tree("a: &x 1\nb: &x 2\nc: *x\n") == {"a": 1, "b": 2, "c": 2}


def test_merged_keys_yield_to_the_mapping_itself_and_to_earlier_sources() -> None:
    text = """
        one: &one {a: 1, b: 1}
        two: &two {b: 2, c: 2}
        both:
          <<: [*one, *two, {d: 4}]
          a: own
        single: {<<: *two}
    """
    found = tree(text)
    assert isinstance(found, dict)
    assert found["both"] == {"a": "own", "b": 1, "c": 2, "d": 4}
    assert found["single"] == {"b": 2, "c": 2}


def test_a_quoted_merge_key_is_an_ordinary_key() -> None:
    assert tree("'<<': 1\n") == {"<<": 1}


def test_every_duplicate_is_reported_with_both_places() -> None:
    assert refusals("a: 1\nb: 2\na: 3\nb: 4\n") == [
        "3:1: duplicate key 'a'; the first is at 1:1",
        "4:1: duplicate key 'b'; the first is at 2:1",
    ]


@pytest.mark.parametrize(
    ("source", "refusal"),
    [
        ("a: &x {}\nb:\n  <<: *x\n  <<: *x\n", "4:3: duplicate key '<<'; the first is at 3:3"),
        ("<<: text\n", "1:5: '<<' merges a mapping or a list of mappings"),
        ("<<: [{}, 1]\n", "1:10: '<<' merges a mapping or a list of mappings"),
        ("a: 1\n---\nb: 2\n", "2:1: a second document; one file is one environment"),
        ("{a: b}: c\n", "1:1: a key must be text"),
        ("80: c\n", "1:1: the key 80 is not text; put it in quotes"),
        ("~: c\n", "1:1: the key ~ is not text; put it in quotes"),
        ("? \n: c\n", "1:2: the key null is not text; put it in quotes"),
        (f"{'k' * 257}: c\n", "1:1: a key longer than 256 characters"),
        ("a: !!python/name:os.system x\n", "1:4: tag 'tag:yaml.org,2002:python/name:os.system'"),
        ("a: !reset null\n", "1:4: tag '!reset'"),
        ("a: ! x\n", "1:4: tag '!'"),
        ("a: !override [x]\n", "1:4: tag '!override'"),
        ("a: !!map {}\n", "1:4: tag 'tag:yaml.org,2002:map'"),
        ("a: *x\n", "1:4: alias '*x' has no anchor before it"),
        ("a: &x [*x]\n", "1:8: alias '*x' stands inside its own anchor"),
        ("a: &x\n  b: {c: *x}\n", "2:10: alias '*x' stands inside its own anchor"),
        ("a: [1\nb: 2\n", "2:2: not YAML: did not find expected ',' or ']'"),
        ("a: 'x\n", "2:1: not YAML: found unexpected end of stream"),
        ("\tx", "1:1: not YAML: found character that cannot start any token"),
        ("a: \x07", "1:4: not YAML: control characters are not allowed"),
        ('a: "\\0"', "1:4: a value with a NUL character"),
        (b"a: b\nc: d\0", "2:5: holds a NUL byte"),
        (b"ok: \xc3\xa4\nb: \xff", "2:4: not UTF-8"),
        ("x: 1\n".encode("utf-16"), "1:1: not UTF-8"),
        (b"x" * (1024 * 1024 + 1), "1:1: larger than 1024 KiB"),
        ("a: " + "x" * 65537, "1:4: a value longer than 64 KiB"),
        ("[" * 33, "1:33: nested deeper than 32 levels"),
        (
            "a: &x " + "[" * 20 + "]" * 20 + "\nb: " + "[" * 13 + "*x",
            "2:17: nested deeper than 32",
        ),
        ("- 1\n" * 25_000, "25000:3: more than 25000 values (aliases count each time)"),
        ("a: &x [" + "1," * 12_495 + "]\nb: [*x, *x]", "2:9: more than 25000 values"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_cannot_be_read_is_refused_with_its_place(source: str | bytes, refusal: str) -> None:
    (reported,) = refusals(source)
    assert reported.startswith(refusal)


def test_the_limits_themselves_are_allowed() -> None:
    nested = tree("[" * 32 + "]" * 32)
    assert isinstance(nested, list)
    long = tree("x" * 65536)
    assert long == "x" * 65536
    many = tree("- 1\n" * 24_999)
    assert isinstance(many, list)
    assert len(many) == 24_999

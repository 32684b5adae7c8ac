import pytest

from moorline.core.compose.commands import split
from tests.core.compose.loading import service, service_problems


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \t\n", []),
        ("one", ["one"]),
        ("one  two\nthree ", ["one", "two", "three"]),
        ("'one two' three", ["one two", "three"]),
        ('"one two"', ["one two"]),
        ("''", [""]),
        ('a "" b', ["a", "", "b"]),
        ("a'b c'd\"e f\"g", ["ab cde fg"]),
        ("one\\ two", ["one two"]),
        ("\\\\ \\'", ["\\", "'"]),
        ("'back\\slash'", ["back\\slash"]),
        ('"a \\"quoted\\" \\\\ \\n \\t \\x"', ['a "quoted" \\ \n \t x']),
        ("\\n", ["\n"]),
        ("'a;b|c&d<e>f(g)h`i'", ["a;b|c&d<e>f(g)h`i"]),
        ("a\\;b", ["a;b"]),
        ("$HOME *.txt ~ #x", ["$HOME", "*.txt", "~", "#x"]),
    ],
)
def test_a_command_line_is_split_into_words(text: str, words: list[str]) -> None:
    assert split(text) == words


@pytest.mark.parametrize("character", list(";&|<>()`"))
def test_a_shells_own_characters_are_refused_outside_quotes(character: str) -> None:
    with pytest.raises(ValueError, match="outside quotes, and no shell runs") as caught:
        split(f"echo a{character} b")
    assert str(caught.value).startswith(f"'{character}'")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 'b", "a quote ' without its end"),
        ('a "b', 'a quote " without its end'),
        ('a "b\\"', 'a quote " without its end'),
        ("a\\", "a backslash at the end"),
    ],
)
def test_what_does_not_end_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match="end") as caught:
        split(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("keys", "config"),
    [
        ("command: [a, 'b c']", {"Cmd": ["a", "b c"]}),
        ("command: a 'b c'", {"Cmd": ["a", "b c"]}),
        ("command: []", {"Cmd": []}),
        ("command: ''", {"Cmd": []}),
        ("command:", {}),
        ("entrypoint: null", {}),
        ("entrypoint: []", {"Entrypoint": []}),
        ("entrypoint: sh -c", {"Entrypoint": ["sh", "-c"]}),
    ],
)
def test_nothing_keeps_the_images_own_and_an_empty_list_clears_it(
    keys: str, config: dict[str, list[str]]
) -> None:
    assert service(keys).config == config


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("command: {a: b}", "command: must be a string or a list of strings"),
        ("command: 5", "command: must be a string; put it in quotes"),
        ("command: [sleep, 5]", "command[1]: must be a string; put it in quotes"),
        (
            "command: a; b",
            (
                "command: ';' outside quotes, and no shell runs; write "
                '["sh", "-c", "…"], or put it in quotes'
            ),
        ),
    ],
)
def test_a_command_is_text(keys: str, problem: str) -> None:
    assert service_problems(keys) == [problem]

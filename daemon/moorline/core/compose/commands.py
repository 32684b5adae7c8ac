"""Commands as a list, or as one string that is split into words.

No shell runs: quotes and backslashes group words, and that is all. Compose silently drops what
follows an unquoted `;`, `|` or `&`; we refuse such a string and say what to write instead.
"""

import re

from moorline.core.compose.reader import Value
from moorline.core.compose.scalars import string

__all__ = ["command", "split"]

_PIECE = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<plain>[^ \t\r\n'"\\;&|<>()`]+)
      | '(?P<single>[^']*)'
      | "(?P<double>(?:[^"\\]|\\.)*)"
      | \\(?P<escaped>.)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t"}


def command(value: Value) -> list[str] | None:
    """Read a command; None where nothing was written, so that the image's own stays."""
    if value.is_null:
        return None
    if value.is_sequence:
        return [string(item) for item in value.items()]
    if not value.is_scalar:
        value.fail("must be a string or a list of strings")
        return None
    try:
        return split(string(value))
    except ValueError as error:
        value.fail(str(error))
        return None


def split(text: str) -> list[str]:
    """Split a command line into words; raises ValueError with the reason."""
    words: list[str] = []
    word: list[str] = []
    in_word = False
    at = 0
    while at < len(text):
        piece = _PIECE.match(text, at)
        if not piece:
            raise ValueError(_complaint(text[at]))
        at = piece.end()
        if piece.lastgroup != "space":
            word.append(_content(piece))
            in_word = True
        elif in_word:
            words.append("".join(word))
            word, in_word = [], False
    return [*words, "".join(word)] if in_word else words


def _content(piece: "re.Match[str]") -> str:
    match piece.lastgroup:
        case "double":
            return _ESCAPE.sub(_unescaped, piece["double"])
        case "escaped":
            return _unescaped(piece)
        case name:
            return piece[name or 0]


def _unescaped(found: "re.Match[str]") -> str:
    character = found["escaped"] if "escaped" in found.groupdict() else found[1]
    return _ESCAPED.get(character, character)


def _complaint(character: str) -> str:
    if character in "'\"":
        return f"a quote {character} without its end"
    if character == "\\":
        return "a backslash at the end"
    return (
        f"'{character}' outside quotes, and no shell runs; "
        'write ["sh", "-c", "…"], or put it in quotes'
    )

r"""The format of an `env_file`, as Compose reads it.

    # comment
    export NAME=plain text   # a comment needs a space before it
    NAME: plain text
    NAME='literal'           a quote inside is written \'
    NAME="a ${VARIABLE}\n"    variables and escapes; quoted values may span lines
    NAME                     taken from the host, left out where it is not set there

A variable stands for its value outside of the file, else for what the file set above it.
"""

import re
from collections.abc import Callable

from moorline.core.compose.interpolation import InterpolationError, expand
from moorline.errors import InvalidConfig

__all__ = ["DotenvError", "parse", "parse_dotenv", "parse_raw"]

_MAX_BYTES = 1024 * 1024
_SPACE = r"[ \t\v\f\r]"
_SKIP = re.compile(r"(?:\s+|#[^\n]*)+")
_KEY = re.compile(
    rf"(?:export{_SPACE}+)?(?P<key>[\w.\-\[\]]+){_SPACE}*(?:(?P<sign>[=:]){_SPACE}*|(?=\n|\Z))"
)
_SINGLE = re.compile(r"'((?:[^'\\]|\\'?)*)'")
_DOUBLE = re.compile(r'"((?:\\.|[^"\\])*)"', re.DOTALL)
_PLAIN = re.compile(r"[^\n]*")
_COMMENT = re.compile(r"(?:^|\s)#.*")
_AFTER_QUOTES = re.compile(rf"{_SPACE}*(?:#[^\n]*)?(?=\n|\Z)")
_ESCAPE = re.compile(r'\\([abfnrtv"\\$])')
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class DotenvError(Exception):
    """What is wrong, with the line."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")


def decode(data: bytes) -> str:
    """Return the text of a file; raises DotenvError where it is none."""
    if len(data) > _MAX_BYTES:
        raise DotenvError(1, f"larger than {_MAX_BYTES // 1024} KiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DotenvError(data[: error.start].count(b"\n") + 1, "not UTF-8") from None
    if "\0" in text:
        raise DotenvError(text[: text.index("\0")].count("\n") + 1, "holds a NUL byte")
    return text.replace("\r\n", "\n")


def parse(data: bytes, lookup: Callable[[str], str | None]) -> dict[str, str]:
    """Return the variables of a file; raises DotenvError."""
    text = decode(data)
    found: dict[str, str] = {}

    def look_up(name: str) -> str | None:
        value = lookup(name)
        return found.get(name) if value is None else value

    at = 0
    while (start := _skip(text, at)) < len(text):
        try:
            key, value, at = _statement(text, start, look_up)
        except (InterpolationError, ValueError) as error:
            raise DotenvError(text.count("\n", 0, start) + 1, str(error)) from None
        if value is not None:
            found[key] = value
    return found


def parse_dotenv(data: bytes, *, path: str) -> dict[str, str]:
    """Return the variables of the host's own env file; raises InvalidConfig."""
    try:
        return parse(data, lambda _: None)
    except DotenvError as error:
        raise InvalidConfig(f"{path}: {error}") from None


def parse_raw(data: bytes) -> dict[str, str]:
    """Return the variables of a file with `format: raw`: each line is taken as it stands."""
    found: dict[str, str] = {}
    for number, line in enumerate(decode(data).split("\n"), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, equals, value = line.partition("=")
        if not equals or not key.strip() or " " in key.strip():
            raise DotenvError(number, "must be NAME=value")
        found[key.strip()] = value
    return found


def _skip(text: str, at: int) -> int:
    blank = _SKIP.match(text, at)
    return blank.end() if blank else at


def _statement(
    text: str, start: int, look_up: Callable[[str], str | None]
) -> tuple[str, str | None, int]:
    key = _KEY.match(text, start)
    if not key:
        line = text[start : start + 40].partition("\n")[0]
        raise ValueError(f"must be NAME=value, not {line!r}")
    if not key["sign"]:
        return key["key"], look_up(key["key"]), key.end()
    value, end = _value(text, key.end(), look_up)
    return key["key"], value, end


def _value(text: str, at: int, look_up: Callable[[str], str | None]) -> tuple[str, int]:
    if text.startswith(("'", '"'), at):
        return _quoted(text, at, look_up)
    found = _PLAIN.match(text, at)
    plain = _COMMENT.sub("", found[0] if found else "").rstrip()
    return expand(plain, look_up), at + len(found[0] if found else "")


def _quoted(text: str, at: int, look_up: Callable[[str], str | None]) -> tuple[str, int]:
    single = text[at] == "'"
    found = (_SINGLE if single else _DOUBLE).match(text, at)
    if not found:
        raise ValueError(f"a quote {text[at]} without its end")
    rest = _AFTER_QUOTES.match(text, found.end())
    if not rest:
        raise ValueError("text after the closing quote")
    if single:
        return found[1].replace("\\'", "'"), rest.end()
    return expand(_ESCAPE.sub(_unescaped, found[1]), look_up), rest.end()


def _unescaped(escape: "re.Match[str]") -> str:
    # an escaped dollar becomes the one that interpolation turns back into itself
    return "$$" if escape[1] == "$" else _ESCAPED.get(escape[1], escape[1])

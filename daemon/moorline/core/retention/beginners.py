"""What a YAML parser's complaint means to somebody who seldom writes YAML."""

from collections.abc import Callable

from moorline.core.compose.yamltree import Mark

__all__ = ["explained"]

_QUOTES = 'a value that begins with * has to stand in quotes, as in "*-rollback-*"'
_TABS = "indent with spaces: YAML takes no tab there"
_STRANGE = "a value that begins with %, @ or ` has to stand in quotes"
_ONE = "a second document; the file is one policy"


def explained(source: bytes, report: Callable[[Mark, str], None]) -> Callable[[Mark, str], None]:
    """The same report, with what to do where a line shows what was meant."""
    lines = source.decode(errors="replace").splitlines()

    def better(mark: Mark, message: str) -> None:
        line = lines[mark.line - 1] if mark.line <= len(lines) else ""
        report(mark, _explained(message, line, line[mark.column - 1 :]))

    return better


def _explained(message: str, line: str, rest: str) -> str:
    if message.startswith("a second document"):
        return _ONE
    if message.startswith("alias") or "alphabetic or numeric character" in message:
        return f"{message}; {_QUOTES}"
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return f"{message}; {_TABS}"
    if rest.startswith(("%", "@", "`")):
        return f"{message}; {_STRANGE}"
    return message

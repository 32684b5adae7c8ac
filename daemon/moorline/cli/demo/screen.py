"""How the demo looks: calm, in 80 columns, and plain where there is no terminal."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from moorline.cli.demo.witness import CommitLine

__all__ = ["Screen"]

_INDENT = 4
_WIDEST = 100
_CLAIM = 52


class Screen:
    """Prints the story, line by line. A quiet console makes a silent screen."""

    def __init__(self, console: Console) -> None:
        console.width = min(console.width, _WIDEST)
        self._console = console

    def opening(self, title: str, about: str) -> None:
        """What this is."""
        self._line(Text(title, style="bold"))
        self._line(Text(about, style="dim"))

    def scene(self, number: int, title: str, about: str) -> None:
        """A step begins."""
        self._console.print()
        self._line(Text.assemble((f"{number}  ", "bold cyan"), (title, "bold")))
        self._line(Padding(Text(about, style="dim"), (0, 0, 0, 3)))
        self._console.print()

    def typed(self, command: str, printed: str = "") -> None:
        """What a person typed, and the answer."""
        self._indented(Text.assemble(("$ ", "dim"), (command, "bold")), hanging=2)
        for line in printed.splitlines():
            self._indented(Text(f"  {line}", style="dim"))

    def heading(self, text: str) -> None:
        """Whose words follow."""
        self._console.print()
        self._indented(Text(text, style="cyan"))

    def plan(self, steps: Sequence[Mapping[str, str]]) -> None:
        """The daemon's plan: verb, subject, reason."""
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(style="dim")
        for step in steps:
            table.add_row(Text(step["do"]), Text(step["what"]), Text(step["why"]))
        self._line(Padding(table, (0, 0, 0, _INDENT + 2)))

    def quote(self, lines: Sequence[str]) -> None:
        """Words of a record or a log, as they are."""
        for line in lines:
            self._line(Padding(Text(line), (0, 0, 0, _INDENT + 2)))

    def gap(self) -> None:
        """An empty line."""
        self._console.print()

    def proved(self, claim: str, measure: str = "") -> None:
        """Something was checked, and is so."""
        text = Text.assemble(("✓ ", "green"), claim)
        if measure:
            text.append(" " * max(2, _CLAIM - len(claim)))
            text.append(measure, style="bold")
        self._indented(text, hanging=2)

    def commit(self, line: CommitLine) -> None:
        """A commit that somebody made."""
        text = Text.assemble((line.sha[:7], "yellow"), " ", line.subject)
        text.append(f"  ({line.author}, {line.branch})", style="dim")
        self._indented(text, hanging=8)

    def note(self, text: str) -> None:
        """A sentence beside the story."""
        self._line(Padding(Text(text, style="dim"), (0, 0, 0, _INDENT)))

    def said(self, text: str) -> None:
        """A sentence of the story itself."""
        self._line(Text(text))

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Show that something is awaited; a terminal forgets it again."""
        if not self._console.is_terminal:
            yield
            return
        with self._console.status(Text(f"{what} …", style="dim"), spinner="dots"):
            yield

    def _indented(self, text: Text, hanging: int = 0) -> None:
        """A paragraph whose later lines stand `hanging` further in."""
        width = self._console.width - _INDENT - hanging
        first, *rest = text.wrap(self._console, width + hanging) or [Text()]
        self._line(Padding(first, (0, 0, 0, _INDENT)))
        for line in rest:
            self._line(Padding(line, (0, 0, 0, _INDENT + hanging)))

    def _line(self, what: Text | Padding) -> None:
        self._console.print(what, highlight=False)

"""How the demo looks: calm, in 80 columns, and plain where there is no terminal."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from moorline.cli.demo.witness import CommitLine

__all__ = ["Screen"]

_NARROWEST, _WIDEST = 60, 100
_ABOUT, _BODY, _INNER = 3, 4, 6
_SHA = 7
_MEASURE = 56
"""The column where figures stand."""


class Screen:
    """Prints the story, line by line. A quiet console makes a silent screen."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._width = min(max(console.width, _NARROWEST), _WIDEST)

    # --- what happens ---

    def opening(self, title: str, about: str) -> None:
        """What this is."""
        self._print(Text(title, style="bold"))
        self._print(Text(about, style="dim"))
        self.gap()

    def scene(self, number: int, title: str, about: str) -> None:
        """A step begins."""
        self.gap()
        self._print(Text.assemble((f"{number}  ", "bold cyan"), (title, "bold")))
        self._print(Text(about, style="dim"), indent=_ABOUT)
        self.gap()

    def said(self, text: str) -> None:
        """A sentence of the story itself."""
        self._print(Text(text))

    def gap(self) -> None:
        """An empty line."""
        self._console.print()

    # --- what a person does ---

    def typed(self, command: str, printed: str = "") -> None:
        """What was typed, and the answer."""
        self._print(Text.assemble(("$ ", "dim"), (command, "bold")), indent=_BODY, hanging=2)
        for line in printed.splitlines():
            self._print(Text(line, style="dim"), indent=_INNER, hanging=2)

    def aside(self, *lines: str) -> None:
        """What a person did in an editor."""
        for line in lines:
            self._print(Text(line, style="dim"), indent=_INNER)

    # --- what the daemon does ---

    def heading(self, who: str) -> None:
        """Whose words follow."""
        self.gap()
        self._print(Text(who, style="cyan"), indent=_BODY)

    def plan(self, steps: Sequence[Mapping[str, str]]) -> None:
        """The daemon's plan: verb, subject, reason."""
        verbs = max((len(step["do"]) for step in steps), default=0)
        subjects = max((len(step["what"]) for step in steps), default=0)
        for step in steps:
            head = f"{step['do']:<{verbs}}  {step['what']:<{subjects}}  "
            line = Text.assemble(head, (step["why"], "dim"))
            self._print(line, indent=_INNER, hanging=len(head))

    def sentence(self, text: str) -> None:
        """How the daemon sums it up."""
        self._print(Text.assemble(("→ ", "cyan"), text), indent=_BODY, hanging=2)
        self.gap()

    def quote(self, about: str, lines: Sequence[str]) -> None:
        """Words of a log, as they are."""
        self._print(Text(about, style="dim"), indent=_BODY)
        for line in lines:
            self._print(Text(line), indent=_INNER)
        self.gap()

    # --- what is so ---

    def proved(self, claim: str, measure: str = "") -> None:
        """Something was checked, and is so."""
        text = Text.assemble(("✓ ", "green"), claim)
        if measure:
            text.append(" " * max(2, _MEASURE - _BODY - len(text)))
            text.append(measure, style="bold")
        self._print(text, indent=_BODY, hanging=2)

    def commit(self, line: CommitLine) -> None:
        """A commit that somebody made."""
        head = Text.assemble((line.sha[:_SHA], "yellow"), "  ", line.subject)
        self._print(head, indent=_INNER, hanging=_SHA + 2)
        origin = f"by {line.author} on {line.branch}"
        self._print(Text(origin, style="dim"), indent=_INNER + _SHA + 2)

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Show that something is awaited; a terminal forgets it again."""
        if not self._console.is_terminal:
            yield
            return
        with self._console.status(Text(f"{what} …", style="dim"), spinner="dots"):
            yield

    def _print(self, text: Text, *, indent: int = 0, hanging: int = 0) -> None:
        """A paragraph; its later lines stand `hanging` columns further in.

        Wrapped here and not by the library, which would fill every line up with spaces.
        """
        first, *rest = text.wrap(self._console, self._width - indent - hanging) or [Text()]
        for line in (first, *rest):
            margin = indent if line is first else indent + hanging
            line.rstrip()
            self._console.print(Text.assemble(" " * margin, line), highlight=False, soft_wrap=True)

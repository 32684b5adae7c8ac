"""How the demo looks: calm, in 80 columns, and plain where there is no terminal."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from moorline.cli.demo.ticker import ticking
from moorline.cli.demo.witness import CommitLine

__all__ = ["Screen"]

_NARROWEST, _WIDEST = 60, 100
_ABOUT, _BODY, _INNER = 3, 4, 6
_SHA = 7
_MEASURE = 56
"""Where figures end, behind a claim."""


class Screen:
    """Prints the story, line by line. A quiet console makes a silent screen."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._width = min(max(console.width, _NARROWEST), _WIDEST)
        self._live = False

    # --- what happens ---

    def opening(self, title: str, about: str) -> None:
        """What this is."""
        self._print(Text(title, style="bold"))
        self._print(Text(about, style="dim"))
        self.gap()

    def scene(self, number: int, title: str, about: str) -> None:
        """A step begins."""
        self.gap()
        self._print(Text(title, style="bold"), head=Text(f"{number}  ", style="bold cyan"))
        self._print(Text(about, style="dim"), indent=_ABOUT)
        self.gap()

    def said(self, text: str) -> None:
        """A sentence of the story itself."""
        self._print(Text(text))

    def gap(self) -> None:
        """An empty line."""
        self._console.print()

    # --- what a person does ---

    def typed(self, command: str) -> None:
        """What was typed."""
        self._print(Text(command, style="bold"), head=Text("$ ", style="dim"), indent=_BODY)

    def printed(self, text: str, *, cut: bool = False) -> None:
        """The answer to it; lines that are too long go on in the next one, or are cut."""
        for line in text.splitlines():
            shown = Text(line, style="dim")
            if cut:
                shown.truncate(self._width - _INNER, overflow="ellipsis")
            self._print(shown, indent=_INNER)

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
            head = Text(f"{step['do']:<{verbs}}  {step['what']:<{subjects}}  ")
            self._print(Text(step["why"], style="dim"), head=head, indent=_INNER)

    def sentence(self, text: str) -> None:
        """How the daemon sums it up."""
        self._print(Text(text), head=Text("→ ", style="cyan"), indent=_BODY)
        self.gap()

    def quote(self, about: str, lines: Sequence[str]) -> None:
        """Words of a log, as they are."""
        self._print(Text(about, style="dim"), indent=_BODY)
        for line in lines:
            self._print(Text(line), indent=_INNER)
        self.gap()

    # --- what is so ---

    def proved(self, claim: str, seconds: float | None = None, note: str = "") -> None:
        """Something was checked and is so, after so many seconds."""
        text = Text(claim)
        if seconds is not None:
            text.append(f"{seconds:{max(6, _MEASURE - len(text))}.1f} s", style="bold")
            text.append(f" {note}")
        self._print(text, head=Text("✓ ", style="green"), indent=_BODY)

    def commit(self, line: CommitLine) -> None:
        """A commit that somebody made."""
        head = Text(f"{line.sha[:_SHA]}  ", style="yellow")
        self._print(Text(line.subject), head=head, indent=_INNER)
        origin = Text(f"by {line.author} on {line.branch}", style="dim")
        self._print(origin, indent=_INNER + len(head))

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Show that something is awaited; a terminal forgets it again."""
        if self._live or not self._console.is_terminal:
            yield
            return
        with self._console.status(Text(f"waiting: {what} …", style="dim"), spinner="dots"):
            yield

    @contextmanager
    def counting(self, count: Callable[[], str]) -> Iterator[None]:
        """Show a count while it grows: in one line of a terminal, else in a line each second."""
        if not self._console.is_terminal:
            with ticking(lambda: self._print(_counted(count()), indent=_BODY), every=1.0):
                yield
            return
        self._live = True
        try:
            with Live(
                get_renderable=lambda: Text(" " * _BODY) + _counted(count()),
                console=self._console,
                refresh_per_second=10,
                transient=True,
            ):
                yield
        finally:
            self._live = False

    def _print(self, body: Text, *, indent: int = 0, head: Text | None = None) -> None:
        """A paragraph; where it has a head, its later lines begin where the first goes on.

        Wrapped here and not by the library, which would fill every line up with spaces.
        """
        lead = Text(" " * indent) + (head or Text())
        for line in body.wrap(self._console, self._width - len(lead)) or [Text()]:
            whole = lead + line
            whole.rstrip()
            self._console.print(whole, highlight=False, soft_wrap=True)
            lead = Text(" " * len(lead))


def _counted(count: str) -> Text:
    return Text(f"↻ {count}", style="cyan")

"""Progress on a terminal: a live line for each step under way, a lasting one for each that ended.

Drawn on stderr, so that a result on stdout can be piped while a person watches.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress_bar import ProgressBar

from moorline.adapters.ports import PullProgress
from moorline.cli.output import shortened
from moorline.core.actions import Action

__all__ = ["TerminalReporter"]

_LOADED = frozenset({"Verifying Checksum", "Download complete", "Extracting", "Pull complete"})
_SILENT = frozenset({"planned"})
"""Events that the steps themselves show."""


class _PullBar(BarColumn):
    """A bar where the length of the way is known; nothing moves for the sake of moving."""

    def render(self, task: Task) -> ProgressBar:
        bar = super().render(task)
        bar.width = bar.width if task.total else 0
        return bar


class TerminalReporter:
    """See the port `Reporter`; works while `live()` is open."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._tasks: dict[int, TaskID] = {}
        self._pulls: dict[tuple[str, ...], tuple[TaskID, dict[str, tuple[int, int]]]] = {}
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            _PullBar(bar_width=20),
            TextColumn("{task.fields[bytes]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )

    def about(self, environment: str) -> "TerminalReporter":
        """The same: a person watches one environment at a time."""
        del environment
        return self

    @contextmanager
    def live(self) -> Iterator[None]:
        """Draw while the body runs."""
        with self._progress:
            yield

    def refresh(self) -> None:
        """Draw now instead of at the next tenth of a second."""
        self._progress.refresh()

    def note(self, event: str, /, **values: object) -> None:
        """A remark, above the live lines."""
        if event in _SILENT:
            return
        words = "  ".join(f"{key}={value}" for key, value in values.items() if value != "")
        self._console.print(f"[dim]{escape(event)}  {escape(words)}[/dim]", highlight=False)

    def step_begins(self, action: Action) -> None:
        """A live line."""
        task = self._progress.add_task(escape(_words(action)), total=None, bytes="")
        with self._lock:
            self._tasks[id(action)] = task
            if action.verb == "pull":
                self._pulls[tuple(action.subject.split(","))] = (task, {})

    def step_ends(self, action: Action, *, seconds: float, error: str) -> None:
        """The live line goes, a lasting one stays."""
        with self._lock:
            task = self._tasks.pop(id(action), None)
        if task is not None:
            self._progress.remove_task(task)
        sign = "[red]✗[/red]" if error else "[green]✓[/green]"
        text = f"{sign} {escape(_words(action))}  [dim]{seconds:.1f} s[/dim]"
        self._console.print(f"{text}  {escape(error)}" if error else text, highlight=False)

    def pulled(self, services: tuple[str, ...], progress: PullProgress) -> None:
        """Bytes on the live line of a pull, over all of its layers."""
        with self._lock:
            if services not in self._pulls:
                return
            task, layers = self._pulls[services]
            _, total = layers.get(progress.layer, (0, 0))
            if progress.status == "Downloading" and progress.total:
                layers[progress.layer] = (progress.current, progress.total)
            elif progress.status in _LOADED and total:
                layers[progress.layer] = (total, total)
            here = sum(current for current, _ in layers.values())
            whole = sum(total for _, total in layers.values())
        if whole:
            text = f"{decimal(here)} of {decimal(whole)}"
            self._progress.update(task, completed=here, total=whole, bytes=text)


def _words(action: Action) -> str:
    words = (action.verb, action.subject, shortened(action.detail))
    return " ".join(word for word in words if word not in {"", "-"})

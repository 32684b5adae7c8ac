"""What is told while a command works: on a terminal, in a log, in a pipe."""

import io
import json
import sys

import pytest
import structlog
from rich.console import Console

from moorline.adapters.ports import PullProgress
from moorline.agent.report import LogReporter
from moorline.cli import logging
from moorline.cli.narration import narrated
from moorline.cli.output import columns, shortened
from moorline.cli.terminal import TerminalReporter
from moorline.core.actions import Prove, Pull, Ready
from tests.core.builders import image

PULL = Pull(image=image("web", "1"), services=("web", "api"), why="not on this host")
PROVE = Prove(services=("web",), why="it is new")


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def reporter(screen: io.StringIO) -> TerminalReporter:
    return TerminalReporter(
        Console(file=screen, force_terminal=True, width=100, color_system=None)
    )


def progress(layer: str, status: str, current: int = 0, total: int = 0) -> PullProgress:
    return PullProgress(layer=layer, status=status, current=current, total=total)


def test_a_step_that_ended_leaves_one_line_with_its_seconds(
    reporter: TerminalReporter, screen: io.StringIO
) -> None:
    with reporter.live():
        reporter.step_begins(PROVE)
        reporter.step_ends(PROVE, seconds=12.34, error="")
    assert "✓ prove web  12.3 s\n" in screen.getvalue()


def test_a_step_that_failed_says_why(reporter: TerminalReporter, screen: io.StringIO) -> None:
    with reporter.live():
        reporter.step_begins(PROVE)
        reporter.step_ends(PROVE, seconds=1, error="web: [exited] with 3")
    assert "✗ prove web  1.0 s  web: [exited] with 3\n" in screen.getvalue()


def test_a_pull_counts_the_bytes_of_all_its_layers(
    reporter: TerminalReporter, screen: io.StringIO
) -> None:
    services = ("web", "api")
    with reporter.live():
        reporter.step_begins(PULL)
        reporter.pulled(services, progress("a", "Pulling fs layer"))
        reporter.pulled(services, progress("a", "Downloading", 1_000_000, 4_000_000))
        reporter.pulled(services, progress("b", "Downloading", 2_000_000, 6_000_000))
        reporter.pulled(services, progress("b", "Download complete"))
        reporter.pulled(services, progress("c", "Already exists"))
        reporter.refresh()
        reporter.step_ends(PULL, seconds=3, error="")
    assert "7.0 MB of 10.0 MB" in screen.getvalue()
    assert "✓ pull web,api r.io/web:1@" in screen.getvalue()


def test_progress_of_a_pull_that_nobody_announced_is_ignored(reporter: TerminalReporter) -> None:
    reporter.pulled(("web",), progress("a", "Downloading", 1, 2))


def test_remarks_are_lines_and_what_the_steps_show_is_not_repeated(
    reporter: TerminalReporter, screen: io.StringIO
) -> None:
    with reporter.live():
        reporter.note("planned", steps=3)
        reporter.note("rollback committed", commit="3f9c2d1", restores="", odd="[red]")
    assert "rollback committed  commit=3f9c2d1  odd=[red]\n" in screen.getvalue()
    assert "planned" not in screen.getvalue()


# --- logs ----------------------------------------------------------------------------------------


@pytest.fixture
def log() -> io.StringIO:
    yield io.StringIO()
    structlog.reset_defaults()


def test_a_machine_gets_one_json_object_for_each_event(log: io.StringIO) -> None:
    logging.configure(log, machine=True)
    LogReporter().note("rollout begins", commit="3f9c2d1", subject="Grüße")
    LogReporter().step_ends(Ready(why="w"), seconds=0.5, error="")
    first, second = (json.loads(line) for line in log.getvalue().splitlines())
    assert list(first) == ["timestamp", "level", "event", "commit", "subject"]
    assert first["timestamp"].endswith("Z")
    assert (first["level"], first["event"], first["subject"]) == (
        "info",
        "rollout begins",
        "Grüße",
    )
    assert (second["event"], second["do"], second["detail"]) == ("step done", "ready", "")


def test_a_person_gets_a_line_without_blanks(log: io.StringIO) -> None:
    logging.configure(log)
    LogReporter().step_ends(Ready(why="all is here"), seconds=0.5, error="no")
    (line,) = log.getvalue().splitlines()
    assert "[warning  ] step failed" in line
    assert line.endswith("do=ready what=- why='all is here' seconds=0.5 error=no")


def test_without_a_terminal_it_is_told_to_the_log() -> None:
    with narrated() as reporter:
        assert isinstance(reporter, LogReporter)
    structlog.reset_defaults()


def test_on_a_terminal_it_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    with narrated() as reporter:
        assert isinstance(reporter, TerminalReporter)


# --- results -------------------------------------------------------------------------------------


def test_columns_are_aligned_and_safe_to_print() -> None:
    rows = [("a", "\x1b[31mred", "x"), ("long", "b", "")]
    assert columns(rows) == "a      [31mred  x\nlong  b"


def test_columns_end_where_the_terminal_does(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "10")
    assert columns([("a", "0123456789"), ("b", "012345")]) == "a  012345…\nb  012345"


def test_digests_are_short_for_people() -> None:
    assert shortened(f"web:1@sha256:{'ab' * 32} x") == "web:1@abababababab x"

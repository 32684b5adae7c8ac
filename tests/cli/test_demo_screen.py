"""How the demo looks."""

import io
import re

from rich.console import Console

from moorline.cli.demo.screen import Screen
from moorline.cli.demo.witness import CommitLine
from tests.parts.processes import until

PLAN = [
    {"do": "create", "what": "network default", "detail": "", "why": "not on this host"},
    {"do": "ready", "what": "-", "detail": "", "why": "a reason of many words " * 6},
]


def shown(**settings: object) -> str:
    """A piece of every kind, as it looks."""
    file = io.StringIO()
    screen = Screen(Console(file=file, width=80, **settings))  # type: ignore[arg-type]  # as given
    screen.scene(1, "A title", "about " * 30)
    screen.typed("moorline pin moorline-demo web " + "x" * 60)
    screen.printed("answer " * 30)
    screen.printed("cut " * 40, cut=True)
    screen.heading("moorline")
    screen.plan(PLAN)
    screen.sentence("is proven " * 12)
    screen.proved("the page says version 1", 1.26, "after the push")
    screen.commit(CommitLine("main", "3f9c2d1" + "0" * 33, "You", "Deploy " * 14))
    with screen.waiting("nothing"):
        pass
    with screen.counting(lambda: "counted " * 4):
        pass
    return file.getvalue()


def test_nothing_is_wider_than_eighty_columns() -> None:
    lines = shown().splitlines()
    assert max(map(len, lines)) <= 80
    assert all(line == line.rstrip() for line in lines)


def test_without_a_terminal_it_is_plain_text() -> None:
    text = shown()
    assert "\x1b" not in text
    assert "    ✓ the page says version 1" in text
    assert re.search(r" 1\.3 s after the push$", text, re.MULTILINE)


def test_a_terminal_counts_in_one_line_that_it_forgets_again() -> None:
    file = io.StringIO()
    screen = Screen(Console(file=file, width=80, force_terminal=True, no_color=True))
    with screen.counting(lambda: "12 requests"), screen.waiting("an answer"):
        screen.proved("it answered")
    text = file.getvalue()
    assert "12 requests" in text
    assert "waiting" not in text
    assert text.rstrip().endswith("\x1b[2K")


def test_without_a_terminal_a_count_is_a_line_each_second() -> None:
    file = io.StringIO()
    screen = Screen(Console(file=file, width=80))
    with screen.counting(lambda: "12 requests"):
        until(lambda: "12 requests" in file.getvalue())
    assert set(file.getvalue().splitlines()) == {"    ↻ 12 requests"}


def test_a_long_reason_goes_on_below_itself() -> None:
    lines = [line for line in shown().splitlines() if "of many words" in line]
    begin = len("      create  network default  ")
    assert len(lines) > 1
    assert lines[0].startswith(" " * 6 + "ready   -                a reason")
    assert all(line[:begin].isspace() and line[begin] != " " for line in lines[1:])


def test_a_terminal_without_colours_gets_none() -> None:
    coloured = shown(force_terminal=True, color_system="standard")
    calm = shown(force_terminal=True, color_system="standard", no_color=True)
    colours = re.compile(r"\x1b\[(?:\d;)?3\dm")
    assert colours.search(coloured)
    assert not colours.search(calm)

"""Log lines: one event with its values, on stderr, so that stdout holds results only."""

import os
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor

__all__ = ["configure"]


def configure(stream: TextIO | None = None, *, machine: bool = False) -> None:
    """Set the form of log lines: JSON for `machine`, else for people; colours on a terminal."""
    stream = stream or sys.stderr
    rendering: list[Processor] = [structlog.processors.JSONRenderer(ensure_ascii=False)]
    if not machine:
        people = structlog.dev.ConsoleRenderer(
            colors=_has_colours(stream), pad_event_to=20, sort_keys=False
        )
        rendering = [_without_blanks, people]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _event_first,
            *rendering,
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=True,
    )


def _has_colours(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR")


def _event_first(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Time, level and event lead every line; whoever reads it in a journal looks there."""
    lead = {key: event.pop(key) for key in ("timestamp", "level", "event")}
    return {**lead, **event}


def _without_blanks(_logger: object, _method: str, event: EventDict) -> EventDict:
    return {key: value for key, value in event.items() if value != ""}

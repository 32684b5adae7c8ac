"""Narration: what the agent tells while it works.

The agent speaks through `Reporter` and knows nothing of logs, terminals or records. Every event
has a constant name and named values, so that a log line can be searched for.
"""

from typing import Protocol

import structlog

from moorline.adapters.ports import PullProgress
from moorline.core.actions import Action

__all__ = ["LogReporter", "Reporter", "SilentReporter"]


class Reporter(Protocol):
    """Listens. Calls come from several threads and must return quickly."""

    def about(self, environment: str) -> "Reporter":
        """The same listener, for what happens in one of several environments."""
        ...

    def note(self, event: str, /, **values: object) -> None:
        """Something happened that a person may want to know."""
        ...

    def step_begins(self, action: Action) -> None:
        """A step of a plan is being carried out."""
        ...

    def step_ends(self, action: Action, *, seconds: float, error: str) -> None:
        """It is done; `error` is empty where it went well."""
        ...

    def pulled(self, services: tuple[str, ...], progress: PullProgress) -> None:
        """A layer of an image came further."""
        ...


class SilentReporter:
    """Tells nobody: for commands that only look."""

    def about(self, environment: str) -> "SilentReporter":
        """Tell nobody."""
        del environment
        return self

    def note(self, event: str, /, **values: object) -> None:
        """Tell nobody."""

    def step_begins(self, action: Action) -> None:
        """Tell nobody."""

    def step_ends(self, action: Action, *, seconds: float, error: str) -> None:
        """Tell nobody."""

    def pulled(self, services: tuple[str, ...], progress: PullProgress) -> None:
        """Tell nobody."""


class LogReporter:
    """One log line per step; layers of a pull are left to terminals."""

    def __init__(self, environment: str = "") -> None:
        """Every line names the environment, if one is given."""
        log = structlog.get_logger("moorline")
        self._log = log.bind(environment=environment) if environment else log

    def about(self, environment: str) -> "LogReporter":
        """Lines that name the environment."""
        return LogReporter(environment)

    def note(self, event: str, /, **values: object) -> None:
        """One line."""
        self._log.info(event, **values)

    def step_begins(self, action: Action) -> None:
        """Steps are logged when they end."""

    def step_ends(self, action: Action, *, seconds: float, error: str) -> None:
        """One line per step."""
        values = {
            "do": action.verb,
            "what": action.subject,
            "detail": action.detail,
            "why": action.why,
            "seconds": round(seconds, 3),
        }
        if error:
            self._log.warning("step failed", **values, error=error)
        else:
            self._log.info("step done", **values)

    def pulled(self, services: tuple[str, ...], progress: PullProgress) -> None:
        """Too much for a log."""

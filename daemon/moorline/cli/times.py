"""Moments as commands show them: UTC, from seconds since the epoch."""

from datetime import UTC, datetime

__all__ = ["day_text", "iso_text", "minute_text"]


def minute_text(moment: float) -> str:
    """For people: `2026-01-02 03:04Z`."""
    return _text(moment, "%Y-%m-%d %H:%MZ")


def day_text(moment: float) -> str:
    """For people: `2026-01-02`."""
    return _text(moment, "%Y-%m-%d")


def iso_text(moment: float) -> str:
    """For machines: ISO 8601 to the second."""
    return _text(moment, "%Y-%m-%dT%H:%M:%SZ")


def _text(moment: float, form: str) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime(form)

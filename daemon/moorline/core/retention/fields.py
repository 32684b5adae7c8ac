"""Values as they stand in the records of retention, there and back. Pure."""

from datetime import UTC, datetime

from moorline.core.records import iso_time
from moorline.core.values import Json

__all__ = ["iso", "iso_minutes", "plain", "seconds_of", "texts_of", "versions_text", "whole_of"]


def iso(seconds: float | None) -> str | None:
    """A moment to the millisecond, UTC."""
    return None if seconds is None else iso_time(datetime.fromtimestamp(seconds, UTC))


def iso_minutes(seconds: float | None) -> str | None:
    """A moment to the minute, for what stands in a hundred thousand rows."""
    return None if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%MZ}"


def seconds_of(value: object) -> float | None:
    """YAML reads a moment of its own accord where it stands without quotes."""
    if isinstance(value, datetime):
        return value.timestamp()
    return datetime.fromisoformat(value).timestamp() if isinstance(value, str) else None


def texts_of(value: Json) -> tuple[str, ...]:
    """A list of texts; () for anything else."""
    return tuple(str(each) for each in value) if isinstance(value, list) else ()


def whole_of(value: object) -> int:
    """A whole number; 0 for anything else."""
    return value if isinstance(value, int) else 0


def plain(text: str) -> str:
    """What neither YAML nor a terminal takes for more than text."""
    return "".join(each if each.isprintable() else " " for each in text)


def versions_text(count: int) -> str:
    """`1 version`, `2 versions`."""
    return "1 version" if count == 1 else f"{count} versions"

"""A daemon's log line, as a person reads it."""

import json

__all__ = ["readable"]

_LEFT_OUT = {"timestamp", "level", "event", "digest", "detail", "why"}


def readable(line: str) -> str:
    """Time, event and the values that tell most; a line that is no JSON object stays as it is."""
    try:
        entry = json.loads(line)
    except ValueError:
        return line
    if not isinstance(entry, dict):
        return line
    moment = str(entry.get("timestamp", ""))[11:19]
    values = [f"{key}={value}" for key, value in entry.items() if key not in _LEFT_OUT]
    return "  ".join(filter(None, (moment, str(entry.get("event", "")), *values)))

"""What every part of `x-moorline` is read with."""

from collections.abc import Collection

from moorline.core.compose.reader import Value, fields

__all__ = ["NAME", "own_fields"]

NAME = "x-moorline"


def own_fields(
    value: Value, supported: Collection[str], *, required: Collection[str] = ()
) -> dict[str, Value]:
    """The keys of a mapping within `x-moorline`; there every other one is a problem."""
    return fields(value, supported, owner=f"an {NAME}", required=required)

"""What the API's JSON says of versions. What cannot be read is an error, never left out."""

from datetime import datetime
from typing import Annotated

import msgspec

from moorline.adapters.answer import Answer, one_line
from moorline.core.image import Digest, is_tag
from moorline.core.retention.model import Version
from moorline.errors import RegistryUnreachable

__all__ = ["owner_type", "read_version", "read_versions"]


class _Container(msgspec.Struct):
    tags: list[str]


class _Metadata(msgspec.Struct):
    container: _Container


class _Row(msgspec.Struct):
    id: Annotated[int, msgspec.Meta(gt=0)]
    name: str
    created_at: Annotated[datetime, msgspec.Meta(tz=True)]
    metadata: _Metadata


class _Owner(msgspec.Struct):
    type: str


_ROWS = msgspec.json.Decoder(list[_Row])
_ROW = msgspec.json.Decoder(_Row)
_OWNER = msgspec.json.Decoder(_Owner)


def read_versions(what: str, answer: Answer) -> tuple[Version, ...]:
    """A page of versions, as listed."""
    try:
        return tuple(_version(row) for row in _ROWS.decode(answer.body))
    except (ValueError, RecursionError) as error:
        raise _nonsense(what, error) from error


def read_version(what: str, answer: Answer) -> Version:
    """One version."""
    try:
        return _version(_ROW.decode(answer.body))
    except (ValueError, RecursionError) as error:
        raise _nonsense(what, error) from error


def owner_type(what: str, answer: Answer) -> str:
    """`User` or `Organization`."""
    try:
        return _OWNER.decode(answer.body).type
    except (ValueError, RecursionError) as error:
        raise _nonsense(what, error) from error


def _version(row: _Row) -> Version:
    for tag in row.metadata.container.tags:
        if not is_tag(tag):
            raise ValueError(f"a tag that cannot be: {tag}")
    return Version(
        digest=str(Digest(row.name)),
        tags=tuple(sorted(row.metadata.container.tags)),
        created=row.created_at.timestamp(),
        id=str(row.id),
    )


def _nonsense(what: str, error: Exception) -> RegistryUnreachable:
    return RegistryUnreachable(f"{what}: GitHub's answer cannot be read: {one_line(str(error))}")

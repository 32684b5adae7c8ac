"""Records with very many rows, as YAML that people and machines read alike. Pure.

A record is one file: a header, and a list of entries, each with sections of rows. A row is one
line of JSON, which is YAML too: a parser of YAML takes half a minute for a hundred thousand of
them, one of JSON half a second. A reader of the state repo takes no file of more than 1 MiB, so
that rows which do not fit go on in `<id>-2.yaml`, `<id>-3.yaml` and so on; the header, and what
is said of each entry itself, are always in the first one.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import yaml

from moorline.core.values import Json, JsonObject

__all__ = ["Entry", "read_entries", "read_header", "row_files"]

LIMIT = 1_000_000
"""Bytes of one file, a little less than what a reader takes."""
_ENTRIES = "packages"
_ROW = "  - {"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: what is said of it, and its sections of rows. Its `name` is in the head."""

    head: JsonObject
    rows: Mapping[str, Sequence[JsonObject]]


@dataclass(slots=True)
class _File:
    """One file in the making. `room` is how many bytes may still come."""

    text: list[str]
    room: int
    section: tuple[str, str] = ("", "")

    def add(self, text: str) -> None:
        self.text.append(text)
        self.room -= len(text.encode())


@dataclass(slots=True)
class _Writer:
    """Fills one file after the other. The first holds back room for the heads still to come."""

    id: str
    kind: str
    limit: int
    files: list[_File] = field(default_factory=list)

    def begin(self, header: str, held_back: int = 0) -> None:
        self.files.append(_File([header], self.limit - len(header.encode()) - held_back))

    def row(self, name: str, section: str, line: str) -> None:
        size = len(line.encode())
        if self.files[-1].room < size + len(name) + len(section) + 20:
            number = len(self.files) + 1
            part: JsonObject = {"kind": f"{self.kind}-part", "id": self.id, "part": number}
            self.begin(f"{_yaml(part)}{_ENTRIES}:\n")
        file = self.files[-1]
        if len(self.files) > 1 and file.section[0] != name:
            file.add(_yaml([{"name": name}]))
        if file.section != (name, section):
            file.add(f"  {section}:\n")
            file.section = (name, section)
        file.add(line)


def row_files(
    path: str, header: JsonObject, entries: Sequence[Entry], *, limit: int = LIMIT
) -> dict[str, bytes]:
    """Path → bytes, the same for the same input. `path` is the first file's, `…/<id>.yaml`."""
    writer = _Writer(str(header["id"]), str(header["kind"]), limit)
    heads = [_yaml([dict(entry.head)]) for entry in entries]
    to_come = sum(len(head.encode()) for head in heads)
    writer.begin(f"{_yaml(header)}{_ENTRIES}:{'' if entries else ' []'}\n", to_come)
    for entry, head in zip(entries, heads, strict=True):
        name = str(entry.head["name"])
        first = writer.files[0]
        first.text.append(head)
        first.section = (name, "")
        _write_rows(writer, name, entry)
    return {_part(path, n): "".join(f.text).encode() for n, f in enumerate(writer.files, start=1)}


def read_header(data: bytes) -> JsonObject:
    """The header and the entries' heads, without any row; {} for what is no such file."""
    lines = data.decode(errors="replace").split("\n")
    return _mapping("\n".join(line for line in lines if not line.startswith(_ROW)))


def read_entries(files: Sequence[bytes]) -> tuple[Entry, ...]:
    """All entries of a record's files, which come in their order. Raises ValueError for what
    cannot be read: a decision that is known in part is not known.
    """
    heads: dict[str, JsonObject] = {}
    rows: dict[str, dict[str, list[JsonObject]]] = {}
    for data in files:
        for entry in _entries(data):
            name = str(entry.head.get("name"))
            heads.setdefault(name, entry.head)
            for section, found in entry.rows.items():
                rows.setdefault(name, {}).setdefault(section, []).extend(found)
    return tuple(Entry(head, rows.get(name, {})) for name, head in heads.items())


def _write_rows(writer: _Writer, name: str, entry: Entry) -> None:
    for section, rows in entry.rows.items():
        for row in rows:
            writer.row(name, section, f"  - {json.dumps(row, ensure_ascii=False)}\n")


def _part(path: str, number: int) -> str:
    return path if number == 1 else f"{path.removesuffix('.yaml')}-{number}.yaml"


def _entries(data: bytes) -> Sequence[Entry]:
    try:
        return tuple(_read(data))
    except (IndexError, RecursionError) as error:
        raise ValueError(f"not a record: {error}") from None


def _read(data: bytes) -> Iterator[Entry]:
    rows: list[str] = []
    lines = data.decode().split("\n")
    for number, line in enumerate(lines):
        if line.startswith(_ROW):
            lines[number] = f"  - {len(rows)}"
            rows.append(line[len("  - ") :])
    entries = _mapping("\n".join(lines)).get(_ENTRIES)
    if not isinstance(entries, list):
        raise ValueError("no record")  # noqa: TRY004  (the caller asks about the file, not a type)
    for entry in entries:
        if not isinstance(entry, dict):
            raise ValueError("no entry of a record")  # noqa: TRY004  (the same)
        sections = {key: value for key, value in entry.items() if isinstance(value, list)}
        head = {key: value for key, value in entry.items() if key not in sections}
        yield Entry(head, {key: _rows(value, rows) for key, value in sections.items()})


def _rows(numbers: Sequence[object], rows: Sequence[str]) -> list[JsonObject]:
    found = [json.loads(rows[each]) for each in numbers if isinstance(each, int)]
    if len(found) != len(numbers):
        raise ValueError("no row of a record")
    return found


def _mapping(text: str) -> JsonObject:
    try:
        value = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML: {error}") from None
    return value if isinstance(value, dict) else {}


def _yaml(value: Json) -> str:
    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100))

"""Git's own formats as values: trees and logs read, a commit written. Pure."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from moorline.adapters.staterepo_port import Commit, FileChange

__all__ = [
    "CHANGES_FORMAT",
    "LOG_FORMAT",
    "REGULAR",
    "TreeEntry",
    "blob_oid",
    "commit_stream",
    "is_record",
    "parse_blobs",
    "parse_changes",
    "parse_found",
    "parse_log",
    "parse_sizes",
    "parse_tree",
]

REGULAR = "100644"
# Files, executable or not, and symbolic links; not 160000, whose object is in another repository.
_BLOB_MODES = ("100", "120")
LOG_FORMAT = "--format=tformat:%H%x00%an <%ae>%x00%ct%x00%s%x00%(trailers:only=true,unfold=true)"
_LOG_FIELDS = 5
CHANGES_FORMAT = "--format=tformat:%x00%H %ct"
# The id at the front sorts by time; anything else on a history branch is not ours to read.
_RECORD = re.compile(r"\d{8}T\d{6}Z[^/]*\.yaml", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeEntry:
    """One line of ls-tree. `size` is 0 where it was not asked for, or is no file."""

    mode: str
    kind: str
    oid: str
    size: int
    path: str

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


def parse_tree(out: bytes) -> Iterator[TreeEntry]:
    """Read `ls-tree -z`, with or without `-l`."""
    for line in out.decode(errors="replace").split("\0")[:-1]:
        front, _, path = line.partition("\t")
        mode, kind, oid, *size = front.split()
        length = int(size[0]) if size and size[0].isdigit() else 0
        yield TreeEntry(mode=mode, kind=kind, oid=oid, size=length, path=path)


def parse_log(out: bytes) -> list[Commit]:
    """Read `log -z` in LOG_FORMAT."""
    fields = out.decode(errors="replace").split("\0")[:-1]
    rows = zip(*[iter(fields)] * _LOG_FIELDS, strict=True)
    return [
        Commit(
            sha=sha,
            author=_plain(author),
            at=_utc(seconds),
            subject=_plain(subject),
            trailers=_trailers(trailers),
        )
        for sha, author, seconds, subject, trailers in rows
    ]


def parse_changes(out: bytes) -> Iterator[FileChange]:
    """Read `log -z --raw --no-abbrev` in CHANGES_FORMAT: after each commit its files, and behind
    each file's line its path, which may look like anything.
    """
    commit, at = "", 0.0
    fields = iter(out.split(b"\0"))
    for field in fields:
        line = field.decode("ascii").strip("\n")
        if not line.startswith(":"):
            commit, at = _dated(line) if line else (commit, at)
            continue
        path = next(fields).decode(errors="replace")
        old_mode, new_mode, old, new, _ = line[1:].split(" ")
        yield FileChange(
            commit=commit, at=at, path=path, old=_blob(old_mode, old), new=_blob(new_mode, new)
        )


def _dated(line: str) -> tuple[str, float]:
    commit, _, seconds = line.partition(" ")
    # git prints no date where it can read none
    return commit, float(seconds or 0)


def _blob(mode: str, oid: str) -> str:
    return oid if mode.startswith(_BLOB_MODES) else ""


def parse_blobs(out: bytes) -> Iterator[bytes]:
    """Read `cat-file --batch` for objects that all exist."""
    start = 0
    while start < len(out):
        end = out.index(b"\n", start)
        size = int(out[start:end].rsplit(b" ", 1)[1])
        yield out[end + 1 : end + 1 + size]
        start = end + size + 2


def parse_sizes(out: bytes) -> list[int]:
    """Read `cat-file --batch-check` for objects that all exist."""
    return [int(line.rsplit(b" ", 1)[1]) for line in out.splitlines()]


def parse_found(out: bytes) -> Iterator[tuple[str, int | None]]:
    """Read `cat-file --batch-check`: the sizes of blobs, None for what is missing or no blob."""
    for line in out.decode("ascii").splitlines():
        oid, kind, *size = line.split(" ")
        yield oid, int(size[0]) if kind == "blob" else None


def blob_oid(data: bytes) -> str:
    """The object name git gives these bytes."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def commit_stream(
    *, ref: str, who: str, message: str, base: str | None, files: Mapping[str, bytes]
) -> bytes:
    """One commit on `base` (None: a root) for fast-import, which prints its sha."""
    text = message.encode()
    head = f"commit {ref}\nmark :1\nauthor {who} now\ncommitter {who} now\n"
    parts = [head.encode(), b"data %d\n%s\n" % (len(text), text)]
    if base is not None:
        parts.append(f"from {base}\n".encode())
    for path, data in sorted(files.items()):
        parts.append(f"M {REGULAR} inline {path}\n".encode())
        parts.append(b"data %d\n%s\n" % (len(data), data))
    parts.append(b"get-mark :1\ndone\n")
    return b"".join(parts)


def is_record(name: str) -> bool:
    """Whether a file name is that of a record."""
    return _RECORD.fullmatch(name) is not None


def _utc(seconds: str) -> str:
    # A commit may claim any date; an impossible one is shown as the epoch.
    try:
        at = datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        at = datetime.fromtimestamp(0, UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _trailers(text: str) -> Mapping[str, str]:
    pairs = (line.partition(":") for line in text.split("\n") if ":" in line)
    return {_plain(key): _plain(value.strip()) for key, _, value in pairs}


def _plain(text: str) -> str:
    """Text that no terminal obeys."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)

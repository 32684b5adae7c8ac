"""A state repo in memory: the remote that people push to, and a host's view of it.

Two `FakeStateRepo` on one `FakeRemote` are two hosts.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from moorline.adapters.staterepo.formats import blob_oid, is_record
from moorline.adapters.staterepo.words import (
    branch_name,
    commit_message,
    commit_sha,
    history_branch,
    is_abbreviation,
    is_sha,
    repo_path,
)
from moorline.adapters.staterepo_port import Blob, Commit, FileChange, HistoryEntry, Relation
from moorline.errors import AccessDenied, Conflict, MoorlineError, NotFound, Stalled, UsageError

__all__ = ["FakeRemote", "FakeStateRepo"]

_EPOCH = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
_MAX_FILE = 1024 * 1024
_TRAILER = re.compile(r"([A-Za-z0-9-]+): *(.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Snapshot:
    """One commit: all its files, and where it came from."""

    sha: str
    parent: str | None
    author: str
    seconds: float
    message: str
    files: Mapping[str, bytes]

    @property
    def at(self) -> str:
        return datetime.fromtimestamp(self.seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(slots=True)
class FakeRemote:
    """What people see: branches and commits. Tests set `trouble` and `protected`."""

    branches: dict[str, str] = field(default_factory=dict)
    commits: dict[str, _Snapshot] = field(default_factory=dict)
    trouble: MoorlineError | None = None
    """Raised by everything that talks to the remote, while set."""
    protected: set[str] = field(default_factory=set)
    """Branches that refuse moorline's pushes."""
    before_push: Callable[[], None] | None = None
    """Called once, just before the next push: the place for a person to be faster."""
    shallow: bool = False
    """Whether the history is cut off somewhere."""
    lost: set[str] = field(default_factory=set)
    """Blobs that nobody can read any more."""

    def commit(
        self,
        files: Mapping[str, bytes | str | None],
        message: str = "change",
        *,
        branch: str = "main",
        author: str = "Ada <ada@example.test>",
        at: float | None = None,
    ) -> str:
        """One person's commit on `branch`, pushed; returns the sha. `at` is what it is dated."""
        sha = self.build(self.branches.get(branch), files, message, author, at=at)
        self.branches[branch] = sha
        return sha

    def build(
        self,
        parent: str | None,
        files: Mapping[str, bytes | str | None],
        message: str,
        author: str,
        *,
        at: float | None = None,
    ) -> str:
        """A commit that no branch names yet."""
        merged = dict(self.commits[parent].files) if parent else {}
        for path, content in files.items():
            if content is None:
                merged.pop(path)
                continue
            merged[path] = content.encode() if isinstance(content, str) else content
        seed = repr((parent, sorted(merged.items()), message, len(self.commits)))
        sha = hashlib.sha1(seed.encode(), usedforsecurity=False).hexdigest()
        usual = _EPOCH + timedelta(minutes=len(self.commits))
        self.commits[sha] = _Snapshot(
            sha=sha,
            parent=parent,
            author=author,
            seconds=usual.timestamp() if at is None else at,
            message=message,
            files=merged,
        )
        return sha

    def tip(self, branch: str = "main") -> str | None:
        return self.branches.get(branch)

    def reset(self, sha: str, branch: str = "main") -> None:
        self.branches[branch] = sha

    def delete(self, branch: str) -> None:
        del self.branches[branch]

    def show(self, commit: str, path: str) -> str:
        """A file's text at a commit or branch."""
        return self.commits[self.branches.get(commit, commit)].files[path].decode()

    def files(self, commit: str) -> Sequence[str]:
        return sorted(self.commits[self.branches.get(commit, commit)].files)

    def shas(self, branch: str = "main") -> Sequence[str]:
        """Every commit of a branch, newest first."""
        return [snapshot.sha for snapshot in self.ancestry(self.branches[branch])]

    def ancestry(self, sha: str) -> Iterator[_Snapshot]:
        """A commit and everything before it; nothing for one that is not there."""
        current = self.commits.get(sha)
        while current is not None:
            yield current
            current = self.commits.get(current.parent or "")


class FakeStateRepo:
    """One host's StateRepo on a FakeRemote."""

    def __init__(self, remote: FakeRemote, *, host: str = "web-1", branch: str = "main") -> None:
        self.remote = remote
        self.closed = False
        self._who = f"moorline ({host}) <moorline@{host}>"
        self._branch = branch
        self._seen: dict[str, str] = {}

    # --- reading ---

    def fetch(self) -> str:
        self._reach()
        if self._branch not in self.remote.branches:
            raise NotFound(f"the remote has no branch {self._branch}", mend="push a first commit")
        ours = {b: s for b, s in self.remote.branches.items() if b.startswith("history/")}
        self._seen |= {**ours, self._branch: self.remote.branches[self._branch]}
        return self._seen[self._branch]

    def tip(self) -> str | None:
        return self._seen.get(self._branch)

    def relation(self, accepted: str, tip: str) -> Relation:
        commit_sha(accepted)
        if commit_sha(tip) == accepted:
            return "same"
        if accepted in self._shas(tip):
            return "ahead"
        return "behind" if tip in self._shas(accepted) else "diverged"

    def read(self, commit: str, path: str) -> Blob | None:
        data = self._at(commit).files.get(repo_path(path))
        if data is None:
            return None
        if len(data) > _MAX_FILE:
            raise Stalled(f"{path} has {len(data)} bytes", mend="keep it below 1 MiB")
        return Blob(oid=blob_oid(data), data=data)

    def paths(self, commit: str, folder: str) -> tuple[str, ...]:
        wanted = repo_path(folder) if folder else ""
        return tuple(p for p in sorted(self._at(commit).files) if p.rpartition("/")[0] == wanted)

    def last_change(self, commit: str, path: str) -> Commit | None:
        return next(iter(self.log(commit, path, limit=1)), None)

    def log(self, commit: str, path: str, *, limit: int) -> Sequence[Commit]:
        repo_path(path)
        self._at(commit)
        touching = [_as_commit(s) for s in self.remote.ancestry(commit) if self._touches(s, path)]
        return touching[:limit]

    def commit(self, sha: str) -> Commit:
        return _as_commit(self._at(sha))

    def expand(self, text: str) -> str | None:
        start, tip = text.lower(), self.tip()
        if tip is None or not is_abbreviation(start):
            return None
        found = [sha for sha in self._shas(tip) if sha.startswith(start)]
        if len(found) > 1:
            raise UsageError(f"{text} names {len(found)} commits", mend="give more digits")
        return found[0] if found else None

    def history(self, prefix: str, *, limit: int) -> Sequence[HistoryEntry]:
        below = f"history/{prefix.strip('/')}".rstrip("/")
        entries = [
            HistoryEntry(branch=branch, path=path, data=data)
            for branch, sha in self._seen.items()
            if f"{branch}/".startswith(f"{below}/")
            for path, data in self.remote.commits[sha].files.items()
            if is_record(_name(path))
        ]
        return sorted(entries, key=lambda entry: _name(entry.path), reverse=True)[:limit]

    def history_tips(self) -> Mapping[str, str]:
        return {b: sha for b, sha in sorted(self._seen.items()) if b.startswith("history/")}

    def changes(self, commit: str, folder: str) -> Sequence[FileChange]:
        below = f"{repo_path(folder)}/"
        self._at(commit)
        if self.remote.shallow:
            raise Stalled("only a part of the history is here", mend="fetch from a full one")
        return [
            change
            for snapshot in self.remote.ancestry(commit)
            for change in self._changes_of(snapshot)
            if change.path.startswith(below)
        ]

    def files(self, commit: str, folder: str) -> Sequence[tuple[str, str]]:
        below = f"{repo_path(folder)}/"
        there = sorted(self._at(commit).files.items())
        return [(path, blob_oid(data)) for path, data in there if path.startswith(below)]

    def blobs(self, oids: Collection[str], *, skip_large: bool = False) -> Mapping[str, bytes]:
        known = {blob_oid(data): data for s in self.remote.commits.values() for data in _data(s)}
        found = {oid: self._blob(oid, known) for oid in sorted(set(oids))}
        large = [oid for oid, data in found.items() if len(data) > _MAX_FILE]
        if large and not skip_large:
            raise Stalled(f"blob {large[0]} has more than 1 MiB")
        return {oid: data for oid, data in found.items() if oid not in large}

    # --- writing ---

    def replace(self, path: str, data: bytes, *, expected: str, message: str) -> str:
        self._check(path, message)
        self._push_starts()
        tip = self.fetch()
        there = self.remote.commits[tip].files.get(path)
        if there is None or blob_oid(there) != expected:
            raise Conflict(f"{path} was changed on {self._branch} by somebody else")
        return self._publish(self._branch, tip, {path: data}, message)

    def propose(self, branch: str, path: str, data: bytes, *, message: str) -> str:
        self._check(path, message)
        if branch_name(branch) == self._branch or branch.startswith("history/"):
            raise UsageError(f"{branch} is not a branch for proposals")
        tip = self.fetch()
        existing = self.remote.branches.get(branch)
        if existing is None:
            return self._publish(branch, tip, {path: data}, message)
        if self.remote.commits[existing].files.get(path) != data:
            raise Conflict(f"{branch} exists and proposes something else")
        return existing

    def append(self, branch: str, files: Mapping[str, bytes], *, message: str) -> str | None:
        history_branch(branch)
        for path in files:
            self._check(path, message)
        self._push_starts()
        base = self.remote.branches.get(branch)
        there = self.remote.commits[base].files if base else {}
        if any(there.get(path, data) != data for path, data in files.items()):
            raise Stalled(f"a record on {branch} exists with other content")
        missing = {path: data for path, data in files.items() if path not in there}
        return self._publish(branch, base, missing, message) if missing else None

    def close(self) -> None:
        self.closed = True

    # --- below ---

    def _publish(
        self, branch: str, base: str | None, files: Mapping[str, bytes], message: str
    ) -> str:
        if branch in self.remote.protected:
            raise AccessDenied(f"the remote refused the push to {branch}: protected branch")
        sha = self.remote.build(base, files, commit_message(message), self._who)
        self.remote.branches[branch] = self._seen[branch] = sha
        return sha

    def _check(self, path: str, message: str) -> None:
        repo_path(path)
        commit_message(message)

    def _push_starts(self) -> None:
        self._reach()
        interruption, self.remote.before_push = self.remote.before_push, None
        if interruption is not None:
            interruption()

    def _reach(self) -> None:
        if self.remote.trouble is not None:
            raise self.remote.trouble

    def _at(self, sha: str) -> _Snapshot:
        if commit_sha(sha) not in self.remote.commits:
            raise NotFound(f"{sha} is not a commit here")
        return self.remote.commits[sha]

    def _shas(self, sha: str) -> list[str]:
        return [snapshot.sha for snapshot in self.remote.ancestry(sha)]

    def _blob(self, oid: str, known: Mapping[str, bytes]) -> bytes:
        if not is_sha(oid):
            raise UsageError(f"not a blob: {oid!r}")
        if oid not in known or oid in self.remote.lost:
            raise Stalled(f"there is no blob {oid}")
        return known[oid]

    def _changes_of(self, snapshot: _Snapshot) -> Iterator[FileChange]:
        before = self.remote.commits[snapshot.parent].files if snapshot.parent else {}
        for path in sorted({*before, *snapshot.files}):
            old, new = before.get(path), snapshot.files.get(path)
            if old != new:
                yield FileChange(
                    commit=snapshot.sha,
                    at=snapshot.seconds,
                    path=path,
                    old="" if old is None else blob_oid(old),
                    new="" if new is None else blob_oid(new),
                )

    def _touches(self, snapshot: _Snapshot, path: str) -> bool:
        before = self.remote.commits[snapshot.parent].files if snapshot.parent else {}
        return snapshot.files.get(path) != before.get(path)


def _data(snapshot: _Snapshot) -> Collection[bytes]:
    return snapshot.files.values()


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _as_commit(snapshot: _Snapshot) -> Commit:
    subject, *paragraphs = snapshot.message.strip().split("\n\n")
    return Commit(
        sha=snapshot.sha,
        author=snapshot.author,
        at=snapshot.at,
        subject=subject.replace("\n", " "),
        trailers=_trailers(paragraphs[-1]) if paragraphs else {},
    )


def _trailers(block: str) -> Mapping[str, str]:
    matches = [_TRAILER.fullmatch(line) for line in block.split("\n")]
    return {match[1]: match[2] for match in matches if match} if all(matches) else {}

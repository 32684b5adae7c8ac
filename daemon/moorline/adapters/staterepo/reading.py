"""What a commit holds and how it came about, read from the mirror without a work tree."""

import functools
import heapq
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Concatenate, ParamSpec, TypeVar, cast

from moorline.adapters.staterepo.failures import MirrorDamaged
from moorline.adapters.staterepo.formats import (
    CHANGES_FORMAT,
    LOG_FORMAT,
    REGULAR,
    TreeEntry,
    blob_oid,
    is_record,
    parse_blobs,
    parse_changes,
    parse_found,
    parse_log,
    parse_sizes,
    parse_tree,
)
from moorline.adapters.staterepo.mirror import TRACKING, Mirror
from moorline.adapters.staterepo.words import (
    branch_name,
    commit_sha,
    is_abbreviation,
    is_sha,
    repo_path,
)
from moorline.adapters.staterepo_port import Blob, Commit, FileChange, HistoryEntry, Relation
from moorline.errors import NotFound, Stalled, UsageError

__all__ = ["MAX_FILE", "MirrorReader", "heals"]

P = ParamSpec("P")
R = TypeVar("R")
ReaderT = TypeVar("ReaderT", bound="MirrorReader")

MAX_FILE = 1024 * 1024
ANSWERS = 64
"""How many are kept, for all environments together; each may be as large as a file."""
_KINDS = {"120000": "a symbolic link", "160000": "a submodule", "100755": "an executable"}


def heals(
    method: Callable[Concatenate[ReaderT, P], R],
) -> Callable[Concatenate[ReaderT, P], R]:
    """Repeat a method once on a fresh mirror, if the mirror turns out to be damaged."""

    @functools.wraps(method)
    def healed(self: ReaderT, /, *args: P.args, **kwargs: P.kwargs) -> R:
        seen = self.mirror.generation
        try:
            return method(self, *args, **kwargs)
        except MirrorDamaged:
            self.mirror.renew(seen)
            return method(self, *args, **kwargs)

    return healed


def remembers(
    method: Callable[Concatenate[ReaderT, P], R],
) -> Callable[Concatenate[ReaderT, P], R]:
    """Keep the last answers about commits: a commit never changes, and asking git costs a process
    each time, at every poll.
    """

    @functools.wraps(method)
    def remembered(self: ReaderT, /, *args: P.args, **kwargs: P.kwargs) -> R:
        question = (method.__name__, *args, *kwargs.items())
        # One step each, so that threads may share the answers.
        with suppress(KeyError):
            return cast("R", self.answers[question])
        answer = method(self, *args, **kwargs)
        for oldest in list(self.answers)[: 1 - ANSWERS]:
            self.answers.pop(oldest, None)
        self.answers[question] = answer
        return answer

    return remembered


class MirrorReader:
    """The reading half of a StateRepo."""

    def __init__(self, mirror: Mirror, branch: str) -> None:
        self.mirror = mirror
        self.branch = branch
        self.answers: dict[tuple[object, ...], object] = {}

    @heals
    def tip(self) -> str | None:
        return self.mirror.ref(self.branch)

    @heals
    def relation(self, accepted: str, tip: str) -> Relation:
        commit_sha(accepted)
        if commit_sha(tip) == accepted:
            return "same"
        if self._is_ancestor(accepted, tip):
            return "ahead"
        return "behind" if self._is_ancestor(tip, accepted) else "diverged"

    @remembers
    @heals
    def read(self, commit: str, path: str) -> Blob | None:
        commit_sha(commit)
        found = parse_tree(self._git("ls-tree", "-z", "-l", commit, "--", repo_path(path)))
        entry = next(found, None)
        if entry is None or entry.kind == "tree":
            return None
        _insist_on_a_plain_file(commit, entry)
        return Blob(oid=entry.oid, data=self._git("cat-file", "blob", entry.oid))

    @heals
    def paths(self, commit: str, folder: str) -> tuple[str, ...]:
        commit_sha(commit)
        # the slash asks for what is in the folder instead of the folder
        where = [f"{repo_path(folder)}/"] if folder else []
        entries = parse_tree(self._git("ls-tree", "-z", commit, "--", *where))
        return tuple(sorted(entry.path for entry in entries if entry.kind != "tree"))

    @remembers
    @heals
    def last_change(self, commit: str, path: str) -> Commit | None:
        return next(iter(self._log("-n1", commit_sha(commit), "--", repo_path(path))), None)

    @heals
    def log(self, commit: str, path: str, *, limit: int) -> Sequence[Commit]:
        return self._log(f"-n{limit:d}", commit_sha(commit), "--", repo_path(path))

    @remembers
    @heals
    def commit(self, sha: str) -> Commit:
        for commit in self._log("-n1", commit_sha(sha), "--"):
            return commit
        raise NotFound(f"{sha} is not a commit")

    @heals
    def expand(self, text: str) -> str | None:
        start, tip = text.lower(), self.mirror.ref(self.branch)
        if tip is None or not is_abbreviation(start):
            return None
        shas = self._git("rev-list", tip).decode().split()
        found = [sha for sha in shas if sha.startswith(start)]
        if len(found) > 1:
            raise UsageError(f"{text} names {len(found)} commits", mend="give more digits")
        return found[0] if found else None

    @heals
    def history(self, prefix: str, *, limit: int) -> Sequence[HistoryEntry]:
        records = ((b, e) for b in self._history_branches(prefix) for e in self._records(b))
        newest = heapq.nlargest(limit, records, key=lambda record: record[1].name)
        return self._load(newest)

    @heals
    def history_tips(self) -> Mapping[str, str]:
        rows = self._history_refs("")
        return {ref.removeprefix(f"{TRACKING}/"): sha for ref, sha in rows}

    @heals
    def changes(self, commit: str, folder: str) -> Sequence[FileChange]:
        self._insist_on_the_whole_history()
        # all parents of every merge: by default git leaves out the side that lost
        how = ("-z", "-m", "--raw", "--no-abbrev", "--root", "--no-renames", "--full-history")
        words = (*how, "--topo-order", "--no-show-signature", CHANGES_FORMAT, commit_sha(commit))
        found = parse_changes(self._git("log", *words, "--", f"{repo_path(folder)}/"))
        return [change for change in found if change.old or change.new]

    @heals
    def files(self, commit: str, folder: str) -> Sequence[tuple[str, str]]:
        commit_sha(commit)
        out = self._git("ls-tree", "-r", "-z", commit, "--", f"{repo_path(folder)}/")
        return [(entry.path, entry.oid) for entry in parse_tree(out) if entry.kind == "blob"]

    @heals
    def blobs(self, oids: Collection[str], *, skip_large: bool = False) -> Mapping[str, bytes]:
        wanted = sorted({_object_name(oid) for oid in oids})
        if not wanted:
            return {}
        # sizes first: what is too large must not be held in memory to find that out
        found = parse_found(self._git("cat-file", "--batch-check", data=_lines(wanted)))
        small = [oid for oid, size in found if self._is_small(oid, size, skip=skip_large)]
        data = parse_blobs(self._git("cat-file", "--batch", data=_lines(small)))
        contents = dict(zip(small, data, strict=True))
        for oid, content in contents.items():
            if blob_oid(content) != oid:
                raise MirrorDamaged(f"{self.mirror.path} holds another blob as {oid}")
        return contents

    # --- below ---

    def _git(self, *words: str, data: bytes = b"") -> bytes:
        self.mirror.prepare()
        return self.mirror.git.local(self.mirror.path, *words, data=data).out

    def _log(self, *words: str) -> Sequence[Commit]:
        return parse_log(self._git("log", "-z", "--no-show-signature", LOG_FORMAT, *words))

    def _is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `newer` continues from `older`; a commit that is not there continues nothing."""
        self.mirror.prepare()
        git = self.mirror.git
        return git.answer(self.mirror.path, "merge-base", "--is-ancestor", older, newer)

    def _insist_on_the_whole_history(self) -> None:
        self.mirror.prepare()
        if (self.mirror.path / "shallow").exists():
            raise Stalled(
                f"{self.mirror.path} has only a part of the history: what was pinned before that "
                "cannot be seen",
                mend="fetch from a full repository (git fetch --unshallow there), and remove "
                "this mirror: it is made anew",
            )

    def _is_small(self, oid: str, size: int | None, *, skip: bool) -> bool:
        if size is None:
            raise MirrorDamaged(
                f"{self.mirror.path} has no blob {oid}", mend="run git fsck on the remote"
            )
        if size > MAX_FILE and not skip:
            raise Stalled(
                f"blob {oid} has {size} bytes",
                mend=f"keep files of the state repo below {MAX_FILE} bytes (1 MiB)",
            )
        return size <= MAX_FILE

    def _history_branches(self, prefix: str) -> Sequence[str]:
        return [ref.removeprefix(f"{TRACKING}/") for ref, _ in self._history_refs(prefix)]

    def _history_refs(self, prefix: str) -> list[tuple[str, str]]:
        below = f"history/{branch_name(prefix.strip('/'))}" if prefix.strip("/") else "history"
        form = "--format=%(refname) %(objectname)"
        rows = self._git("for-each-ref", form, f"{TRACKING}/{below}").decode().splitlines()
        return [(ref, sha) for ref, _, sha in (row.partition(" ") for row in rows)]

    def _records(self, branch: str) -> Iterator[TreeEntry]:
        entries = parse_tree(self._git("ls-tree", "-r", "-z", f"{TRACKING}/{branch}"))
        return (entry for entry in entries if entry.mode == REGULAR and is_record(entry.name))

    def _load(self, records: Sequence[tuple[str, TreeEntry]]) -> Sequence[HistoryEntry]:
        if not records:
            return ()
        sizes = parse_sizes(self._git("cat-file", "--batch-check", data=_requests(records)))
        small = [record for record, size in zip(records, sizes, strict=True) if size <= MAX_FILE]
        blobs = parse_blobs(self._git("cat-file", "--batch", data=_requests(small)))
        return [
            HistoryEntry(branch=branch, path=entry.path, data=data)
            for (branch, entry), data in zip(small, blobs, strict=True)
        ]


def _requests(records: Sequence[tuple[str, TreeEntry]]) -> bytes:
    return _lines([entry.oid for _, entry in records])


def _lines(oids: Sequence[str]) -> bytes:
    return "".join(f"{oid}\n" for oid in oids).encode()


def _object_name(text: str) -> str:
    if not is_sha(text):
        raise UsageError(f"not a blob: {text[:80]!r}")
    return text


def _insist_on_a_plain_file(commit: str, entry: TreeEntry) -> None:
    where = f"{entry.path} at {commit[:12]}"
    if entry.mode != REGULAR:
        kind = _KINDS.get(entry.mode, f"of mode {entry.mode}")
        raise Stalled(f"{where} is {kind}", mend="commit a regular file (mode 100644)")
    if entry.size > MAX_FILE:
        raise Stalled(
            f"{where} has {entry.size} bytes", mend=f"keep it below {MAX_FILE} bytes (1 MiB)"
        )

"""The state repo as one host sees it: the mirror's reader, and the writer of commits."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from moorline.adapters.staterepo.commands import Commands, contended
from moorline.adapters.staterepo.environment import Access, git_environment
from moorline.adapters.staterepo.failures import Rejected, push_failure
from moorline.adapters.staterepo.formats import blob_oid, commit_stream, parse_tree
from moorline.adapters.staterepo.lock import MirrorLock, remove_stale_lock
from moorline.adapters.staterepo.mirror import TRACKING, Mirror
from moorline.adapters.staterepo.reading import MirrorReader, heals
from moorline.adapters.staterepo.url import RemoteUrl
from moorline.adapters.staterepo.words import (
    branch_name,
    commit_message,
    history_branch,
    identity,
    is_sha,
    repo_path,
)
from moorline.errors import Conflict, Stalled, UsageError

__all__ = ["GitStateRepo"]

# Every history branch: a host may be asked what another one did.
_HISTORY = f"+refs/heads/history/*:{TRACKING}/history/*"


class GitStateRepo(MirrorReader):
    """Reads commits from a bare mirror, and pushes commits that no work tree has seen.

    Every argument that reaches git is checked first; a damaged mirror heals itself; nothing is
    ever forced, so a push is a compare-and-swap.

    Thread-safe. Reading waits for nobody: commits never change, and git itself replaces refs as a
    whole. What moves the refs takes turns: a fetch that was answered before a push, and ends after
    it, would set the branch back for a while, which looks like a rewritten history.
    """

    def __init__(
        self,
        mirror: Path,
        *,
        url: str,
        branch: str,
        host: str,
        committer_email: str,
        committer_name: str = "moorline",
        ssh_key: Path | None = None,
        known_hosts: Path | None = None,
        askpass: Path | None = None,
        allow_file: bool = True,
        timeout: float = 60,
    ) -> None:
        """`mirror` is made on first use; `timeout` in seconds bounds every call of git.

        `askpass` is a program that answers git's questions for https.
        """
        remote = RemoteUrl.parse(url, allow_file=allow_file)
        refspecs = (f"+refs/heads/{branch_name(branch)}:{TRACKING}/{branch}", _HISTORY)
        access = Access(ssh_key=ssh_key, known_hosts=known_hosts, askpass=askpass)
        path = mirror.absolute()
        commands = Commands(
            remote=remote,
            environment=git_environment(remote, refspecs, access),
            lock=MirrorLock(path.with_name(f"{path.name}.flock")),
            known_hosts=str(known_hosts or "~/.ssh/known_hosts"),
            timeout=timeout,
        )
        super().__init__(Mirror(path, commands, branch), branch)
        self._who = identity(committer_name, host, committer_email)
        self._turn = threading.RLock()

    @heals
    def fetch(self) -> str:
        with self._turn:
            return self.mirror.fetch()

    @heals
    def replace(self, path: str, data: bytes, *, expected: str, message: str) -> str:
        repo_path(path)
        if not is_sha(expected):
            raise UsageError(f"not a blob: {expected[:80]!r}")
        with self._turn:
            return contended(
                lambda _: self._replace(path, data, expected, commit_message(message))
            )

    def _replace(self, path: str, data: bytes, expected: str, message: str) -> str:
        # Always from the remote's own tip: this is the branch that people write.
        tip = self.mirror.fetch()
        if self._oids(tip, [path]).get(path) != expected:
            raise Conflict(f"{path} was changed on {self.branch} by somebody else")
        return self._publish(self.branch, tip, {path: data}, message)

    @heals
    def propose(self, branch: str, path: str, data: bytes, *, message: str) -> str:
        repo_path(path)
        if branch_name(branch) == self.branch or branch.startswith("history/"):
            raise UsageError(f"{branch} is not a branch for proposals")
        tip = self.fetch()
        try:
            return self._publish(branch, tip, {path: data}, commit_message(message))
        except Rejected:
            return self._proposed(branch, path, data)

    def _proposed(self, branch: str, path: str, data: bytes) -> str:
        """The sha of a branch that exists, if it proposes just this: a repeat after a crash."""
        self.mirror.fetch_branch(branch)
        sha = self.mirror.ref(branch)
        if sha is None or self._oids(sha, [path]).get(path) != blob_oid(data):
            raise Conflict(f"{branch} exists and proposes something else")
        return sha

    @heals
    def append(self, branch: str, files: Mapping[str, bytes], *, message: str) -> str | None:
        history_branch(branch)
        records = {repo_path(path): data for path, data in files.items()}
        return contended(lambda n: self._append(branch, records, commit_message(message), n))

    def _append(
        self, branch: str, records: Mapping[str, bytes], message: str, number: int
    ) -> str | None:
        # The first attempt trusts the last fetch: usually this host is the only writer here.
        if number > 1:
            self.fetch()
        base = self.mirror.ref(branch)
        missing = self._missing(branch, base, records)
        return self._publish(branch, base, missing, message) if missing else None

    def _missing(
        self, branch: str, base: str | None, records: Mapping[str, bytes]
    ) -> Mapping[str, bytes]:
        there = {} if base is None else self._oids(base, list(records))
        for path, oid in there.items():
            if oid != blob_oid(records[path]):
                raise Stalled(
                    f"{path} on {branch} exists with other content",
                    mend="look at who wrote it; records are never overwritten",
                )
        return {path: data for path, data in records.items() if path not in there}

    def close(self) -> None:
        """Nothing runs between calls."""

    # --- below ---

    def _oids(self, commit: str, paths: list[str]) -> Mapping[str, str]:
        """The object names of those of `paths` that exist."""
        entries = parse_tree(self._git("ls-tree", "-z", commit, "--", *paths))
        return {entry.path: entry.oid for entry in entries}

    def _publish(
        self, branch: str, base: str | None, files: Mapping[str, bytes], message: str
    ) -> str:
        with self._commit(base, files, message) as sha:
            self._push(sha, branch)
        return sha

    @contextmanager
    def _commit(self, base: str | None, files: Mapping[str, bytes], message: str) -> Iterator[str]:
        """A commit in the mirror, under a name that nothing else uses, as long as needed."""
        ref = f"refs/out/{uuid4().hex}"
        stream = commit_stream(ref=ref, who=self._who, message=message, base=base, files=files)
        try:
            out = self._git("fast-import", "--quiet", "--done", "--date-format=now", data=stream)
            yield out.decode().strip()
        finally:
            self.mirror.drop(ref)

    def _push(self, sha: str, branch: str) -> None:
        # Never forced; git itself moves the tracking ref along once the remote has accepted.
        words = ("push", "--porcelain", "--no-verify", "--no-recurse-submodules", "origin")
        git = self.mirror.git
        done = git.attempt_network(self.mirror.path, *words, f"{sha}:refs/heads/{branch}")
        if done.code != 0:
            if git.remote.transport == "file":
                remove_stale_lock(Path(git.remote.text), done.err, older_than=git.timeout)
            raise push_failure(git.remote, branch, done) or git.network_failure("push", done)

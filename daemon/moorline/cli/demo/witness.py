"""Reads in git, with git alone, what the daemon says that it did."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from moorline.cli.demo.processes import run

__all__ = ["CommitLine", "Record", "Witness"]


@dataclass(frozen=True, slots=True)
class CommitLine:
    """A commit as `git log --oneline` shows it."""

    branch: str
    sha: str
    author: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What the story needs of a deployment record."""

    id: str
    commit: str
    outcome: str
    sentence: str
    plan: tuple[Mapping[str, str], ...]
    rollback_commit: str
    timings: Mapping[str, float]
    logs: tuple[str, ...]
    samples: int
    written: CommitLine


class Witness:
    """The bare remote, as anybody sees it."""

    def __init__(self, remote: Path, history: str, env: Mapping[str, str]) -> None:
        self._remote = remote
        self._history = history
        self._env = env

    def git(self, *words: str) -> str:
        """Run git on the remote."""
        options = ("-c", "safe.bareRepository=all", f"--git-dir={self._remote}")
        return run(["git", *options, *words], env=self._env, name=f"git {words[0]}").strip()

    def tip(self, branch: str = "main") -> str:
        """The sha of a branch; "" where there is none."""
        return self.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")

    def commit(self, branch: str, *words: str) -> CommitLine:
        """The newest commit of a branch (that changed a path)."""
        printed = self.git("log", "-1", "--format=%H%x00%an%x00%s", branch, *words)
        sha, author, subject = printed.split("\0")
        return CommitLine(branch, sha, author, subject)

    def trailer(self, commit: str, key: str) -> str:
        """One trailer of a commit's message."""
        wanted = f"--format=%(trailers:key={key},valueonly)"
        return self.git("log", "-1", wanted, commit).strip()

    def blob(self, commit: str, path: str) -> str:
        """The id of a file's content at a commit."""
        return self.git("rev-parse", f"{commit}:{path}")

    def records(self) -> list[str]:
        """Paths of all deployment records, oldest first."""
        if not self.tip(self._history):
            return []
        listed = self.git("ls-tree", "-r", "--name-only", self._history, "deployments/")
        return sorted(listed.splitlines())

    def read(self, path: str) -> Record:
        """One record."""
        data = yaml.load(self.git("show", f"{self._history}:{path}"), Loader=yaml.CSafeLoader)
        evidence = list(data["services"].values())
        return Record(
            id=data["id"],
            commit=data["state_commit"],
            outcome=data["outcome"],
            sentence=data["sentence"],
            plan=tuple(data["plan"]),
            rollback_commit=data["rollback_commit"] or "",
            timings=data["timings"],
            logs=tuple(line for each in evidence for line in each.get("logs", ())),
            samples=sum(len(each.get("samples", ())) for each in evidence),
            written=self.commit(self._history, "--", path),
        )

"""What people do to a state repo in tests: a bare remote, clones of it, commits and pushes."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["Clone", "Remote", "git"]


def _environment() -> dict[str, str]:
    """Nothing of the machine's own git configuration, and a person's name on each commit."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.test",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.test",
    }


def git(*words: str, cwd: Path, data: bytes = b"") -> str:
    """Run git in `cwd`, return what it printed; a failure shows git's own words."""
    done = subprocess.run(
        ["git", *words], cwd=cwd, env=_environment(), input=data, capture_output=True, check=False
    )
    assert done.returncode == 0, f"git {' '.join(words)}: {done.stderr.decode(errors='replace')}"
    return done.stdout.decode(errors="replace").strip()


class Clone:
    """A person's work tree."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def git(self, *words: str) -> str:
        return git(*words, cwd=self.path)

    def write(self, files: Mapping[str, bytes | str | None]) -> None:
        """Write files into the work tree; None removes one."""
        for name, content in files.items():
            target = self.path / name
            if content is None:
                target.unlink()
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(
        self, files: Mapping[str, bytes | str | None] | None = None, message: str = "change"
    ) -> str:
        """Write, add and commit everything; returns the sha."""
        self.write(files or {})
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--cleanup=verbatim", "-m", message)
        return self.sha()

    def sha(self, name: str = "HEAD") -> str:
        return self.git("rev-parse", "--verify", name)

    def push(self, branch: str = "main", *, force: bool = False) -> str:
        """Push HEAD to `branch`; returns the sha."""
        self.git("push", "--quiet", *(["--force"] if force else []), "origin", f"HEAD:{branch}")
        return self.sha()

    def pull(self, branch: str = "main") -> str:
        """Make the work tree the remote's `branch`, whatever was here before."""
        self.git("fetch", "--quiet", "origin", branch)
        self.git("reset", "--quiet", "--hard", "FETCH_HEAD")
        return self.sha()


class Remote:
    """A bare repository with a branch `main`, on a local path."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)
        git("init", "--quiet", "--bare", "--initial-branch=main", cwd=path)

    @property
    def url(self) -> str:
        return str(self.path)

    def git(self, *words: str, data: bytes = b"") -> str:
        return git(f"--git-dir={self.path}", *words, cwd=self.path, data=data)

    def clone(self, path: Path) -> Clone:
        """Clone into `path`; an empty remote may be cloned too."""
        git("clone", "--quiet", str(self.path), str(path), cwd=self.path)
        return Clone(path)

    def commit(
        self,
        files: Mapping[str, bytes | str | None],
        message: str = "change",
        *,
        branch: str = "main",
    ) -> str:
        """One person's commit on `branch`, pushed; returns the sha."""
        work = self._work()
        if self.tip(branch) is None:
            work.git("checkout", "--quiet", "--orphan", f"start-{branch}".replace("/", "-"))
            work.git("rm", "-r", "--quiet", "--force", "--ignore-unmatch", ".")
        else:
            work.pull(branch)
        work.commit(files, message)
        return work.push(branch)

    def tip(self, branch: str = "main") -> str | None:
        """The sha of a branch; None where there is none."""
        return self.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}") or None

    def reset(self, sha: str, branch: str = "main") -> None:
        """Set a branch, forward or back, as a forced push does."""
        self.git("update-ref", f"refs/heads/{branch}", sha)

    def delete(self, branch: str) -> None:
        self.git("update-ref", "-d", f"refs/heads/{branch}")

    def show(self, commit: str, path: str) -> str:
        """A file's text at a commit or branch."""
        return self.git("show", f"{commit}:{path}")

    def files(self, commit: str) -> Sequence[str]:
        """Every path at a commit or branch, sorted."""
        return self.git("ls-tree", "-r", "--name-only", commit).splitlines()

    def shas(self, branch: str = "main") -> Sequence[str]:
        """Every commit of a branch, newest first."""
        return self.git("rev-list", f"refs/heads/{branch}").splitlines()

    def hook(self, name: str, script: str) -> None:
        """Install a hook; `script` is the body of a shell script."""
        target = self.path / "hooks" / name
        target.parent.mkdir(exist_ok=True)
        target.write_text(f"#!/bin/sh\n{script}\n")
        target.chmod(0o755)

    def _work(self) -> Clone:
        path = self.path.with_name(f"{self.path.name}.people")
        return Clone(path) if path.exists() else self.clone(path)

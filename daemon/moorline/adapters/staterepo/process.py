"""The one place that starts git, and the only module that speaks GitPython.

The fence (a test reads this file and holds it to it): an explicit list of words, the whole
environment, a process group of its own, a time limit that ends the whole group. Nothing else of
GitPython is used: its wrappers turn keywords into options and leave children behind.
"""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from moorline.errors import Stalled

__all__ = ["Completed", "TimedOut", "run_git"]

# A private certificate authority is a matter of the machine, like its proxies.
_INHERITED = frozenset({"GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_PROXY_SSL_CAINFO"})
_NOT_FOUND = 127
# How long a killed group may take to let go of its pipes.
_GRACE = 2.0


class TimedOut(Exception):
    """Git took longer than its limit, and was ended with everything it had started."""


@dataclass(frozen=True, slots=True)
class Completed:
    """A git call that ended by itself."""

    code: int
    out: bytes
    err: str


def run_git(
    git_dir: Path,
    words: Sequence[str],
    *,
    environment: Mapping[str, str],
    limit: float,
    data: bytes = b"",
    keep: tuple[int, ...] = (),
) -> Completed:
    """Run one git command on `git_dir`; raises TimedOut, or Stalled where there is no git.

    `keep` are file descriptors that stay open in git and in everything it starts.
    """
    # Imported here: it takes a quarter of a second, and fails where git is missing.
    try:
        from git import Git, GitCommandNotFound  # noqa: PLC0415
    except ImportError:
        raise _git_is_missing() from None
    argv = [*_without_inherited(environment), "git", f"--git-dir={git_dir}", *words]
    try:
        child = Git(str(git_dir)).execute(
            argv,
            env=environment,
            as_process=True,
            process_group=0,
            istream=subprocess.PIPE,
            pass_fds=keep,
        )
    except GitCommandNotFound:
        raise _git_is_missing() from None
    try:
        out, err = child.communicate(data, timeout=limit)
    except BaseException as stopped:
        _end_group(child.pid)
        with suppress(subprocess.TimeoutExpired):
            child.communicate(timeout=_GRACE)
        if isinstance(stopped, subprocess.TimeoutExpired):
            raise TimedOut from None
        raise
    if child.returncode == _NOT_FOUND:
        raise _git_is_missing()
    return Completed(child.returncode, out, err.decode(errors="replace"))


def _without_inherited(environment: Mapping[str, str]) -> list[str]:
    """Words that take an inherited GIT_DIR and its like away.

    GitPython adds to a copy of our own environment and cannot leave a name out; taking it from
    os.environ instead would change the whole process. Usually there is none, and no extra program.
    """
    names = [name for name in os.environ if name.startswith("GIT_")]
    foreign = [name for name in names if name not in environment and name not in _INHERITED]
    return ["env", *(f"--unset={name}" for name in foreign)] if foreign else []


def _end_group(leader: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _git_is_missing() -> Stalled:
    return Stalled("git is not installed on this host", mend="install it: apt-get install git")

"""What somebody would type, in a work tree of the state repo."""

import os
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from moorline.cli.demo.processes import run

__all__ = ["Person", "person_environment"]

_DIGEST = re.compile(r"sha256:([0-9a-f]{7})[0-9a-f]{57}")


def person_environment(folder: Path, engine: str) -> dict[str, str]:
    """Nothing of this machine's own git and Docker settings, and a name on each commit."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {
        "HOME": str(folder),
        "LC_ALL": "C",
        "NO_COLOR": "1",
        # a proxy would be asked for this machine's own registry
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "DOCKER_HOST": engine,
        "DOCKER_CONFIG": str(folder / "docker"),
        "MOORLINE_CONFIG": str(folder / "agent.toml"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "You",
        "GIT_AUTHOR_EMAIL": "you@example.com",
        "GIT_COMMITTER_NAME": "You",
        "GIT_COMMITTER_EMAIL": "you@example.com",
    }


class Person:
    """Types commands, and knows how they looked."""

    def __init__(self, work: Path, env: Mapping[str, str]) -> None:
        self.work = work
        self._env = env

    def type(self, *words: str) -> tuple[str, str]:
        """Run one command; returns it as typed, and what it printed with digests cut short."""
        shown = shlex.join(words)
        program = [sys.executable, "-m", "moorline"] if words[0] == "moorline" else [words[0]]
        printed = run([*program, *words[1:]], env=self._env, cwd=self.work, name=shown)
        return shown, _DIGEST.sub(r"sha256:\1…", printed.rstrip())

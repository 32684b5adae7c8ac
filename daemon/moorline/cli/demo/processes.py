"""Programs that the demo runs: to their end, or beside it."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from moorline.errors import Stalled

__all__ = ["Child", "run"]

_PATIENCE = 60.0
_GRACE = 15.0
_SIGNS = 300


def run(
    words: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    data: bytes = b"",
    name: str = "",
) -> str:
    """Run a program to its end and return what it printed; raises Stalled with its complaint."""
    shown = name or " ".join(words[:2])
    try:
        done = subprocess.run(
            words,
            env=env,
            cwd=cwd,
            input=data,
            capture_output=True,
            check=False,
            timeout=_PATIENCE,
            # a Ctrl-C is for us alone to answer
            process_group=0,
        )
    except FileNotFoundError:
        raise Stalled(f"{words[0]} is not on PATH", mend="run 'make setup'") from None
    except subprocess.TimeoutExpired:
        raise Stalled(f"'{shown}' did not end within {_PATIENCE:.0f} s") from None
    if done.returncode != 0:
        complaint = done.stderr.decode(errors="replace").strip() or f"exit {done.returncode}"
        raise Stalled(f"'{shown}' failed: {complaint[-_SIGNS:]}")
    return done.stdout.decode(errors="replace")


class Child:
    """A program that runs beside the demo, in a session of its own: it outlives us if asked to."""

    def __init__(
        self, name: str, words: Sequence[str], *, folder: Path, env: Mapping[str, str]
    ) -> None:
        """Start it; its output goes to `<name>.log` and its id to `<name>.pid` in `folder`."""
        self.name = name
        self._log = folder / f"{name}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=env,
                cwd=folder,
                start_new_session=True,
            )
        (folder / f"{name}.pid").write_text(f"{self._process.pid}\n")

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def check(self) -> None:
        """Raise Stalled if it ended by itself."""
        code = self._process.poll()
        if code is not None:
            raise Stalled(f"'{self.name}' ended by itself, with exit code {code}")

    def tail(self, lines: int) -> tuple[str, ...]:
        """The last lines that it wrote."""
        try:
            return tuple(self._log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ()

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for one that does not listen."""
        self._process.terminate()
        try:
            self._process.wait(timeout=_GRACE)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, 9)
            self._process.wait()

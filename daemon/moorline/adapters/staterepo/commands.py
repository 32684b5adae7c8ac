"""Git commands on one remote's behalf: run, and their failures put into our own words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from moorline.adapters.staterepo.failures import Rejected, local_failure, remote_failure
from moorline.adapters.staterepo.lock import MirrorLock
from moorline.adapters.staterepo.process import Completed, TimedOut, run_git
from moorline.adapters.staterepo.url import RemoteUrl
from moorline.errors import MoorlineError, NotFound, RemoteUnreachable, Transient

__all__ = ["Commands", "contended"]

T = TypeVar("T")

# Measured: ten writers on one ref needed at most eight attempts.
_ATTEMPTS = 12


def contended(attempt: Callable[[int], T]) -> T:
    """Repeat `attempt(number)` with jitter while somebody else is faster; then their Conflict."""
    for trial in Retrying(
        retry=retry_if_exception_type(Rejected),
        wait=wait_random_exponential(multiplier=0.05, max=2),
        stop=stop_after_attempt(_ATTEMPTS),
        reraise=True,
    ):
        with trial:
            return attempt(trial.retry_state.attempt_number)
    raise AssertionError("tenacity returns or raises")


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """Runs git with one environment, one lock and one time limit."""

    remote: RemoteUrl
    environment: Mapping[str, str]
    lock: MirrorLock
    known_hosts: str
    timeout: float

    def local(self, git_dir: Path, *words: str, data: bytes = b"") -> Completed:
        """Run what needs no network; any exit code but 0 raises."""
        done = self._run_local(git_dir, words, data)
        if done.code != 0:
            raise local_failure(words[0], done)
        return done

    def answer(self, git_dir: Path, *words: str) -> bool:
        """Ask a question that git answers with its exit code; an unknown object is a no."""
        done = self._run_local(git_dir, words)
        if done.code in {0, 1}:
            return done.code == 0
        failure = local_failure(words[0], done)
        if isinstance(failure, NotFound):
            return False
        raise failure

    def network(self, git_dir: Path, *words: str, limit: float | None = None) -> Completed:
        """Run what talks to the remote; any exit code but 0 raises."""
        done = self.attempt_network(git_dir, *words, limit=limit)
        if done.code != 0:
            raise self.network_failure(words[0], done)
        return done

    def attempt_network(self, git_dir: Path, *words: str, limit: float | None = None) -> Completed:
        """Run what talks to the remote, whatever its exit code."""
        limit = self.timeout if limit is None else limit
        try:
            return self._run(git_dir, words, limit=limit)
        except TimedOut:
            raise RemoteUnreachable(
                f"git {words[0]} {self.remote}: no answer within {limit:g} s"
            ) from None

    def network_failure(self, doing: str, done: Completed) -> MoorlineError:
        return remote_failure(doing, self.remote, done, known_hosts=self.known_hosts)

    def _run_local(self, git_dir: Path, words: tuple[str, ...], data: bytes = b"") -> Completed:
        try:
            return self._run(git_dir, words, limit=self.timeout, data=data)
        except TimedOut:
            raise Transient(
                f"git {words[0]} on {git_dir} took longer than {self.timeout:g} s",
                mend="look at the disk",
            ) from None

    def _run(
        self, git_dir: Path, words: tuple[str, ...], *, limit: float, data: bytes = b""
    ) -> Completed:
        with self.lock.shared() as descriptor:
            return run_git(
                git_dir,
                words,
                environment=self.environment,
                limit=limit,
                data=data,
                keep=(descriptor,),
            )

"""Whether the state branch is still the one that was followed: a rewritten one hides pins."""

from dataclasses import dataclass
from pathlib import Path

from moorline.adapters.staterepo_port import StateRepo
from moorline.agent.config_model import Config
from moorline.agent.durable.acceptance import Acceptance
from moorline.agent.durable.memory import MemoryFile
from moorline.errors import UnsafeRetention

__all__ = ["insist_on_continuity"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stand:
    """How far an environment has followed the branch here."""

    environment: str
    followed: str
    """The newest commit that was followed, or that a person told it to follow; "" for none."""
    answer: str
    """The commit that a person accepted last; "" for none."""


def insist_on_continuity(repo: StateRepo, config: Config, tip: str, last_commit: str) -> None:
    """Raise UnsafeRetention unless `tip` continues from what the environments of this host
    followed, and from the last decision's commit ("" for none).
    """
    stands = [_stand(config, environment, tip) for environment in config.environments]
    for stand in stands:
        if stand.followed and not _continues(repo, stand.followed, tip):
            raise _rewritten(tip, stand.followed, f"which {stand.environment} follows", stand)
    if not last_commit or _continues(repo, last_commit, tip):
        return
    if not any(_has_left(repo, stand, tip, last_commit) for stand in stands):
        raise _rewritten(tip, last_commit, "where retention decided last", stands[0])


def _stand(config: Config, environment: str, tip: str) -> _Stand:
    folder = Path(config.state_dir)
    answer = Acceptance(folder, environment).read()
    # the next cycle is going to follow what a person accepted
    followed = tip if answer == tip else MemoryFile(folder, environment).load().accepted
    return _Stand(environment=environment, followed=followed, answer=answer)


def _has_left(repo: StateRepo, stand: _Stand, tip: str, last_commit: str) -> bool:
    """Whether a person led an environment from the old line onto this one.

    An environment leaves a line only on a person's word, so it is enough that it stands on this
    one and not on the old. An answer of long ago is told from one to this very question thereby.
    """
    if not (stand.answer and stand.followed and _continues(repo, stand.answer, tip)):
        return False
    return stand.answer == tip or not _continues(repo, stand.followed, last_commit)


def _continues(repo: StateRepo, older: str, newer: str) -> bool:
    return repo.relation(older, newer) in {"same", "ahead"}


def _rewritten(tip: str, commit: str, what: str, stand: _Stand) -> UnsafeRetention:
    return UnsafeRetention(
        f"the state branch was rewritten: {tip[:12]} does not continue from {commit[:12]}, {what}",
        mend=f"if that is right, run 'moorline accept {stand.environment} {tip}'",
    )

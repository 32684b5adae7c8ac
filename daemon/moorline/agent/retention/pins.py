"""What may not go: everything that git, the hosts' records and the engine here ask for.

Rule 1: in doubt it is asked for. Bytes are scanned for digests, whatever the file is.
Rule 2: what cannot be seen is not taken for nothing: a part of the history, a record or a file
        that cannot be read ends in an error, and then nothing is deleted anywhere.
Rule 3: git's own dates choose nothing. All changes are read, and the window is applied here.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from moorline.adapters.ports import Engine
from moorline.adapters.staterepo_port import StateRepo
from moorline.agent.config_model import Config
from moorline.agent.retention.continuity import insist_on_continuity
from moorline.agent.retention.hostpins import host_pins
from moorline.agent.retention.past import FOLDER, Past, scan
from moorline.agent.retention.recordpins import record_pins
from moorline.core.retention.model import Pins
from moorline.errors import Stalled, UnsafeRetention

__all__ = ["collect_pins", "pinned_now"]


def collect_pins(
    repo: StateRepo,
    engine: Engine | None,
    config: Config,
    *,
    now: float,
    window: float,
    last_commit: str,
) -> Pins:
    """Fetch, and gather all of it. `window` is how far back a revert has to work, in seconds;
    `last_commit` the tip that the last decision was made at ("" for none).

    Raises UnsafeRetention where it cannot be known, or the Transient of what is away.
    """
    with _certainty():
        tip = repo.fetch()
        insist_on_continuity(repo, config, tip, last_commit)
        past = Past.read(repo, tip, now=now, since=now - window)
        # from weak to strong: of several reasons a person is told the strongest
        held = past.held | record_pins(repo, past, since=now - window)
        held |= host_pins(engine, config) | past.present
    return Pins(held=held, last_pinned=past.last_pinned, commit=tip)


def pinned_now(repo: StateRepo, commit: str) -> frozenset[str]:
    """The digests that the files of all environments name at a commit; raises as above."""
    with _certainty():
        found = scan(repo, {oid for _, oid in repo.files(commit, FOLDER)})
    return frozenset().union(*found.values())


@contextmanager
def _certainty() -> Iterator[None]:
    """Whatever only a person can mend is a reason to delete nothing."""
    try:
        yield
    except UnsafeRetention:
        raise
    except Stalled as error:
        raise UnsafeRetention(
            f"what is pinned cannot be known: {error.message}", mend=error.mend
        ) from error

"""What the hosts' records ask for: what was proven, and what was put on record to go back to."""

from collections.abc import Iterator

from moorline.adapters.staterepo_port import StateRepo
from moorline.agent.retention.past import Past, moment, scan
from moorline.core.records import ID_TIME
from moorline.core.retention.pinned import digests, file_blob, is_proven, was_taken_back
from moorline.errors import Stalled, UnsafeRetention

__all__ = ["record_pins"]

DEPLOYMENTS, BACKUPS = "deployments", "backups"
_BATCH = 64


def record_pins(repo: StateRepo, past: Past, *, since: float) -> dict[str, str]:
    """Digest → why it may not go, from every host that ever wrote a record."""
    held: dict[str, str] = {}
    first = moment(since).strftime(ID_TIME)
    for branch, tip in repo.history_tips().items():
        host = branch.rpartition("/")[2]
        for path, data in _records(repo, tip, DEPLOYMENTS, first):
            if not was_taken_back(data):
                held |= dict.fromkeys(_named(repo, path, data, past), f"proven on {host}")
        for path, data in _records(repo, tip, BACKUPS, first):
            held |= dict.fromkeys(_named(repo, path, data, past), f"backup {_id(path)}")
    return held


def _records(repo: StateRepo, commit: str, folder: str, first: str) -> Iterator[tuple[str, bytes]]:
    """Those from `first` on, and before it all down to the newest one that can be gone back to."""
    newest_first = sorted(repo.files(commit, folder), key=lambda file: _id(file[0]), reverse=True)
    is_settled = False
    for start in range(0, len(newest_first), _BATCH):
        batch = newest_first[start : start + _BATCH]
        contents = repo.blobs({oid for _, oid in batch})
        for path, oid in batch:
            if is_settled and _id(path) < first:
                return
            yield path, contents[oid]
            is_settled = is_settled or folder == BACKUPS or is_proven(contents[oid])


def _named(repo: StateRepo, path: str, data: bytes, past: Past) -> frozenset[str]:
    """What a record names, itself and by the environment file that it is about.

    A file that is not in the branch's history was rewritten out of it, and a person accepted that:
    no revert brings it back, and what ran then stands in the record. Unless nothing does.
    """
    own, blob = digests(data), file_blob(data)
    filed = past.of(blob) if blob else frozenset()
    if filed is None:
        return own or _found_elsewhere(repo, path, blob)
    return own | filed


def _found_elsewhere(repo: StateRepo, path: str, blob: str) -> frozenset[str]:
    try:
        return scan(repo, {blob})[blob]
    except Stalled as error:
        raise UnsafeRetention(
            f"{path} names no image, and the file that it is about is gone: {error.message}",
            mend="push a commit that has this file to a branch below history/",
        ) from error


def _id(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".yaml")

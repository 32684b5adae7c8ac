"""The rollback as a commit: onto the state branch if nobody was quicker, else beside it."""

from moorline.agent.durable.ledger import Ledger
from moorline.agent.durable.memory import PendingRollback
from moorline.agent.host import Host
from moorline.agent.load import environment_path
from moorline.core.records import rollback_message
from moorline.errors import AccessDenied, Conflict, NotFound

__all__ = ["publish_rollback"]


def publish_rollback(host: Host, ledger: Ledger) -> str:
    """Commit the pending rollback; returns its sha, or "" where a person's commit made it moot.

    Raises RemoteUnreachable, with the rollback still pending. May be repeated.
    """
    pending = ledger.memory.load().pending_rollback
    if pending is None:
        return ""
    sha = _published_before(host, ledger.environment, pending) or _publish(
        host, ledger.environment, pending
    )
    ledger.remember(pending_rollback=None)
    return sha


def _publish(host: Host, environment: str, pending: PendingRollback) -> str:
    path = environment_path(environment)
    blob = host.repo.read(pending.restored_commit, path)
    if blob is None:
        raise NotFound(f"{path} is not in the state repo at {pending.restored_commit[:7]}")
    message = rollback_message(
        environment=environment,
        host=host.config.host,
        failed=pending.failed_commit,
        restored=pending.restored_commit,
        deployment=pending.deployment,
        reason=pending.reason,
    )
    try:
        sha = host.repo.replace(path, blob.data, expected=pending.failed_blob, message=message)
    except Conflict:
        host.reporter.note("rollback commit not needed", reason="a newer commit is on the branch")
        return ""
    except AccessDenied as refusal:
        branch = f"moorline/rollback/{pending.deployment}"
        sha = host.repo.propose(branch, path, blob.data, message=message)
        host.reporter.note(
            "rollback commit is on a branch of its own", branch=branch, refusal=str(refusal)
        )
        return sha
    host.reporter.note("rollback committed", commit=sha, restores=pending.restored_commit)
    return sha


def _published_before(host: Host, environment: str, pending: PendingRollback) -> str:
    """The commit, if an earlier attempt got as far as the push."""
    tip = host.repo.fetch()
    change = host.repo.last_change(tip, environment_path(environment))
    if change is None or change.trailers.get("Deployment-Id") != pending.deployment:
        return ""
    return change.sha

"""`moorline rollback ENV --to TARGET --confirm ROLLBACK`."""

import getpass
import os
import socket
import threading
from dataclasses import dataclass

import click

from moorline.adapters.ports import Clock
from moorline.adapters.staterepo_port import StateRepo
from moorline.agent.registry.lookup import whole_digest
from moorline.agent.rollback import (
    Draft,
    Request,
    draft_rollback,
    follow,
    is_proven_everywhere,
    records_of,
)
from moorline.cli.context import (
    Ports,
    environment_argument,
    pass_ports,
    read_config,
    state_repo,
)
from moorline.cli.durations import DURATION
from moorline.cli.options import json_option, wants
from moorline.cli.output import emit, say
from moorline.errors import AccessDenied, Conflict, UsageError

__all__ = ["command"]

CONFIRMATION = "ROLLBACK"
EXIT_CODES = {"nothing to do": 0, "committed": 0, "proven": 0, "taken back": 3, "proposed": 4}
"""Outcome → exit code; 1 for every other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """How it ended; becomes the JSON object as it is."""

    environment: str
    outcome: str
    sentence: str
    commit: str = ""
    branch: str = ""
    record: str = ""

    @property
    def exit_code(self) -> int:
        return EXIT_CODES.get(self.outcome, 1)


@click.command("rollback")
@environment_argument()
@click.option(
    "--to",
    required=True,
    metavar="TARGET",
    help="'previous' (the last proven state before this one), a commit of the state branch, "
    "or a tag or digest (12 digits of it will do) of the service's image.",
)
@click.option("--service", metavar="S", help="Only this service's image; the others stay.")
@click.option("--confirm", metavar=CONFIRMATION, help=f"Must be {CONFIRMATION}.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Follow it to its end.")
@click.option(
    "--timeout", type=DURATION, default="300s", show_default=True, help="How long to follow it."
)
@json_option
@pass_ports
def command(
    ports: Ports,
    *,
    environment: str,
    to: str,
    service: str | None,
    confirm: str | None,
    wait: bool,
    timeout: float,
) -> int:
    """Commit an earlier state and follow it until a host has proven it.

    Every image that changes must still be in its registry. The commit is made only if nobody
    changed the file meanwhile. Where the branch is protected it goes to a branch of its own, to
    be merged by a person.

    Exit code: 0 proven (or committed, with --no-wait), 1 error or not heard of in time, 2 usage
    or invalid file, 3 taken back, 4 waits to be merged.
    """
    if confirm != CONFIRMATION:
        mend = f"if you mean it, add: --confirm {CONFIRMATION}"
        raise UsageError(f"a rollback changes what {environment} runs", mend=mend)
    config = read_config(environment)
    request = Request(environment=environment, to=to, service=service, by=_person())
    clock = ports.clock(threading.Event())
    with state_repo(config, ports) as repo:
        draft = draft_rollback(
            repo,
            ports.registry(config),
            request,
            whole=lambda image, text: whole_digest(repo, ports.packages(config), image, text),
        )
        end = _commit(repo, clock, environment, draft)
        if end.outcome == "committed" and wait:
            end = _follow(repo, clock, end, timeout)
    _tell(end)
    return end.exit_code


def _commit(repo: StateRepo, clock: Clock, environment: str, draft: Draft) -> _End:
    if not draft.changes:
        sentence = f"{environment}: the file is that of {draft.goal} already"
        return _End(environment=environment, outcome="nothing to do", sentence=sentence)
    try:
        commit = repo.replace(
            draft.path, draft.data, expected=draft.expected, message=draft.message
        )
    except Conflict as error:
        raise Conflict(error.message, mend="look at what they did, then run it again") from None
    except AccessDenied:
        return _propose(repo, clock, environment, draft)
    sentence = f"{environment}: committed {commit[:7]}, back to {draft.goal}"
    return _End(environment=environment, outcome="committed", sentence=sentence, commit=commit)


def _propose(repo: StateRepo, clock: Clock, environment: str, draft: Draft) -> _End:
    """The branch is protected: leave the commit where a person can merge it."""
    moment = clock.now().strftime("%Y%m%dT%H%M%SZ")
    branch = f"moorline/rollback/{environment}-{moment}-{draft.expected[:7]}"
    commit = repo.propose(branch, draft.path, draft.data, message=draft.message)
    sentence = f"{environment}: the branch is protected; merge {branch} to roll back"
    return _End(
        environment=environment,
        outcome="proposed",
        sentence=sentence,
        commit=commit,
        branch=branch,
    )


def _follow(repo: StateRepo, clock: Clock, end: _End, timeout: float) -> _End:
    name, commit = end.environment, end.commit
    if not wants("json"):
        say(end.sentence)
    if _proven_already(repo, name, commit):
        sentence = f"{name}: that state is the proven one; no host has to change"
        return _End(environment=name, outcome="proven", sentence=sentence, commit=commit)
    record = follow(repo, clock, name, commit, timeout=timeout)
    if record is None:
        sentence = (
            f"{name}: no host has reported on {commit[:7]} within {timeout:g} s; "
            "does the daemon run? 'moorline status' on the host tells"
        )
        return _End(environment=name, outcome="unknown", sentence=sentence, commit=commit)
    sentence = f"{record.sentence} (on {record.host})"
    return _End(
        environment=name,
        outcome=record.outcome,
        sentence=sentence,
        commit=commit,
        record=record.id,
    )


def _proven_already(repo: StateRepo, environment: str, commit: str) -> bool:
    path = f"environments/{environment}.yaml"
    blob = repo.read(commit, path)
    return blob is not None and is_proven_everywhere(records_of(repo, environment), blob.oid)


def _tell(end: _End) -> None:
    if not wants("json"):
        say(end.sentence)
        return
    emit(
        {
            "environment": end.environment,
            "outcome": end.outcome,
            "sentence": end.sentence,
            "commit": end.commit or None,
            "branch": end.branch or None,
            "record": end.record or None,
            "exit_code": end.exit_code,
        }
    )


def _person() -> str:
    """Who asks, as well as this machine knows."""
    try:
        name = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"

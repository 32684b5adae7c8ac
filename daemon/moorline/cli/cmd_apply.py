"""`moorline apply ENV`."""

from pathlib import Path

import click

from moorline.agent.config import Config
from moorline.agent.cycle import Cycle
from moorline.agent.daemon.fetching import PolledFetch
from moorline.agent.durable.ledger import Ledger
from moorline.agent.durable.lock import state_lock
from moorline.agent.host import Host
from moorline.agent.outcome import Outcome, waiting
from moorline.agent.registry.errands import flush_tags
from moorline.cli.context import Ports, environment_argument, pass_ports, read_config
from moorline.cli.failures import as_data, tell
from moorline.cli.narration import narrated
from moorline.cli.options import json_option, wants
from moorline.cli.output import emit, remark, say
from moorline.cli.stopping import Stop, stopping
from moorline.errors import Interrupted, MoorlineError, Superseded, Waiting

__all__ = ["command"]

ATTEMPTS = 20
"""How many newer commits in a row are followed before a person is asked to look."""
TAGS_WITHIN = 10.0
"""Seconds for moving registry tags; what takes longer waits for the next run."""


@click.command("apply")
@environment_argument()
@click.option(
    "--wait/--no-wait",
    default=True,
    show_default=True,
    help="Go on with a rollout that takes its time, such as a canary, until it has ended.",
)
@json_option
@pass_ports
def command(ports: Ports, *, environment: str, wait: bool) -> int:
    """Run one cycle now: fetch, and make this host equal to the file in git.

    A change is proven healthy, or taken back. Refused while the daemon runs, which does the same
    by itself.

    A canary is followed through its steps, and a pause in it until 'moorline promote'. Left off
    by --no-wait or Ctrl-C it stays as it is, with nobody watching it; the next apply, or the
    daemon, takes it up again.

    Exit code: 0 converged, 1 error, 2 usage or invalid file, 3 taken back, 4 held (rewritten
    history, a commit that failed here before, an unsafe plan) or left waiting (--no-wait), 130
    after Ctrl-C.
    """
    config = read_config(environment)
    ledger = Ledger.open(config, environment)
    with stopping() as stop, state_lock(Path(config.state_dir), f"apply {environment}"):
        try:
            outcome = _apply(ports, config, ledger, stop, wait=wait)
        except Interrupted:
            remark("left off; the next apply, or the daemon, takes it up again")
            return stop.exit_code
        _flush_tags(ports, config, environment)
    _tell(ledger, outcome)
    return outcome.exit_code


def _apply(ports: Ports, config: Config, ledger: Ledger, stop: Stop, *, wait: bool) -> Outcome:
    """Follow the branch until a rollout ends that no newer commit made moot."""
    with narrated() as reporter, ports.host(config, reporter, stop.event) as host:
        fetch = PolledFetch(host.repo, host.clock, reporter, interval=config.poll_seconds)
        cycle = Cycle(host, ledger, fetch=fetch)
        for _ in range(ATTEMPTS):
            outcome = _to_its_end(host, cycle) if wait else _once(cycle)
            if outcome.word != "superseded":
                return outcome
            reporter.note("superseded", says=outcome.sentence)
    raise Superseded(f"{ATTEMPTS} newer commits came in a row", mend="run it again")


def _flush_tags(ports: Ports, config: Config, environment: str) -> None:
    """Here is no daemon that would do it later; it is no part of what the command promises."""
    try:
        left = flush_tags(config, environment, lambda: ports.registry(config), within=TAGS_WITHIN)
    except MoorlineError as error:
        remark(f"registry tags wait: {error}")
        return
    for each in left:
        why = each.waits or f"{each.move.current.registry} did not answer in time"
        remark(f"registry tags wait for the next run: {why}")


def _to_its_end(host: Host, cycle: Cycle) -> Outcome:
    """Run cycles for as long as the rollout waits; each reason for waiting is told once."""
    told = ""
    while True:
        outcome = _once(cycle)
        if outcome.word != "waiting" or outcome.seconds is None:
            return outcome
        if outcome.sentence != told:
            host.reporter.note("waiting", says=outcome.sentence)
            told = outcome.sentence
        host.clock.wait(outcome.seconds)
        host.check_stop()


def _once(cycle: Cycle) -> Outcome:
    try:
        return cycle.run(suspect=lambda _: True)
    except Waiting as error:
        return waiting(error)


def _tell(ledger: Ledger, outcome: Outcome) -> None:
    complaint = outcome.complaint
    if complaint is not None:
        tell(complaint)
    if not wants("json"):
        if complaint is None or str(complaint) != outcome.sentence:
            say(outcome.sentence)
        return
    proven = ledger.memory.load().proven
    emit(
        {
            "environment": ledger.environment,
            "outcome": outcome.word,
            "sentence": outcome.sentence,
            "record": outcome.record or None,
            "proven_commit": proven.commit if proven else None,
            "complaint": as_data(complaint) if complaint else None,
            "exit_code": outcome.exit_code,
        }
    )

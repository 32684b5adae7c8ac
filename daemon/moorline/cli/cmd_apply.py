"""`moorline apply ENV`."""

from pathlib import Path

import click

from moorline.agent.config import Config
from moorline.agent.cycle import Cycle
from moorline.agent.ledger import Ledger
from moorline.agent.lock import state_lock
from moorline.agent.loop import FetchTimer
from moorline.agent.outcome import Outcome
from moorline.agent.wake import Wake
from moorline.cli.context import Ports, environment_argument, pass_ports, read_config
from moorline.cli.failures import as_data, tell
from moorline.cli.narration import narrated
from moorline.cli.options import json_option, wants
from moorline.cli.output import emit, remark, say
from moorline.cli.stopping import Stop, stopping
from moorline.errors import Interrupted, Superseded

__all__ = ["command"]

ATTEMPTS = 20
"""How many newer commits in a row are followed before a person is asked to look."""


@click.command("apply")
@environment_argument()
@json_option
@pass_ports
def command(ports: Ports, environment: str) -> int:
    """Run one cycle now: fetch, and make this host equal to the file in git.

    A change is proven healthy, or taken back. Refused while the daemon runs, which does the same
    by itself.

    Exit code: 0 converged, 1 error, 2 usage or invalid file, 3 taken back, 4 held (rewritten
    history, a commit that failed here before, an unsafe plan), 130 after Ctrl-C.
    """
    config = read_config(environment)
    ledger = Ledger.open(config, environment)
    with stopping() as stop, state_lock(Path(config.state_dir), f"apply {environment}"):
        try:
            outcome = _cycle(ports, config, ledger, stop)
        except Interrupted:
            remark("left off; the next apply, or the daemon, takes it up again")
            return stop.exit_code
    _tell(ledger, outcome)
    return outcome.exit_code


def _cycle(ports: Ports, config: Config, ledger: Ledger, stop: Stop) -> Outcome:
    """Run cycles until one ends that no newer commit made moot."""
    with narrated() as reporter, ports.host(config, reporter, stop.event) as host:
        timer = FetchTimer(Wake(), host.clock, config.poll_seconds)
        cycle = Cycle(host, ledger, fetch_due=timer.due)
        for _ in range(ATTEMPTS):
            outcome = cycle.run(suspect=lambda _: True)
            if outcome.word != "superseded":
                return outcome
            reporter.note("superseded", says=outcome.sentence)
    raise Superseded(f"{ATTEMPTS} newer commits came in a row", mend="run it again")


def _tell(ledger: Ledger, outcome: Outcome) -> None:
    complaint = outcome.complaint
    if complaint is not None:
        tell(complaint)
    if not wants("json"):
        if outcome.word != "held":  # then the sentence is the complaint
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

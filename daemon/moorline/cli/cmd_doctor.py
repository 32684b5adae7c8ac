"""`moorline doctor`."""

from collections.abc import Iterator

import click

from moorline.agent.views.doctor import Finding, Standing, examine
from moorline.cli.context import Ports, looking, pass_ports, read_config
from moorline.cli.options import config_path, json_option, wants
from moorline.cli.output import emit, say
from moorline.errors import InvalidConfig

__all__ = ["command"]

COLOURS: dict[Standing, str] = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command("doctor")
@json_option
@pass_ports
def command(ports: Ports) -> int:
    """Check every prerequisite of this host: each failure comes with its mend.

    Run it as the user that the daemon runs as. Nothing is changed.

    Exit code: 0 nothing fails (there may be warnings), 1 something fails.
    """
    found = []
    for finding in _findings(ports):
        found.append(finding)
        if not wants("json"):
            _tell(finding)
    if wants("json"):
        emit([each.as_data() for each in found])
    return int(any(each.standing == "fail" for each in found))


def _findings(ports: Ports) -> Iterator[Finding]:
    try:
        config = read_config()
    except InvalidConfig as error:
        yield Finding(check="configuration", standing="fail", says=error.message, mend=error.mend)
        return
    says = f"{config_path()}: {config.host} runs {', '.join(config.environments)}"
    yield Finding(check="configuration", standing="ok", says=says)
    with looking(config, ports) as host:
        yield from examine(host, ports.registry(config))


def _tell(finding: Finding) -> None:
    click.secho(finding.standing.ljust(4), fg=COLOURS[finding.standing], nl=False)
    first, *rest = finding.says.splitlines() or [""]
    say(f"  {finding.check.ljust(13)}  {first}")
    for line in rest:
        say(f"{'':21}{line}")
    if finding.mend:
        say(f"{'':21}-> {finding.mend}")

"""`moorline run`."""

import sys

import click

from moorline.agent.daemon.loop import Daemon
from moorline.agent.report import LogReporter
from moorline.cli import logging
from moorline.cli.context import Ports, pass_ports, read_config
from moorline.cli.options import config_path

__all__ = ["command"]


@click.command("run")
@pass_ports
def command(ports: Ports) -> int:
    """Run the daemon: keep this host equal to its environment files until SIGTERM.

    Logs go to stderr, as JSON unless that is a terminal. SIGHUP reads the configuration anew,
    SIGTERM finishes the step in hand.

    Exit code: 0 after SIGTERM or Ctrl-C, 1 where it cannot work, 2 for a configuration that it
    cannot use.
    """
    config = read_config()
    logging.configure(machine=not sys.stderr.isatty())
    daemon = Daemon(
        config_path(), config, LogReporter(), hosts=ports.host, registries=ports.registry
    )
    return daemon.run()

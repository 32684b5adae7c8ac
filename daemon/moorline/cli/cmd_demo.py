"""`moorline demo`."""

import click

from moorline.cli.options import json_option, wants

__all__ = ["command"]


@click.command("demo")
@click.option(
    "--keep", is_flag=True, help="Leave it running, and print how to look around and clean up."
)
@json_option
def command(*, keep: bool) -> int:
    """Watch the main job happen on this machine, in about a minute.

    Three versions of a tiny web page are made and pushed to a registry of the demo's own; a state
    repo, its remote and a daemon are set up in a temporary folder. Then a first version is
    deployed, a second one follows, a third one is bad and takes itself back, a `git revert` goes
    back further, and a removed container is repaired. Then an HAProxy gets the port, and a good
    and a bad version come and go under load, without one failed request. Every claim is checked;
    a step that does not happen ends the demo with exit code 1. Everything is removed again.

    Exit codes: 0 everything happened; 1 a step did not, or a part is missing; 4 containers of a
    project moorline-demo are there already.
    """
    from moorline.cli.demo.performance import perform  # noqa: PLC0415  (rich, and much else)

    return perform(keep=keep, as_json=wants("json"))

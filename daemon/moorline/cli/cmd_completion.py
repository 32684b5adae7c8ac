"""`moorline completion SHELL`."""

import click
from click.shell_completion import get_completion_class

from moorline.cli.app import app
from moorline.cli.output import say

__all__ = ["command"]

SHELLS = ("bash", "zsh", "fish")


HELP = """Print the completion script of a shell.

\b
bash  eval "$(moorline completion bash)"       in ~/.bashrc
zsh   eval "$(moorline completion zsh)"        in ~/.zshrc, after compinit
fish  moorline completion fish | source        in ~/.config/fish/config.fish

Exit code: 0.
"""


@click.command("completion", help=HELP)
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> int:
    kind = get_completion_class(shell)
    if kind is None:
        raise LookupError(shell)
    say(kind(app, {}, "moorline", "_MOORLINE_COMPLETE").source())
    return 0

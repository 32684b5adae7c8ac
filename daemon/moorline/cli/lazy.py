"""A group whose commands are imported when they are used, so that `--help` answers at once."""

from collections.abc import Callable, Mapping

import click

__all__ = ["LazyGroup"]


class LazyGroup(click.Group):
    """Knows names and one-line descriptions; the rest of a command is loaded to run it.

    Lists, completions and near misses come from the descriptions. What is loaded is only the one
    command that was named.
    """

    def __init__(
        self,
        name: str,
        *,
        about: Mapping[str, str],
        load: Callable[[str], click.Command],
        params: list[click.Parameter],
        help: str,  # noqa: A002  (click's word)
    ) -> None:
        stubs = [click.Command(verb, short_help=text) for verb, text in about.items()]
        super().__init__(name, commands=stubs, params=params, help=help)
        self.load = load

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        """In the order they were given, which is that of a story and not of the alphabet."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Where click finds the description of a command, put the command itself."""
        name, stub, rest = super().resolve_command(ctx, args)
        return name, self.load(name) if name and stub else stub, rest

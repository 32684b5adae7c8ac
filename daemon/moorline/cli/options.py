"""What every verb accepts, before it or behind it, and where its choice is kept."""

import os
from pathlib import Path
from typing import Any

import click

__all__ = [
    "DEFAULT_CONFIG",
    "common_options",
    "config_path",
    "json_option",
    "limit_option",
    "wants",
    "with_common_options",
]


DEFAULT_CONFIG = Path("/etc/moorline/agent.toml")


def common_options() -> list[click.Parameter]:
    """Options of the program that may also stand behind the verb; the last one counts."""
    return [
        click.Option(
            ["--config"],
            type=click.Path(path_type=Path),
            metavar="PATH",
            callback=_remember,
            expose_value=False,
            help=f"The agent's configuration. [default: $MOORLINE_CONFIG, else {DEFAULT_CONFIG}]",
        ),
        click.Option(
            ["--debug"],
            is_flag=True,
            callback=_remember,
            expose_value=False,
            help="Show where in the program an error arose.",
        ),
    ]


def with_common_options(command: click.Command) -> click.Command:
    """The same command, once with what every verb accepts."""
    has = {option for each in command.params for option in each.opts}
    command.params += [each for each in common_options() if not has & set(each.opts)]
    return command


def config_path(context: click.Context | None = None) -> Path:
    """The configuration to read: --config, $MOORLINE_CONFIG or the usual place."""
    context = context or click.get_current_context()
    chosen = context.meta.get(_key("config"))
    return chosen or Path(os.environ.get("MOORLINE_CONFIG") or DEFAULT_CONFIG)


def wants(name: str) -> bool:
    """Whether the flag --`name` was given."""
    return bool(click.get_current_context().meta.get(_key(name)))


def _remember(ctx: click.Context, option: click.Parameter, value: Any) -> None:  # noqa: ANN401
    # one that was left out must not undo what was said before the verb
    if value:
        ctx.meta[_key(str(option.name))] = value


def _key(name: str) -> str:
    return f"{__name__}.{name}"


json_option = click.option(
    "--json",
    is_flag=True,
    callback=_remember,
    expose_value=False,
    help="Print the result, or the error, as JSON.",
)

limit_option = click.option(
    "-n",
    "limit",
    type=click.IntRange(1, 1_000_000),
    default=20,
    show_default=True,
    metavar="N",
    help="How many, the newest first.",
)

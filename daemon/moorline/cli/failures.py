"""How an error ends a command: one line for a person, one object for a machine, one exit code."""

import json
import traceback

import click

from moorline.cli.options import wants
from moorline.cli.output import printable
from moorline.core.values import Json
from moorline.errors import InvalidEnvironment, InvalidPolicy, MoorlineError

__all__ = ["as_data", "explain", "tell"]


def explain(error: Exception) -> int:
    """Tell what went wrong on stderr (with --json on stdout too); returns the exit code."""
    if wants("debug"):
        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    known = error if isinstance(error, MoorlineError) else _internal(error)
    if wants("json"):
        click.echo(json.dumps({"error": as_data(known)}, indent=2, ensure_ascii=False))
    tell(known)
    return known.exit_code


def tell(error: MoorlineError) -> None:
    """One line on stderr."""
    # a list of problems stands for itself: editors and people jump to file:line:column
    is_list = isinstance(error, InvalidEnvironment | InvalidPolicy)
    click.echo(printable(str(error) if is_list else f"moorline: {error}"), err=True)


def as_data(error: MoorlineError) -> dict[str, Json]:
    """The error for machines; the keys are stable."""
    data: dict[str, Json] = {
        "kind": type(error).__name__,
        "message": error.message,
        "mend": error.mend,
        "exit_code": error.exit_code,
    }
    if isinstance(error, InvalidEnvironment | InvalidPolicy):
        data["problems"] = [
            {
                "path": each.path,
                "line": each.line,
                "column": each.column,
                "key": each.key,
                "message": each.message,
            }
            for each in error.problems
        ]
    return data


def _internal(error: Exception) -> MoorlineError:
    text = " ".join(str(error).split()) or "no message"
    mend = "this is a bug in moorline: run again with --debug and report what that shows"
    return MoorlineError(f"internal error: {type(error).__name__}: {text}", mend=mend)

"""The reference pages, made from what they describe: `python -m moorline.cli.reference FOLDER`."""

import ast
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import click
import msgspec

from moorline.agent.config import Config
from moorline.cli.app import VERBS, app, load_verb
from moorline.cli.lazy import LazyGroup
from moorline.cli.options import common_options
from moorline.core import compose
from moorline.core.compose.extension import SETTINGS_KEYS
from moorline.core.compose.ingress import INGRESS_KEYS
from moorline.core.compose.jobs import JOB_KEYS, JOBS_KEYS
from moorline.core.compose.probes import HEALTH_KEYS
from moorline.core.compose.service_extension import SERVICE_EXTENSION_KEYS
from moorline.core.compose.strategy import (
    ABORT_KEYS,
    CANARY_KEYS,
    METRIC_KEYS,
    ROLLING_KEYS,
    STEP_KEYS,
)
from moorline.core.compose.windows import WINDOW_KEYS

__all__ = ["PAGES", "write"]

_CLI = """\
# Commands

```text
moorline [OPTIONS] COMMAND [ARGS]...
```

{help}

Results go to stdout and nothing else does; remarks, log lines and errors go to stderr, an error as
one line that names the place and the mend. On a terminal progress is drawn on stderr.

| variable | meaning |
|---|---|
| `MOORLINE_CONFIG` | the configuration to read where `--config` is not given |
| `NO_COLOR` | set to anything: no colours |

## Options of every command

They may stand before or behind the command.

{common}

What each command returns is in [Exit codes](exit-codes.md), what `--json` prints in
[JSON output](json-output.md).
"""
_CONFIGURATION = """\
# The agent's configuration

`/etc/moorline/agent.toml`, or what `--config` or `$MOORLINE_CONFIG` names: one TOML file, checked
as a whole; a setting that does not exist is refused by name. `moorline doctor` says whether a host
has what it needs. SIGHUP makes a running daemon read it anew. Relative paths are taken from the
folder that the file is in.

```toml
host = "web-1"
environments = ["production"]

[repo]
url = "git@github.com:acme/state.git"
```

"""
_ENVIRONMENT = """\
# The environment file

`environments/<environment>.yaml` is a plain
[Compose file](https://github.com/compose-spec/compose-spec/blob/main/spec.md), and
`docker compose -f environments/<environment>.yaml up -d` starts the same thing by hand. Names,
types, short and long forms, defaults, interpolation, anchors and `<<` are those of the Compose
Specification. Keys that begin with `x-` belong to other tools and are left alone; every other key
that is not listed here is refused by name.

Every image carries a digest: `name[:tag]@sha256:…`. The tag is for the reader; `moorline pin`
writes both.

"""


def write(folder: Path) -> None:
    """Write every page into `folder`."""
    for name, render in PAGES.items():
        (folder / name).write_text(render(), encoding="utf-8")


# --- commands ------------------------------------------------------------------------------------


def _cli() -> str:
    context = click.Context(app, info_name="moorline")
    head = _CLI.format(help=app.help, common=_options(common_options(), context))
    return "\n".join((head, *(_verb(name, context) for name in VERBS)))


def _verb(name: str, parent: click.Context) -> str:
    return "\n".join(_command(load_verb(name), name, parent, depth=2))


def _command(
    command: click.Command, name: str, parent: click.Context, *, depth: int
) -> Iterator[str]:
    """The section of a command, and those of its subcommands one heading below."""
    context = click.Context(command, info_name=name, parent=parent)
    common = {option for each in common_options() for option in each.opts}
    own = [each for each in command.params if not common & set(each.opts)]
    usage = " ".join((context.command_path, *command.collect_usage_pieces(context)))
    title = f"{'#' * depth} {context.command_path.removeprefix('moorline ')}"
    parts = [title, f"```text\n{usage}\n```", _prose(command.help or "")]
    if options := [each for each in own if isinstance(each, click.Option)]:
        parts.append(_options(options, context))
    yield "\n\n".join(parts) + "\n"
    if isinstance(command, LazyGroup):
        for each in command.list_commands(context):
            yield from _command(command.load(each), each, context, depth=depth + 1)


def _prose(text: str) -> str:
    """Help text as Markdown: what click must not rewrap is a block of code."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(
        f"```text\n{each.removeprefix(chr(8)).strip()}\n```" if each.startswith("\b") else each
        for each in paragraphs
    )


def _options(params: Sequence[click.Parameter], context: click.Context) -> str:
    records = (each.get_help_record(context) for each in params)
    return _table("option", "meaning", dict(record for record in records if record))


# --- configuration -------------------------------------------------------------------------------


def _configuration() -> str:
    top = _section(Config, "")
    return _CONFIGURATION + "\n".join((top, *(_section(*each) for each in _tables())))


def _tables() -> Iterator[tuple[type[msgspec.Struct], str]]:
    """The tables of the file, each with its name."""
    for each in msgspec.structs.fields(Config):
        if _is_table(each):
            yield each.type, each.encode_name


def _is_table(field: msgspec.structs.FieldInfo) -> bool:
    return isinstance(field.type, type) and issubclass(field.type, msgspec.Struct)


def _section(kind: type[msgspec.Struct], name: str) -> str:
    title = f"## `[{name}]`" if name else "## At the top"
    about = _docstrings(kind)
    rows = [
        f"| `{each.name}` | {_default(each)} | {about[each.name]} |"
        for each in msgspec.structs.fields(kind)
        if not _is_table(each)
    ]
    return "\n".join((title, "", "| setting | default | meaning |", "|---|---|---|", *rows, ""))


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "needed"
    if field.default is msgspec.NODEFAULT or field.default in (None, "", ()):
        return ""
    return f"`{_as_toml(field.default)}`"


def _as_toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case tuple():
            return ", ".join(str(each) for each in value)
        case _:
            return str(value)


def _docstrings(kind: type[msgspec.Struct]) -> dict[str, str]:
    """The text under each field, which Python itself throws away."""
    body = ast.parse(inspect.getsource(kind)).body[0]
    statements = body.body if isinstance(body, ast.ClassDef) else []
    return dict(_described(statements))


def _described(statements: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for field, text in pairwise(statements):
        match field, text:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(about))),
            ):
                yield name, " ".join(about.split())
            case _:
                pass


# --- the environment file ------------------------------------------------------------------------


def _environment() -> str:
    sections: tuple[tuple[str, str, Mapping[str, str]], ...] = (
        ("At the top", "meaning", compose.TOP_KEYS),
        ("`x-moorline` at the top", "meaning", SETTINGS_KEYS),
        ("`x-moorline.windows[]` at the top", "meaning", WINDOW_KEYS),
        ("A service", "meaning", compose.SERVICE_KEYS),
        ("`x-moorline` in a service", "meaning", SERVICE_EXTENSION_KEYS),
        ("`x-moorline.health` in a service", "meaning", HEALTH_KEYS),
        ("`x-moorline.rolling` in a service", "meaning", ROLLING_KEYS),
        ("`x-moorline.canary` in a service", "meaning", CANARY_KEYS),
        ("`x-moorline.canary.steps[]` in a service", "meaning", STEP_KEYS),
        ("`x-moorline.canary.abort_on` in a service", "meaning", ABORT_KEYS),
        ("`x-moorline.canary.abort_on.prometheus` in a service", "meaning", METRIC_KEYS),
        ("`x-moorline.ingress` in a service", "meaning", INGRESS_KEYS),
        ("`x-moorline.jobs` in a service", "meaning", JOBS_KEYS),
        ("`x-moorline.jobs.before[]` and `after[]` in a service", "meaning", JOB_KEYS),
        ("Refused at the top", "reason", compose.REFUSED_TOP_KEYS),
        ("Refused in a service", "reason", compose.REFUSED_KEYS),
    )
    return _ENVIRONMENT + "\n".join(
        f"## {title}\n\n{_table('key', word, keys)}\n" for title, word, keys in sections
    )


def _table(left: str, right: str, rows: Mapping[str, str]) -> str:
    cells = {f"`{name}`": text for name, text in rows.items()}
    lines = [f"| {_cell(name)} | {_cell(text)} |" for name, text in cells.items()]
    return "\n".join((f"| {left} | {right} |", "|---|---|", *lines))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


PAGES: dict[str, Callable[[], str]] = {
    "cli.md": _cli,
    "configuration.md": _configuration,
    "environment-file.md": _environment,
}
"""File name → what is in it."""

if __name__ == "__main__":
    write(Path(sys.argv[1]))

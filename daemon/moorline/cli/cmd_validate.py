"""`moorline validate [PATH…]`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import click

from moorline.cli.explaining import Choices, choices_data, say_choices
from moorline.cli.output import emit, remark, say
from moorline.cli.worktree import FOLDER, WorkTree, read_plain_file, work_tree_of
from moorline.core.compose.dotenv import parse_dotenv
from moorline.core.compose.strategies import choices
from moorline.core.review import Review, survey
from moorline.errors import MoorlineError, Problem, UsageError

__all__ = ["command"]

INVALID = 2
_SUFFIX = ".yaml"


@click.command("validate")
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "github", "json"]),
    default="text",
    show_default=True,
    help="github: annotations for the lines of a pull request.",
)
@click.option(
    "--env-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Judge with the variables of this host's env file.",
)
@click.option(
    "--explain", is_flag=True, help="Tell what strategies each service could use, and why not."
)
def command(paths: tuple[Path, ...], form: str, env_file: Path | None, explain: bool) -> int:
    """Check environment files: environments/*.yaml, or the files and folders PATH.

    Every problem is told at once. Without --env-file, a variable that has no default counts as
    set, since hosts differ; what depends on its value is left to the host. Files that an
    environment names are looked up beside it. --explain goes on to say, for each service, how a
    new version takes over, how it could, and what is against the other ways.

    Exit code: 0 all valid, 2 not.
    """
    variables = None
    if env_file is not None:
        variables = parse_dotenv(read_plain_file(env_file), path=str(env_file))
    files = tuple(_files(paths or (Path(FOLDER),)))
    if not files:
        where = ", ".join(str(each) for each in paths) or f"{FOLDER}/"
        mend = "run this at the root of the state repo, or name the files"
        raise UsageError(f"no environment file in {where}", mend=mend)
    reviews = {path: _check(path, variables) for path in files}
    problems = [problem for each in reviews.values() for problem in each.problems]
    services = {
        path: choices(each.environment)
        for path, each in reviews.items()
        if each.environment is not None
    }
    _tell(form, files, problems, services)
    if explain and form == "text":
        say_choices(services)
    return INVALID if problems else 0


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(each for each in path.iterdir() if each.suffix in {".yaml", ".yml"})
        elif path != Path(FOLDER):
            yield path


def _check(path: Path, variables: Mapping[str, str] | None) -> Review:
    if path.suffix != _SUFFIX:
        message = f"moorline reads {_SUFFIX} files only; rename it to {path.stem}{_SUFFIX}"
        return Review((Problem(str(path), 1, 1, "", message),))
    try:
        source = read_plain_file(path)
    except MoorlineError as error:
        return Review((Problem(str(path), 1, 1, "", str(error)),))
    root = work_tree_of(path)
    inside = path.absolute().relative_to(root).as_posix()
    found = survey(source, path=inside, files=WorkTree(root), variables=variables)
    here = (replace(problem, path=str(path)) for problem in found.problems)
    return replace(found, problems=tuple(here))


def _tell(
    form: str, files: Sequence[Path], problems: Sequence[Problem], services: Choices
) -> None:
    if form == "json":
        emit(
            {
                "files": [str(each) for each in files],
                "problems": [_as_data(p) for p in problems],
                "services": {str(path): choices_data(each) for path, each in services.items()},
            }
        )
        return
    for problem in problems:
        say(_annotation(problem) if form == "github" else str(problem))
    if not problems:
        remark(f"{len(files)} valid: {', '.join(str(each) for each in files)}")


def _as_data(problem: Problem) -> dict[str, str | int]:
    return {
        "path": problem.path,
        "line": problem.line,
        "column": problem.column,
        "key": problem.key,
        "message": problem.message,
    }


def _annotation(problem: Problem) -> str:
    """A workflow command; its two kinds of text are escaped differently."""
    title = f"moorline: {problem.key or 'invalid file'}"
    properties = (
        ("file", problem.path),
        ("line", str(problem.line)),
        ("col", str(problem.column)),
        ("title", title),
    )
    listed = ",".join(f"{name}={_escaped(text, ':,')}" for name, text in properties)
    return f"::error {listed}::{_escaped(problem.message)}"


def _escaped(text: str, also: str = "") -> str:
    return "".join(f"%{ord(c):02X}" if c in f"%\r\n{also}" else c for c in text)

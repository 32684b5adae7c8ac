import json
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from moorline.cli.app import VERBS, App, app, load_verb
from moorline.cli.options import common_options, json_option
from moorline.errors import (
    InvalidEnvironment,
    Locked,
    MoorlineError,
    Problem,
    Quarantined,
    UsageError,
)

HEAVY = (
    "docker",
    "git",
    "httpx",
    "msgspec",
    "requests",
    "rich",
    "structlog",
    "watchfiles",
    "yaml",
)
PROBLEMS = (
    Problem("environments/a.yaml", 3, 5, "services.web.image", "no digest"),
    Problem("environments/a.yaml", 9, 1, "", "not YAML"),
)


def moorline(*words: str) -> Result:
    return CliRunner().invoke(app, words, prog_name="moorline")


def failing(error: BaseException, *words: str) -> Result:
    """Run a program whose only verb ends on `error`."""

    @click.command("fail")
    @json_option
    def fail() -> None:
        raise error

    fail.params += common_options()
    program = App(
        "moorline", about={"fail": "Fail."}, load=lambda _: fail, params=common_options(), help=""
    )
    return CliRunner().invoke(program, words, prog_name="moorline")


def test_help_lists_every_verb_with_what_it_does() -> None:
    shown = moorline("--help").stdout
    assert [
        verb for verb, about in VERBS.items() if f"{verb} " not in shown or about not in shown
    ] == []


def test_help_needs_none_of_the_large_libraries() -> None:
    script = (
        "import sys; from moorline.cli.app import app\n"
        "try: app(['--help'])\n"
        f"except SystemExit: print(sorted(set({HEAVY}) & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stderr == "[]\n"


def test_help_takes_less_than_300_ms_of_the_processor() -> None:
    def spent() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "moorline", "--help"], capture_output=True, check=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(spent() for _ in range(5)) < 0.3


def test_the_version_is_that_of_the_package() -> None:
    assert re.fullmatch(r"moorline \d+\.\d+\.\d+\n", moorline("--version").stdout)


def test_an_unknown_verb_is_a_usage_error_with_a_near_miss() -> None:
    result = moorline("aply")
    assert result.exit_code == 2
    assert "No such command 'aply'. Did you mean 'apply'?" in result.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_accepts_the_common_options_and_says_what_it_returns(verb: str) -> None:
    command = load_verb(verb)
    options = {option for each in command.params for option in each.opts}
    assert {"--config", "--debug"} <= options
    assert "Exit code" in (command.help or "")


@pytest.mark.parametrize("verb", VERBS)
def test_loading_a_verb_twice_gives_its_options_once(verb: str) -> None:
    load_verb(verb)
    options = [option for each in load_verb(verb).params for option in each.opts]
    assert len(options) == len(set(options))


# --- how a command ends --------------------------------------------------------------------------

ENDS: list[tuple[str, BaseException, int, str]] = [
    (
        "an error is one line with its mend",
        Locked("moorline run (pid 7) is working with /s", mend="look with 'moorline status'"),
        1,
        "moorline: moorline run (pid 7) is working with /s; look with 'moorline status'\n",
    ),
    ("an error without a mend", MoorlineError("no"), 1, "moorline: no\n"),
    ("usage", UsageError("'x' is not an environment"), 2, "moorline: 'x' is not an environment\n"),
    (
        "held",
        Quarantined("3f9c2d1 failed here before"),
        4,
        "moorline: 3f9c2d1 failed here before\n",
    ),
    (
        "problems stand for themselves, one line each",
        InvalidEnvironment(PROBLEMS),
        2,
        (
            "environments/a.yaml:3:5: services.web.image: no digest\n"
            "environments/a.yaml:9:1: not YAML\n"
        ),
    ),
    (
        "an error that nobody thought of is one line as well",
        KeyError("a\nb"),
        1,
        (
            "moorline: internal error: KeyError: 'a\\nb'; this is a bug in moorline: run again "
            "with --debug and report what that shows\n"
        ),
    ),
    ("Ctrl-C is silent", KeyboardInterrupt(), 130, ""),
]


@pytest.mark.parametrize(
    ("error", "code", "words"), [e[1:] for e in ENDS], ids=[e[0] for e in ENDS]
)
def test_an_end(error: BaseException, code: int, words: str) -> None:
    result = failing(error, "fail")
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", words)


@pytest.mark.parametrize("words", [("--debug", "fail"), ("fail", "--debug")])
def test_debug_shows_where_before_it_says_what(words: tuple[str, ...]) -> None:
    result = failing(Locked("locked"), *words)
    assert result.exit_code == 1
    assert result.stderr.startswith("Traceback (most recent call last):")
    assert result.stderr.endswith("moorline: locked\n")


def test_an_error_is_json_too_where_json_was_asked_for() -> None:
    result = failing(Locked("locked", mend="wait"), "fail", "--json")
    assert json.loads(result.stdout) == {
        "error": {"kind": "Locked", "message": "locked", "mend": "wait", "exit_code": 1}
    }
    assert result.stderr == "moorline: locked; wait\n"


def test_problems_are_listed_in_json() -> None:
    error = json.loads(failing(InvalidEnvironment(PROBLEMS), "fail", "--json").stdout)["error"]
    assert error["problems"][0] == {
        "path": "environments/a.yaml",
        "line": 3,
        "column": 5,
        "key": "services.web.image",
        "message": "no digest",
    }
    assert (error["kind"], error["exit_code"], len(error["problems"])) == (
        "InvalidEnvironment",
        2,
        2,
    )


def test_text_from_elsewhere_cannot_steer_the_terminal() -> None:
    assert (
        failing(MoorlineError("web: \x1b[2Jgone\r"), "fail").stderr == "moorline: web:  [2Jgone \n"
    )


def test_a_reader_that_goes_away_is_no_error() -> None:
    result = failing(BrokenPipeError(32, "Broken pipe"), "fail")
    assert (result.exit_code, result.stderr) == (1, "")


# --- the configuration ---------------------------------------------------------------------------


def where_config(arguments: Callable[[Path], list[str]], folder: Path, **env: str) -> str:
    result = CliRunner(env=env).invoke(app, arguments(folder), prog_name="moorline")
    assert result.exit_code == 2
    return result.stderr.replace(str(folder), "")


CONFIG_PLACES: list[tuple[str, Callable[[Path], list[str]], str]] = [
    ("before the verb", lambda f: ["--config", f"{f}/a.toml", "status"], "/a.toml"),
    ("behind the verb", lambda f: ["status", "--config", f"{f}/b.toml"], "/b.toml"),
    (
        "the last one counts",
        lambda f: ["--config", f"{f}/a.toml", "status", "--config", f"{f}/b.toml"],
        "/b.toml",
    ),
    ("else the environment's", lambda _: ["status"], "/env.toml"),
]


@pytest.mark.parametrize(
    ("arguments", "wanted"), [c[1:] for c in CONFIG_PLACES], ids=[c[0] for c in CONFIG_PLACES]
)
def test_which_configuration_is_read(
    arguments: Callable[[Path], list[str]], wanted: str, tmp_path: Path
) -> None:
    said = where_config(arguments, tmp_path, MOORLINE_CONFIG=f"{tmp_path}/env.toml")
    assert said == f"moorline: {wanted} does not exist; create it, or name another with --config\n"

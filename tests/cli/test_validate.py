import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from moorline.cli.app import app
from tests.core.builders import digest

IMAGE = f"ghcr.io/acme/web:1@{digest('1')}"
FINE = f"services:\n  web:\n    image: {IMAGE}\n"
WRONG = "services:\n  web:\n    image: nginx:1\n    tty: ja, immer\n"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The work tree of a state repo, and the working directory."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "environments").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(tree: Path, **environments: str) -> None:
    for name, text in environments.items():
        (tree / "environments" / f"{name}.yaml").write_text(text)


def validate(*words: str) -> Result:
    return CliRunner().invoke(app, ("validate", *words), prog_name="moorline")


def test_all_environments_are_checked_where_none_is_named(tree: Path) -> None:
    write(tree, production=FINE, staging=FINE)
    result = validate()
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == (
        "moorline: 2 valid: environments/production.yaml, environments/staging.yaml\n"
    )


def test_every_problem_of_every_file_is_told_where_it_is(tree: Path) -> None:
    write(tree, production=WRONG, staging=FINE.replace("web:", "web: 1 #"))
    result = validate()
    assert result.exit_code == 2
    lines = result.stdout.splitlines()
    assert lines[0] == (
        "environments/production.yaml:3:12: services.web.image: no digest; run 'moorline pin "
        "production web nginx:1'"
    )
    assert lines[1].startswith("environments/production.yaml:4:10: services.web.tty: ")
    assert lines[2].startswith("environments/staging.yaml:")


def test_files_and_folders_can_be_named(tree: Path) -> None:
    write(tree, production=FINE, staging=WRONG)
    assert validate("environments/production.yaml").exit_code == 0
    assert validate(str(tree / "environments")).exit_code == 2


def test_github_gets_annotations_that_survive_its_parser(tree: Path) -> None:
    write(tree, **{"a,b": 'services:\n  web:\n    "im:a%ge": x\n'})
    result = validate("--format", "github")
    assert result.exit_code == 2
    assert (
        "::error file=environments/a%2Cb.yaml,line=3,col=5,title=moorline%3A services.web.im%3Aa"
        "%25ge::not a Compose key" in result.stdout
    )
    assert all(line.startswith("::error file=") for line in result.stdout.splitlines())


def test_json_lists_files_and_problems(tree: Path) -> None:
    write(tree, production=WRONG)
    found = json.loads(validate("--format", "json").stdout)
    assert found["files"] == ["environments/production.yaml"]
    assert [problem["key"] for problem in found["problems"]] == [
        "services.web.image",
        "services.web.tty",
    ]


def test_a_variable_without_a_default_is_left_to_the_hosts(tree: Path) -> None:
    write(tree, production=FINE + "    mem_limit: ${MEMORY}\n")
    assert validate().exit_code == 0


def test_an_env_file_is_what_one_host_has(tree: Path) -> None:
    write(tree, production=FINE + "    mem_limit: ${MEMORY}\n")
    (tree / "good.env").write_text("MEMORY=1g\n")
    (tree / "bad.env").write_text("MEMORY=lots\n")
    (tree / "empty.env").write_text("")
    assert validate("--env-file", "good.env").exit_code == 0
    assert "services.web.mem_limit" in validate("--env-file", "bad.env").stdout
    assert "variable MEMORY is not set" in validate("--env-file", "empty.env").stdout


def test_files_that_an_environment_names_are_looked_up_beside_it(tree: Path) -> None:
    write(tree, production=FINE + "    env_file: [./web.env, ../shared.env, /etc/host.env]\n")
    (tree / "shared.env").write_text("A=1\n")
    result = validate()
    assert result.stdout == (
        "environments/production.yaml:4:16: services.web.env_file[0]: no file environments/web.env"
        " in the repository\n"
    )
    (tree / "environments" / "web.env").write_text("B=1\n")
    assert validate().exit_code == 0


def test_a_file_outside_of_a_repository_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "solo.yaml").write_text(FINE + "    env_file: a.env\n")
    (tmp_path / "a.env").write_text("A=1\n")
    assert validate(str(tmp_path / "solo.yaml")).exit_code == 0


def test_a_symbolic_link_is_refused(tree: Path) -> None:
    (tree / "real.yaml").write_text(FINE)
    (tree / "environments" / "production.yaml").symlink_to(tree / "real.yaml")
    result = validate()
    assert result.exit_code == 2
    assert result.stdout == (
        "environments/production.yaml:1:1: environments/production.yaml is a symbolic link; put "
        "the file itself there\n"
    )


def test_a_linked_file_that_an_environment_names_is_not_there(tree: Path) -> None:
    write(tree, production=FINE + "    env_file: web.env\n")
    (tree / "environments" / "web.env").symlink_to("/etc/passwd")
    assert "no file environments/web.env" in validate().stdout


def test_a_name_that_is_never_read_is_told(tree: Path) -> None:
    (tree / "environments" / "production.yml").write_text(FINE)
    result = validate()
    assert result.exit_code == 2
    assert "moorline reads .yaml files only; rename it to production.yaml" in result.stdout


def test_a_file_that_is_not_there_is_a_problem_of_that_file(tree: Path) -> None:
    write(tree, production=FINE)
    result = validate("environments/production.yaml", "environments/staging.yaml")
    assert result.exit_code == 2
    assert result.stdout.startswith(
        "environments/staging.yaml:1:1: environments/staging.yaml does"
    )


@pytest.mark.parametrize("words", [(), ("environments",)])
def test_no_file_at_all_is_a_usage_error(tree: Path, words: tuple[str, ...]) -> None:
    result = validate(*words)
    assert result.exit_code == 2
    assert result.stderr.startswith("moorline: no environment file in environments")
    assert (tree / ".git").is_dir()


HOSTILE = [
    ("deep nesting", "a: " + "[" * 10_000),
    ("not text", "\udcff"),
    ("a tag", "a: !!python/object:os.system x"),
    ("too large", "a: " + "x" * 2_000_000),
    ("a fifo instead of a file", None),
]


@pytest.mark.parametrize("text", [each[1] for each in HOSTILE], ids=[each[0] for each in HOSTILE])
def test_a_hostile_file_is_refused(tree: Path, text: str | None) -> None:
    path = tree / "environments" / "production.yaml"
    if text is None:
        os.mkfifo(path)
    else:
        path.write_bytes(text.encode(errors="surrogateescape"))
    result = validate()
    assert result.exit_code == 2
    assert result.stdout.startswith("environments/production.yaml:1:")


MIXED = f"""
services:
  web:
    image: {IMAGE}
    ports: ['80:80']
    x-moorline: {{strategy: blue-green}}
  db:
    image: {IMAGE}
    volumes: ['data:/data']
volumes: {{data: }}
"""


def test_the_strategies_are_explained_where_that_is_asked_for(tree: Path) -> None:
    write(tree, production=MIXED, staging=WRONG)
    result = validate("--explain")
    assert result.exit_code == 2
    told = result.stdout.partition("environments/production.yaml: web")
    data = (
        "two versions would write to 'data' at the same time; if they may, list it in "
        "shared_volumes, or mount it read-only"
    )
    assert (told[1] + told[2]).splitlines() == [
        "environments/production.yaml: web: blue-green",
        "  possible: recreate, rolling, canary",
        "environments/production.yaml: db: recreate",
        "  not rolling:",
        f"    {data}",
        "  not blue-green, canary:",
        "    it publishes no port, and only what comes in by one can be moved",
        f"    {data}",
    ]
    assert "blue-green" not in validate().stdout


def test_annotations_stay_annotations_where_strategies_are_explained(tree: Path) -> None:
    write(tree, production=MIXED)
    assert validate("--explain", "--format", "github").stdout == ""


def test_json_holds_the_strategies_of_valid_files(tree: Path) -> None:
    write(tree, production=MIXED, staging=WRONG)
    services = json.loads(validate("--format", "json").stdout)["services"]
    assert list(services) == ["environments/production.yaml"]
    web = services["environments/production.yaml"]["web"]
    assert web == {
        "strategy": "blue-green",
        "against": {"recreate": [], "rolling": [], "blue-green": [], "canary": []},
    }

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from moorline.cli.app import app
from moorline.cli.template import template_root


def moorline(*words: str) -> Result:
    return CliRunner().invoke(app, words, prog_name="moorline")


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(each.relative_to(folder)): each.read_bytes()
        for each in folder.rglob("*")
        if each.is_file()
    }


def test_the_template_is_copied_as_it_is(tmp_path: Path) -> None:
    result = moorline("init", str(tmp_path / "state"))
    assert result.exit_code == 0
    assert f"A state repo is in {tmp_path}/state. Next:" in result.stdout
    assert files(tmp_path / "state") == files(template_root())


def test_what_it_makes_is_valid(tmp_path: Path) -> None:
    moorline("init", str(tmp_path / "state"))
    assert moorline("validate", str(tmp_path / "state" / "environments")).exit_code == 0


def test_an_empty_folder_is_fine(tmp_path: Path) -> None:
    assert moorline("init", str(tmp_path)).exit_code == 0


def test_a_folder_in_use_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    result = moorline("init", str(tmp_path))
    assert (result.exit_code, result.stderr) == (
        2,
        f"moorline: {tmp_path} is not empty; name a new folder, or empty it\n",
    )
    assert files(tmp_path) == {"mine": b"x"}


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    assert moorline("init", str(tmp_path / "mine")).exit_code == 2


@pytest.mark.parametrize("place", ["/proc/state", "/dev/null/state"])
def test_a_place_that_cannot_be_written_is_one_line(place: str) -> None:
    result = moorline("init", place)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"moorline: {place}: ")
    assert result.stderr.count("\n") == 1

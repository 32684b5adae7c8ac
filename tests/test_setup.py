"""The scripts behind `make setup` and `.ci/run`, as far as no fresh machine is needed."""

import os
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest

ROOT = Path(__file__).parents[1]
PARTS = ROOT / "tests/parts"


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def set_up(python: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [PARTS / "setup.sh", "venv"],
        env={**os.environ, "PYTHON": str(python)},
        check=False,
        capture_output=True,
        text=True,
    )


def test_a_python_that_is_too_old_is_named_with_its_mend(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\necho Python 3.9.2\nexit 1\n")
    old.chmod(0o755)
    done = set_up(old)
    assert done.returncode == 1
    assert f"moorline needs Python 3.11 or newer; {old} is Python 3.9.2" in done.stderr
    assert "make setup PYTHON=" in done.stderr


def test_a_python_that_is_not_there_is_named_with_its_mend(tmp_path: Path) -> None:
    done = set_up(tmp_path / "none")
    assert done.returncode == 1
    assert "moorline needs Python 3.11 or newer" in done.stderr
    assert "make setup PYTHON=" in done.stderr


@pytest.mark.engine
def test_the_sweep_takes_what_carries_our_prefix_and_nothing_else() -> None:
    ours, foreign = f"moorline-sweep-{uuid4().hex[:8]}", f"foreign-{uuid4().hex[:8]}"
    for name in (f"{ours}-net", f"{foreign}-net"):
        docker("network", "create", name)
    for name in (f"{ours}-vol", f"{foreign}-vol"):
        docker("volume", "create", name)
    project = f"com.docker.compose.project={ours}"
    docker("volume", "create", "--label", project, f"{foreign}-named-but-ours")
    try:
        subprocess.run([PARTS / "sweep.sh", ours], check=True)
        left = docker("network", "ls", "--format", "{{.Name}}").split()
        left += docker("volume", "ls", "--format", "{{.Name}}").split()
        assert [name for name in left if ours in name] == []
        assert sorted(name for name in left if foreign in name) == [
            f"{foreign}-net",
            f"{foreign}-vol",
        ]
    finally:
        docker("network", "rm", f"{foreign}-net")
        docker("volume", "rm", f"{foreign}-vol")

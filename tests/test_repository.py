"""Obligations on the repository itself; cheap, and without network or engine."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))

# Split, so that this file does not contain them itself.
FORBIDDEN = {
    "a package registry's host": (
        "pypi" + ".org",
        "files." + "pythonhosted",
        "deb." + "debian.org",
        "registry." + "npmjs",
    ),
    "a path of one machine": ("/wo" + "rk/", "/ro" + "ot/"),
}


def tracked() -> Iterator[tuple[str, bytes]]:
    """Every file that is, or after `git add` would be, in the repository."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    for name in filter(None, listing.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            yield name, (ROOT / name).read_bytes()


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def requirements() -> list[Requirement]:
    """Everything that pyproject.toml asks for, of any kind."""
    settings = project()
    groups = settings["dependency-groups"].values()
    grouped = [entry for group in groups for entry in group if isinstance(entry, str)]
    return [
        Requirement(text)
        for text in (
            *settings["build-system"]["requires"],
            *settings["project"]["dependencies"],
            *grouped,
        )
    ]


def locked() -> dict[str, str]:
    """The lock, as package → its requirement line followed by its hashes."""
    text = (ROOT / "requirements.lock").read_text()
    blocks = re.split(r"^(?=\S)", text, flags=re.MULTILINE)
    return {canonicalize_name(block.split("==")[0]): block for block in blocks if "==" in block}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what: str) -> None:
    words = [word.encode() for word in FORBIDDEN[what]]
    found = [(name, word) for name, data in tracked() for word in words if word in data]
    assert found == []


def test_the_lock_satisfies_every_requirement() -> None:
    lock = locked()
    unmet = []
    for requirement in requirements():
        pinned = lock.get(canonicalize_name(requirement.name), "==0")
        version = pinned.split("==")[1].split()[0]
        if version not in requirement.specifier:
            unmet.append(f"{requirement}: locked is {version}")
    assert unmet == [], "run `make lock`"


def test_every_locked_package_has_hashes() -> None:
    assert [name for name, block in locked().items() if "--hash=sha256:" not in block] == []


def test_the_lock_holds_the_build_backend_itself() -> None:
    settings = project()
    assert settings["dependency-groups"]["build"] == settings["build-system"]["requires"]


def test_every_dependency_has_its_reason_on_record() -> None:
    reasons = (ROOT / "docs/decisions/0004-dependencies.md").read_text()
    named = re.findall(r"^\| ([\w, -]+) \|", reasons, flags=re.MULTILINE)
    explained = {canonicalize_name(name.strip()) for row in named for name in row.split(",")}
    asked = {canonicalize_name(requirement.name) for requirement in requirements()}
    assert asked - explained == set()


def test_make_help_lists_every_verb() -> None:
    makefile = (ROOT / "Makefile").read_text()
    shown = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True)
    phony = re.search(r"^\.PHONY: (.+)$", makefile, flags=re.MULTILINE)
    assert phony is not None
    assert sorted(re.findall(r"^  make (\w+) ", shown.stdout, flags=re.MULTILINE)) == sorted(
        phony[1].split()
    )


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_has_no_right_that_a_job_did_not_ask_for(workflow: Path) -> None:
    jobs = yaml.safe_load(workflow.read_text())
    assert jobs["permissions"] == {}
    assert [name for name, job in jobs["jobs"].items() if "permissions" not in job] == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_pins_its_actions_by_commit(workflow: Path) -> None:
    uses = re.findall(r"uses: (.+)$", workflow.read_text(), flags=re.MULTILINE)
    assert [use for use in uses if not re.fullmatch(r"\S+@[0-9a-f]{40} # v[\d.]+", use)] == []


def test_the_workflow_runs_what_people_run() -> None:
    assert ".ci/run" in (ROOT / ".github/workflows/ci.yml").read_text()


def prose() -> Iterator[tuple[str, str]]:
    """Markdown files without their code, where brackets mean something else."""
    for name, data in tracked():
        if name.endswith(".md"):
            yield name, re.sub(r"```.*?```|`[^`\n]*`", "", data.decode(), flags=re.DOTALL)


def test_relative_links_lead_somewhere() -> None:
    broken = [
        f"{name}: {target}"
        for name, text in prose()
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
        if "://" not in target and not (ROOT / name).parent.joinpath(target).exists()
    ]
    assert broken == []


def test_scripts_can_be_run() -> None:
    plain = [
        name
        for name, data in tracked()
        if data.startswith(b"#!") and not (ROOT / name).stat().st_mode & 0o111
    ]
    assert plain == []


def test_every_test_part_is_strict_about_failure() -> None:
    lax = [
        name
        for name, data in tracked()
        if data.startswith(b"#!/bin/bash") and b"\nset -euo pipefail\n" not in data
    ]
    assert lax == []


def test_the_licence_is_complete_and_has_a_holder() -> None:
    licence = (ROOT / "LICENSE").read_text()
    assert "END OF TERMS AND CONDITIONS" in licence
    assert "The moorline authors" in licence

import re
import zipfile
from pathlib import Path

import pytest
import yaml
from hatchling.builders.wheel import WheelBuilder

from moorline.cli.template import template_root
from moorline.core.compose import load

ROOT = Path(__file__).parents[2]
NEEDED = (
    ".gitignore",
    "CODEOWNERS",
    "QUICK_RECOVERY_GUIDE.md",
    "README.md",
    "environments/production.yaml",
    "environments/staging.yaml",
    "policies/retention.yaml",
)


def test_a_checkout_finds_the_template_at_its_root() -> None:
    assert template_root() == ROOT / "state-repo-template"


def test_the_template_holds_what_a_state_repo_needs() -> None:
    assert [name for name in NEEDED if not (template_root() / name).is_file()] == []


def test_a_wheel_carries_the_template_inside_the_package(tmp_path: Path) -> None:
    wheel = next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"]))
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    assert {f"moorline/template/{name}" for name in NEEDED} <= packed


@pytest.mark.parametrize("name", ["production", "staging"])
def test_an_environment_of_the_template_is_valid_on_a_host_without_variables(name: str) -> None:
    path = f"environments/{name}.yaml"
    environment = load((template_root() / path).read_bytes(), path=path, variables={}, files={})
    assert environment.name == name
    assert [service.name for service in environment.services] == ["web"]


def test_the_options_shown_in_comments_are_valid_as_well() -> None:
    path = "environments/production.yaml"
    text = (template_root() / path).read_text()
    shown = re.sub(r"^( *)# ( *[A-Za-z_-]+:( .*)?)$", r"\1\2", text, flags=re.MULTILINE)
    assert shown.count("\n  allow_empty:") == shown.count("\n      JWT_SECRET:") == 1
    environment = load(shown.encode(), path=path, variables={"JWT_SECRET": "long"}, files={})
    assert environment.services[0].health.tcp == ":3000"


def test_the_retention_policy_deletes_nothing_until_a_person_says_so() -> None:
    policy = yaml.safe_load((template_root() / "policies/retention.yaml").read_text())
    assert policy["enabled"] is False

from pathlib import Path

import msgspec
import pytest

from moorline.agent.config import Config
from moorline.cli.app import VERBS
from moorline.cli.reference import PAGES, write
from moorline.core.compose import (
    REFUSED_KEYS,
    SERVICE_KEYS,
    extension,
    ingress,
    jobs,
    probes,
    service_extension,
    strategy,
    windows,
)

COMMITTED = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize("name", PAGES)
def test_the_committed_page_is_what_the_program_says(name: str) -> None:
    mend = "run: python -m moorline.cli.reference docs/reference"
    assert (COMMITTED / name).read_text() == PAGES[name](), mend


def test_pages_are_written_into_a_folder(tmp_path: Path) -> None:
    write(tmp_path)
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(PAGES)


def test_every_verb_has_its_section() -> None:
    page = PAGES["cli.md"]()
    assert [verb for verb in VERBS if f"\n## {verb}\n" not in page] == []


def is_table(field: msgspec.structs.FieldInfo) -> bool:
    return isinstance(field.type, type) and issubclass(field.type, msgspec.Struct)


SECTIONS = [Config, *(each.type for each in msgspec.structs.fields(Config) if is_table(each))]


@pytest.mark.parametrize("section", SECTIONS)
def test_every_setting_is_described(section: type[msgspec.Struct]) -> None:
    page = PAGES["configuration.md"]()
    rows = {
        line.split("|")[1].strip(): line for line in page.splitlines() if line.startswith("| `")
    }
    fields = [each.encode_name for each in msgspec.structs.fields(section) if not is_table(each)]
    assert [name for name in fields if not rows[f"`{name}`"].split("|")[3].strip()] == []


def test_every_key_of_a_service_is_listed_or_refused_with_its_reason() -> None:
    page = PAGES["environment-file.md"]()
    assert [key for key in (*SERVICE_KEYS, *REFUSED_KEYS) if f"| `{key}` | " not in page] == []


OURS = (extension, ingress, jobs, probes, service_extension, strategy, windows)
TABLES = {
    name: table
    for module in OURS
    for name, table in vars(module).items()
    if name.endswith("_KEYS") and name in module.__all__
}


@pytest.mark.parametrize("name", TABLES)
def test_every_key_of_ours_is_listed_with_its_meaning(name: str) -> None:
    page = PAGES["environment-file.md"]()
    rows = "\n".join(
        f"| `{key}` | {about.replace('|', chr(92) + '|')} |" for key, about in TABLES[name].items()
    )
    assert rows in page

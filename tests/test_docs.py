"""Obligations on the documentation: what it says is true of the code.

That relative links lead somewhere is checked in `test_repository.py`, with the other files.
"""

import ast
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest
import yaml

from moorline import errors
from moorline.agent.durable.journal import Entry, Phase
from moorline.agent.durable.memory import Memory
from moorline.agent.outcome import EXIT_CODES
from moorline.cli.app import VERBS, load_verb
from moorline.cli.lazy import LazyGroup
from moorline.core import compose, labels
from moorline.core.health import Sample
from moorline.core.records import Backup, Deployment, Outcome, ServiceEvidence, summarise
from moorline.core.retention.defaults import default_policy
from moorline.core.retention.model import Decision, Prices, Untag, Verdict, Version
from moorline.core.retention.outcomes import (
    AppliedRecord,
    PackageOutcome,
    Result,
    UntagOutcome,
    VersionOutcome,
)
from moorline.core.retention.policy import POLICY_KEYS, parse_policy
from moorline.core.retention.records import DecisionRecord
from moorline.core.retention.rules import RULE_KEYS
from moorline.core.retention.tags import WORDS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(
    [*DOCS.rglob("*.md"), ROOT / "README.md", *(ROOT / "state-repo-template").rglob("*.md")]
)
# Made from the code, and compared with it in tests/cli/test_reference.py.
GENERATED = {f"docs/reference/{name}.md" for name in ("cli", "configuration", "environment-file")}
DIGEST = "sha256:" + 64 * "0"

Place = tuple[str, int]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def page(path: str) -> str:
    return (DOCS / path).read_text()


def words_in_code(text: str) -> set[str]:
    """Everything that stands in `backticks`."""
    return set(re.findall(r"`([^`\n]+)`", text))


def fenced(path: Path) -> Iterator[tuple[str, int, str]]:
    """(language, line number, text) of every code block."""
    language, start, lines = "", 0, list[str]()
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.startswith("```"):
            lines.append(line)
        elif start:
            yield language, start, "\n".join(lines)
            start = 0
        else:
            language, start, lines = line[3:], number, []


# --- pages and links -----------------------------------------------------------------------------


def links(path: Path) -> Iterator[str]:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in target:
            yield target


def test_every_page_can_be_reached_from_the_index() -> None:
    reached: set[Path] = set()
    waiting = [DOCS / "index.md"]
    while waiting:
        current = waiting.pop()
        if current in reached or current.suffix != ".md" or not current.is_file():
            continue
        reached.add(current)
        targets = (target.partition("#")[0] for target in links(current))
        waiting += [(current.parent / target).resolve() for target in targets if target]
    assert sorted(map(named, set(DOCS.rglob("*.md")) - reached)) == []


def anchors(path: Path) -> set[str]:
    """Headings, as git servers make links of them."""
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def test_every_anchor_leads_to_a_heading() -> None:
    broken = []
    for path in PAGES:
        for target in links(path):
            file, _, anchor = target.partition("#")
            there = (path.parent / file).resolve() if file else path
            if anchor and there.suffix == ".md" and anchor not in anchors(there):
                broken.append(f"{named(path)}: {target}")
    assert broken == []


def test_every_decision_is_in_the_index() -> None:
    found = {path.name for path in (DOCS / "decisions").iterdir()}
    assert found == set(re.findall(r"\(decisions/([^)]+)\)", page("index.md")))


# --- commands ------------------------------------------------------------------------------------


def simple_commands(text: str) -> Iterator[str]:
    """The commands of a shell example, each by itself, without prompts and comments."""
    for line in text.replace("\\\n", " ").splitlines():
        bare = re.sub(r"(^|\s)#.*$", "", line.strip().removeprefix("$ "))
        for command in re.split(r"&&|\|\||[;|()]", bare):
            words = command.strip().removeprefix("sudo -u moorline ")
            yield re.sub(r"\s*[12]?>.*$", "", words.removeprefix("/opt/moorline/bin/"))


def commands() -> Iterator[tuple[Place, str]]:
    """Every `moorline …` in a shell block or in backticks, with its place."""
    for path in (each for each in PAGES if named(each) not in GENERATED):
        for language, start, text in fenced(path):
            for command in simple_commands(text) if language == "sh" else ():
                if command.startswith("moorline "):
                    yield (named(path), start), command.removeprefix("moorline ")
        for command in re.findall(r"`moorline ([a-z-][^`\n]*)`", path.read_text()):
            yield (named(path), 0), command


COMMANDS = sorted(set(commands()))


def test_the_documentation_has_commands() -> None:
    assert {line.split()[0] for _, line in COMMANDS} >= {"apply", "status", "rollback", "pin"}


GLOBAL = {"--version", "--help"}


def complaint(line: str) -> str:
    """What is wrong with a command line; "" for nothing. Only its form is looked at."""
    verb, *words = shlex.split(line.replace("<", "").replace(">", ""))
    if verb in GLOBAL | {"COMMAND"}:
        return ""
    if verb not in VERBS:
        return f"no command {verb}"
    command = load_verb(verb)
    if isinstance(command, LazyGroup):
        name, *words = words
        if name not in command.commands:
            return f"no command {verb} {name}"
        command = command.load(name)
    options = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    given = {word.partition("=")[0] for word in words if word.startswith("-")}
    unknown = given - options - GLOBAL
    return f"no option {', '.join(sorted(unknown))}" if unknown else ""


@pytest.mark.parametrize(("place", "line"), COMMANDS, ids=lambda each: str(each)[:60])
def test_a_documented_command_exists(place: Place, line: str) -> None:
    assert complaint(line) == "", place


def test_every_command_is_in_the_reference() -> None:
    assert [verb for verb in VERBS if f"moorline {verb}" not in page("reference/cli.md")] == []


# --- environment files ---------------------------------------------------------------------------


class Anything(dict[str, str]):
    """Whatever variable a file asks for is set."""

    def __missing__(self, key: str) -> str:
        return "a value"

    def get(self, key: str, default: object = None) -> str:
        del default
        return self[key]


ENVIRONMENTS = [
    (f"{named(path)}:{start}", text)
    for path in PAGES
    for language, start, text in fenced(path)
    if language == "yaml"
    and re.search(r"^services:", text, flags=re.MULTILINE)
    # the example of a deployment record has services as well
    and not text.startswith("kind: ")
]


def test_the_documentation_has_environment_files() -> None:
    assert len(ENVIRONMENTS) >= 4


@pytest.mark.parametrize(("place", "text"), ENVIRONMENTS, ids=[each[0] for each in ENVIRONMENTS])
def test_a_documented_environment_file_is_valid(place: str, text: str) -> None:
    del place
    stem = yaml.safe_load(text).get("name", "production")
    path = f"environments/{stem}.yaml"
    assert compose.load(text.encode(), path=path, variables=Anything(), files={}).name == stem


# --- the retention policy -----------------------------------------------------------------------


def test_every_key_of_the_policy_is_documented() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", page("reference/retention-policy.md"), re.MULTILINE))
    keys = {*POLICY_KEYS, *RULE_KEYS, *Prices.__dataclass_fields__}
    assert keys - rows == set()
    assert rows - keys == set(WORDS)


def test_a_documented_default_of_the_policy_is_the_default() -> None:
    text = page("reference/retention-policy.md")
    given = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", text, re.MULTILINE))
    policy, default = yaml.safe_load(_policies()[0][1]), default_policy()
    for key in ("schedule", "grace", "revert_window", "minimum", "pace"):
        policy[key] = given[key]
    read = parse_policy(yaml.safe_dump(policy).encode(), path="p")
    for key in ("schedule", "grace", "revert_window", "minimum", "pace", "enabled"):
        assert getattr(read, key) == getattr(default, key), key


def _policies() -> list[tuple[str, str]]:
    """Whole policies in the documentation."""
    return [
        (f"{named(path)}:{start}", text)
        for path in PAGES
        for language, start, text in fenced(path)
        if language == "yaml" and re.search(r"^rules:", text, flags=re.MULTILINE)
    ]


@pytest.mark.parametrize(("place", "text"), _policies(), ids=lambda each: each[:60])
def test_a_documented_policy_is_valid(place: str, text: str) -> None:
    del place
    assert parse_policy(text.encode(), path="policies/retention.yaml").packages


# --- errors and exit codes -----------------------------------------------------------------------

CLASSES = [
    value
    for name in errors.__all__
    if isinstance(value := getattr(errors, name), type) and issubclass(value, errors.MoorlineError)
]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_has_its_documented_exit_code(kind: type[errors.MoorlineError]) -> None:
    rows = re.findall(r"`(\w+)` \| (\d+)", page("reference/exit-codes.md"))
    assert dict(rows).get(kind.__name__) == str(kind.exit_code)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_can_be_looked_up(kind: type[errors.MoorlineError]) -> None:
    text = page("how-to/troubleshoot.md")
    general = {errors.Transient, errors.Stalled, errors.Held}
    pattern = rf"^\| {kind.__name__} \|" if kind in general else rf"^### {kind.__name__}\b"
    assert re.search(pattern, text, flags=re.MULTILINE)


def test_a_looked_up_error_has_its_exit_code_beside_it() -> None:
    sections = re.split(r"^### ", page("how-to/troubleshoot.md"), flags=re.MULTILINE)[1:]
    wrong = []
    for section in sections:
        title = re.match(r"\w+", section)
        assert title is not None
        said = re.findall(r"exit code (\d+)", section)
        kind = getattr(errors, title[0])
        if any(int(code) != kind.exit_code for code in said):
            wrong.append((title[0], said))
    assert wrong == []


def test_every_outcome_has_its_documented_exit_code() -> None:
    rows = re.findall(
        r"^\| `([a-z ]+)` \| (\d+) \|$", page("reference/exit-codes.md"), re.MULTILINE
    )
    assert {word: int(code) for word, code in rows} == EXIT_CODES


# --- records -------------------------------------------------------------------------------------

NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
EVIDENCE = ServiceEvidence(
    image=f"ghcr.io/your-org/app@{DIGEST}",
    previous=f"ghcr.io/your-org/app@sha256:{64 * '1'}",
    verdict="failed",
    reason="exited with code 3",
    exit_code=3,
    samples=(
        Sample(
            at=0, state="exited", exit_code=3, restart_count=1, health="x", detail="x", probe="ok"
        ).as_data(),
    ),
    logs=("a line",),
).as_data()
DEPLOYMENT = Deployment(
    id="20261123T101500Z-production-c7d31e2",
    environment="production",
    host="web-1",
    commit="c7d31e2" + 33 * "0",
    blob=40 * "b",
    author="You <you@example.com>",
    subject="Deploy",
    previous_commit=40 * "a",
    outcome="taken back",
    sentence="it failed",
    started=NOW,
    ended=NOW,
    plan=({"do": "pull", "what": "web", "detail": "", "why": "not on this host"},),
    services={"web": EVIDENCE},
    timings={"ready": 1, "verdict": 2, "restored": 3, "proven": 4},
    rollback_commit=40 * "c",
)
BACKUP = Backup(
    id=DEPLOYMENT.id,
    environment="production",
    host="web-1",
    commit=40 * "a",
    blob=40 * "b",
    pins={"web": f"ghcr.io/your-org/app@{DIGEST}"},
    taken=NOW,
)


def keys(value: object, names: frozenset[str] = frozenset({"web"})) -> set[str]:
    """Every key of a record, at any depth, apart from names that people chose."""
    if isinstance(value, dict):
        return (value.keys() - names).union(*(keys(each) for each in value.values()))
    return set().union(*(keys(each) for each in value)) if isinstance(value, list) else set()


@pytest.mark.parametrize("record", [DEPLOYMENT, BACKUP], ids=["deployment", "backup"])
def test_every_key_of_a_record_is_documented(record: Deployment | Backup) -> None:
    used = keys(yaml.safe_load(record.encode()))
    assert used - words_in_code(page("reference/records.md")) == set()


@pytest.mark.parametrize("record", [DEPLOYMENT, BACKUP], ids=["deployment", "backup"])
def test_every_trailer_of_a_record_is_documented(record: Deployment | Backup) -> None:
    used = set(re.findall(r"^([A-Z][A-Za-z-]+): ", record.message(), flags=re.MULTILINE))
    assert used
    assert used - words_in_code(page("reference/records.md")) == set()


@pytest.mark.parametrize("outcome", Outcome.__args__)  # type: ignore[attr-defined]  # a Literal's
def test_every_outcome_of_a_record_is_documented(outcome: str) -> None:
    assert f"| `{outcome}` |" in page("reference/records.md")


OLD = Version(digest=DIGEST, tags=("main-5d2e8f1",), id="4711")
DECISION = DecisionRecord(
    id="20261123T020000Z-retention-00b02b4",
    host="web-1",
    commit=40 * "a",
    policy_blob=40 * "b",
    decided=NOW.timestamp(),
    due=NOW.timestamp() + 86400,
    decisions=(
        Decision(
            package="ghcr.io/your-org/app",
            verdicts=(
                Verdict(version=OLD, fate="delete", rule="commits", reason="old", age=1, size=1),
            ),
            untag=(Untag(tag="a", digest=DIGEST, rule="commits", reason="old"),),
        ),
    ),
    prices=Prices(storage_gb_month=0.25),
)
APPLIED = AppliedRecord(
    id=DECISION.id,
    host="web-1",
    commit=40 * "a",
    began=NOW.timestamp(),
    ended=NOW.timestamp(),
    packages=(
        PackageOutcome(
            name="ghcr.io/your-org/app",
            versions=(VersionOutcome(digest=DIGEST, result="deleted"),),
            untagged=(UntagOutcome(tag="a", digest=DIGEST, result="deleted"),),
        ),
    ),
)


@pytest.mark.parametrize("record", [DECISION, APPLIED], ids=["decision", "applied"])
def test_every_key_of_a_retention_record_is_documented(
    record: DecisionRecord | AppliedRecord,
) -> None:
    (data,) = record.files().values()
    assert keys(yaml.safe_load(data)) - words_in_code(page("reference/records.md")) == set()


@pytest.mark.parametrize("record", [DECISION, APPLIED], ids=["decision", "applied"])
def test_every_trailer_of_a_retention_record_is_documented(
    record: DecisionRecord | AppliedRecord,
) -> None:
    used = set(re.findall(r"^([A-Z][A-Za-z-]+): ", record.message(), flags=re.MULTILINE))
    assert used
    assert used - words_in_code(page("reference/records.md")) == set()


def test_every_result_of_a_retention_record_is_documented() -> None:
    text = page("reference/records.md")
    assert [each for each in get_args(Result) if f"| `{each}` |" not in text] == []


@pytest.mark.parametrize("kind", ["retention", "retention-applied"])
def test_the_retention_records_shown_are_records_of_this_version(kind: str) -> None:
    (shown,) = [
        yaml.safe_load(text)
        for language, _, text in fenced(DOCS / "reference/records.md")
        if language == "yaml" and text.startswith(f"kind: {kind}\n")
    ]
    (data,) = (DECISION if kind == "retention" else APPLIED).files().values()
    made = yaml.safe_load(data)
    assert list(shown) == list(made)
    (package,), (ours,) = shown["packages"], made["packages"]
    assert list(package) == list(ours)
    assert list(package["versions"][0]) == list(ours["versions"][0])


def test_the_records_shown_are_records_of_this_version() -> None:
    shown = [
        text
        for language, _, text in fenced(DOCS / "reference/records.md")
        if language == "yaml" and re.match(r"kind: (deployment|backup)\n", text)
    ]
    made = [DEPLOYMENT.encode(), BACKUP.encode()]
    for example, ours in zip(shown, made, strict=True):
        assert summarise(example.encode()) is not None
        assert list(yaml.safe_load(example)) == list(yaml.safe_load(ours))


# --- labels, files on the host, output for scripts -----------------------------------------------


def test_every_label_is_documented() -> None:
    made = labels.container_labels(
        environment="production",
        service="web",
        number=1,
        commit=40 * "a",
        spec=64 * "b",
        pin=f"ghcr.io/your-org/app@{DIGEST}",
        retirement=labels.Retirement(),
        shares={},
    )
    used = set(made) | set(labels.resource_labels("production", 64 * "b"))
    assert used - words_in_code(page("reference/labels.md")) == set()


def test_every_remembered_fact_is_documented() -> None:
    known = words_in_code(page("reference/state-directory.md"))
    assert set(Memory.__struct_fields__) - known == set()


def test_every_phase_is_documented() -> None:
    text = page("reference/state-directory.md")
    assert [each for each in Phase.__args__ if f"| `{each}` |" not in text] == []  # type: ignore[attr-defined]  # a Literal's
    assert Entry.__struct_defaults__[0] in Phase.__args__  # type: ignore[attr-defined]  # as above


def emitted_keys(path: Path) -> set[str]:
    """Keys of the dictionaries that a module writes out."""
    functions = (
        node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)
    )
    return {
        key.value
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }


OTHERS = (
    "cli/failures.py",
    "cli/retention_text.py",
    "agent/registry/tagview.py",
    "cli/demo/performance.py",
    "cli/demo/stage.py",
    "agent/views/status.py",
)
PRINTERS = [
    *(path for path in ROOT.glob("daemon/moorline/cli/cmd_*.py") if "emit(" in path.read_text()),
    *(ROOT / "daemon/moorline" / name for name in (*OTHERS, "agent/views/doctor.py")),
]


@pytest.mark.parametrize("path", sorted(PRINTERS), ids=lambda path: path.stem)
def test_every_key_of_json_output_is_documented(path: Path) -> None:
    words = words_in_code(page("reference/json-output.md"))
    known = {part for word in words for part in word.split(".")}
    assert emitted_keys(path) - known == set()

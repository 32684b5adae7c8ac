import pytest

from moorline.core.strategy import Job
from tests.core.compose.loading import DIGEST, PIN, service, service_problems


def jobs(text: str, keys: str = "") -> tuple[Job, ...]:
    return service(f"{keys}\nx-moorline: {{jobs: {{{text}}}}}").jobs


def job(keys: str, of_service: str = "") -> Job:
    (found,) = jobs(f"before: [{{name: migrate, {keys}}}]", of_service)
    return found


def job_problems(text: str) -> list[str]:
    found = service_problems(f"x-moorline: {{jobs: {{{text}}}}}")
    return [each.removeprefix("x-moorline.jobs.") for each in found]


def test_a_job_runs_in_the_image_of_its_service() -> None:
    found = job("command: ./migrate --all")
    assert str(found.image) == PIN
    assert found.config == {"Cmd": ["./migrate", "--all"]}
    assert (found.when, found.timeout, found.forward_only) == ("before", 300.0, False)


def test_a_job_can_say_everything_itself() -> None:
    found = job(
        f"command: [a], image: 'other/tool:2@{DIGEST}', entrypoint: [sh], user: root, "
        "working_dir: /srv, timeout: 90s, forward_only: true"
    )
    assert str(found.image) == f"docker.io/other/tool:2@{DIGEST}"
    assert found.config == {
        "Cmd": ["a"],
        "Entrypoint": ["sh"],
        "User": "root",
        "WorkingDir": "/srv",
    }
    assert (found.timeout, found.forward_only) == (90.0, True)


def test_an_empty_entrypoint_clears_the_images() -> None:
    assert job("command: a, entrypoint: []").config == {"Cmd": ["a"], "Entrypoint": []}
    assert job("command: a, entrypoint: null").config == {"Cmd": ["a"]}


def test_its_variables_come_over_those_of_the_service() -> None:
    found = job(
        "command: a, environment: {B: job, C: c, D: null}",
        "environment: {A: 'x=y', B: service, GONE: null}",
    )
    assert found.config["Env"] == ["A=x=y", "B=job", "C=c", "D", "GONE"]


def test_jobs_run_in_the_files_order_first_those_before() -> None:
    found = jobs(
        "after: [{name: smoke, command: a}], "
        "before: [{name: z, command: a}, {name: a, command: a}]"
    )
    assert [(each.when, each.name) for each in found] == [
        ("before", "z"),
        ("before", "a"),
        ("after", "smoke"),
    ]


@pytest.mark.parametrize("name", ["a", "0", "db-migrate_2", "x" * 63])
def test_a_job_has_a_plain_name(name: str) -> None:
    assert jobs(f"after: [{{name: '{name}', command: a}}]")[0].name == name


A_NAME = "must begin with a-z or 0-9 and go on with them, '-' or '_', 63 at most"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("befor: []", ["befor: not an x-moorline key; did you mean 'before'?"]),
        ("before: {}", ["before: must be a list"]),
        ("before: [a]", ["before[0]: must be a mapping"]),
        (f"after: [{', '.join(['a'] * 21)}]", ["after: more than 20 jobs"]),
        ("before: [{}]", ["before[0]: 'command' is missing", "before[0]: 'name' is missing"]),
        ("before: [{name: '', command: a}]", ["before[0].name: must not be empty"]),
        ("before: [{name: A, command: a}]", [f"before[0].name: {A_NAME}"]),
        ("before: [{name: '-a', command: a}]", [f"before[0].name: {A_NAME}"]),
        ("before: [{name: a/b, command: a}]", [f"before[0].name: {A_NAME}"]),
        (r'before: [{name: "a\n", command: a}]', [f"before[0].name: {A_NAME}"]),
        (f"before: [{{name: {'x' * 64}, command: a}}]", [f"before[0].name: {A_NAME}"]),
        (
            "before: [{name: a, command: a}], after: [{name: a, command: a}]",
            ["after[0].name: the service has a job 'a' already"],
        ),
        ("before: [{name: a, command: []}]", ["before[0].command: must not be empty"]),
        ("before: [{name: a, command: null}]", ["before[0].command: must not be empty"]),
        (
            "before: [{name: a, command: a, image: 'tool:1'}]",
            ["before[0].image: no digest; write tool:1@sha256:…"],
        ),
        ("before: [{name: a, command: a, image: ''}]", ["before[0].image: must not be empty"]),
        (
            "before: [{name: a, command: a, timeout: 0s}]",
            ["before[0].timeout: must be more than 0"],
        ),
        (
            "before: [{name: a, command: a, forward_only: 2}]",
            ["before[0].forward_only: must be true or false"],
        ),
        (
            "before: [{name: a, command: a, volumes: []}]",
            ["before[0].volumes: not an x-moorline key"],
        ),
    ],
)
def test_what_a_job_cannot_be_is_told(text: str, expected: list[str]) -> None:
    assert job_problems(text) == expected


def test_an_image_that_is_none_is_told() -> None:
    (found,) = job_problems("before: [{name: a, command: a, image: 'A B'}]")
    assert found.startswith("before[0].image: ")

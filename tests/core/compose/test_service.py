"""What of a service is more than one field: image, health, hooks, environment, our own keys."""

import pytest

from moorline.core.image import Digest
from moorline.core.model import HealthPolicy, Hook
from moorline.core.values import Json
from tests.core.compose.loading import DIGEST, environment, problems, service, service_problems

SECOND = 10**9


def test_an_image_is_a_pin() -> None:
    image = service("").image
    assert str(image) == f"registry.example/app:1@{DIGEST}"
    assert image.digest == Digest(DIGEST)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("nginx:1.27", "no digest; run 'moorline pin production web nginx:1.27'"),
        ("Nginx", "not a repository name: 'library/Nginx' (lower case, a-z 0-9 . _ -)"),
        ("a@sha256:12", "not a digest: 'sha256:12' (sha256: and 64 hex digits)"),
        ("''", "must not be empty"),
        ("5", "must be a string; put it in quotes"),
    ],
)
def test_an_image_without_a_digest_is_refused(image: str, message: str) -> None:
    source = f"services:\n  web:\n    image: {image}\n"
    assert problems(source) == [f"services.web.image: {message}"]


def test_a_service_needs_an_image() -> None:
    assert problems("services:\n  web: {tty: true}\n") == ["services.web: 'image' is missing"]
    assert problems("services:\n  web:\n") == ["services.web: must be a mapping"]


@pytest.mark.parametrize(
    ("healthcheck", "expected"),
    [
        ("{test: curl localhost}", {"Test": ["CMD-SHELL", "curl localhost"]}),
        ("{test: [CMD, 'true']}", {"Test": ["CMD", "true"]}),
        ("{test: [NONE]}", {"Test": ["NONE"]}),
        ("{test: []}", {"Test": []}),
        ("{disable: true}", {"Test": ["NONE"]}),
        ("{disable: true, test: [CMD, a]}", {"Test": ["NONE"]}),
        ("{disable: false, test: [CMD, a]}", {"Test": ["CMD", "a"]}),
        (
            "{interval: 1m30s, timeout: 500ms, retries: 3, start_period: 1h, start_interval: 2s}",
            {
                "Interval": 90 * SECOND,
                "Timeout": SECOND // 2,
                "StartPeriod": 3600 * SECOND,
                "StartInterval": 2 * SECOND,
                "Retries": 3,
            },
        ),
        ("{interval: '0'}", {"Interval": 0}),
    ],
)
def test_a_healthcheck_is_told_to_the_engine(healthcheck: str, expected: Json) -> None:
    assert service(f"healthcheck: {healthcheck}").config == {"Healthcheck": expected}


def test_an_empty_healthcheck_says_nothing() -> None:
    assert service("healthcheck: {}").config == {}


@pytest.mark.parametrize(
    ("healthcheck", "problem"),
    [
        ("[a]", "healthcheck: must be a mapping"),
        ("{test: [curl]}", "healthcheck.test: must begin with CMD, CMD-SHELL, NONE"),
        ("{interval: 10}", "healthcheck.interval: must be a string; put it in quotes"),
        (
            "{interval: '10'}",
            "healthcheck.interval: must be a duration such as 10s, 1m30s or 500ms",
        ),
        ("{interval: 1us}", "healthcheck.interval: must be 1ms or more"),
        ("{interval: ''}", "healthcheck.interval: must not be empty"),
        ("{retries: -1}", "healthcheck.retries: must be a whole number, 0 or more"),
        ("{retry: 1}", "healthcheck.retry: not a Compose key; did you mean 'retries'?"),
    ],
)
def test_a_healthcheck_that_cannot_run_is_told(healthcheck: str, problem: str) -> None:
    assert service_problems(f"healthcheck: {healthcheck}") == [problem]


@pytest.mark.parametrize(
    ("keys", "timeout", "grace"),
    [
        ("stop_grace_period: 1m30s", 90, 90.0),
        ("stop_grace_period: 1500ms", 1, 1.5),
        ("stop_grace_period: '0'", 0, 0.0),
    ],
)
def test_the_engine_counts_whole_seconds_of_grace(keys: str, timeout: int, grace: float) -> None:
    web = service(keys)
    assert web.config == {"StopTimeout": timeout}
    assert web.stop_grace_period == grace


def test_ten_seconds_of_grace_are_the_default() -> None:
    web = service("")
    assert web.config == {}
    assert web.stop_grace_period == 10.0


def test_hooks_run_in_order() -> None:
    web = service(
        """
        post_start:
          - command: warm up
          - command: [sh, -c, a b]
            user: root
            privileged: true
            working_dir: /tmp
            environment: {B: 2, A: , C: }
        pre_stop:
          - {command: drain}
        """,
        variables={"A": "from the host"},
    )
    assert web.post_start == (
        Hook(command=("warm", "up")),
        Hook(
            command=("sh", "-c", "a b"),
            user="root",
            privileged=True,
            working_dir="/tmp",
            environment=("A=from the host", "B=2", "C"),
        ),
    )
    assert web.pre_stop == (Hook(command=("drain",)),)


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("post_start: {command: a}", "post_start: must be a list"),
        ("post_start: [{user: a}]", "post_start[0]: 'command' is missing"),
        ("pre_stop: [{command: []}]", "pre_stop[0].command: must not be empty"),
        ("pre_stop: [{command: }]", "pre_stop[0].command: must not be empty"),
        (
            "pre_stop: [{comand: a, command: b}]",
            "pre_stop[0].comand: not a Compose key; did you mean 'command'?",
        ),
    ],
)
def test_a_hook_needs_a_command(keys: str, problem: str) -> None:
    assert service_problems(keys) == [problem]


FILES = {
    "environments/app.env": b"A=app\nB=$A\nSHARED=app\n",
    "more.env": b"SHARED=more\nC=$SHARED-$TOKEN\nEMPTY=\n",
    "/etc/app.env": b"D=host file\nE=$EMPTY|\n",
    "environments/raw.env": b"RAW=$TOKEN 'x'\n",
    "environments/bad.env": b"A=1\nB='\n",
    "environments/big.env": b"#" * (100 * 1024),
}


@pytest.mark.parametrize(
    ("keys", "env"),
    [
        ("environment: {B: 2, A: text, C: true}", ["A=text", "B=2", "C=true"]),
        ("environment: [A=1, B=a=b, C=]", ["A=1", "B=a=b", "C="]),
        ("environment: {TOKEN: , NONE: }", ["NONE", "TOKEN=t0ken"]),
        ("environment: [TOKEN, NONE]", ["NONE", "TOKEN=t0ken"]),
        ("env_file: app.env", ["A=app", "B=app", "SHARED=app"]),
        (
            "env_file: [./app.env, ../more.env]\nenvironment: {B: own}",
            ["A=app", "B=own", "C=app-t0ken", "EMPTY=", "SHARED=more"],
        ),
        (
            "env_file: [../more.env, /etc/app.env]",
            ["C=more-t0ken", "D=host file", "E=|", "EMPTY=", "SHARED=more"],
        ),
        (
            "env_file:\n  - {path: absent.env, required: false}\n  - {path: raw.env, format: raw}",
            ["RAW=$TOKEN 'x'"],
        ),
    ],
)
def test_variables_come_from_files_in_order_and_then_from_the_file_itself(
    keys: str, env: list[str]
) -> None:
    web = service(keys, files=FILES, variables={"TOKEN": "t0ken"})
    assert web.config == {"Env": env}


def test_values_of_the_hosts_files_and_bare_names_are_sensitive() -> None:
    loaded = environment(
        """
        services:
          web:
            image: PIN
            env_file: [/etc/app.env, app.env]
            environment: [TOKEN]
        """,
        files={**FILES, "/etc/app.env": b"D=host file\n"},
        variables={"TOKEN": "t0ken", "A": "unused"},
    )
    assert loaded.sensitive == {"host file", "t0ken", "unused"}


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("environment:", ["environment: must be a mapping, or a list of KEY=value"]),
        ("environment: ['=x']", ["environment: '' is not the name of a variable"]),
        ("environment: {'a=b': c}", ["environment: 'a=b' is not the name of a variable"]),
        ("environment: {A: [1]}", ["environment.A: must be a string"]),
        ("env_file: absent", ["env_file: no file environments/absent in the repository"]),
        ("env_file: [/absent]", ["env_file[0]: no file /absent on the host"]),
        ("env_file: [../../x]", ["env_file[0]: leads out of the repository"]),
        (
            "env_file: [{path: bad.env}]",
            ["env_file[0].path: environments/bad.env: line 2: a quote ' without its end"],
        ),
        (
            "env_file: [{path: app.env, format: dotenv}]",
            ["env_file[0].format: must be one of raw"],
        ),
        (
            f"env_file: [{', '.join(['big.env'] * 3)}]",
            ["env_file[2]: too much to read: more than 256 KiB of env files"],
        ),
    ],
)
def test_variables_that_cannot_be_read_are_told(keys: str, expected: list[str]) -> None:
    assert service_problems(keys, files=FILES) == expected


def test_an_env_file_needs_a_path() -> None:
    found = service_problems("env_file: [{required: true}]")
    assert "env_file[0]: 'path' is missing" in found


def test_the_gate_of_a_service_is_ours_to_read() -> None:
    web = service(
        """
        x-moorline:
          strategy: recreate
          health: {http: "http://:3000/health", tcp: "db:5432", deadline: 2m, stability: 500ms}
        """
    )
    assert web.health == HealthPolicy(
        http="http://:3000/health", tcp="db:5432", deadline=120.0, stability=0.5
    )
    assert service("x-moorline: {}").health == HealthPolicy()
    assert service("x-moorline: {health: {}}").health == HealthPolicy()


@pytest.mark.parametrize(
    "url",
    [
        "http://:80",
        "http://example.test",
        "http://example.test/health?x=1",
        "http://[::1]:3000/",
        "http://10.0.0.1:3000/a/b",
    ],
)
def test_a_url_may_leave_the_host_out(url: str) -> None:
    assert service(f"x-moorline: {{health: {{http: '{url}'}}}}").health.http == url


@pytest.mark.parametrize(
    ("extension", "problem"),
    [
        ("text", "x-moorline: must be a mapping"),
        (
            "{strategy: recrate}",
            (
                "x-moorline.strategy: must be one of recreate, rolling, blue-green, canary; "
                "did you mean 'recreate'?"
            ),
        ),
        (
            "{heatlh: {}}",
            "x-moorline.heatlh: not an x-moorline key; did you mean 'health'?",
        ),
        ("{x-other: 1}", "x-moorline.x-other: not an x-moorline key"),
        (
            "{health: {url: x}}",
            "x-moorline.health.url: not an x-moorline key",
        ),
        (
            "{health: {http: 'ftp://x'}}",
            "x-moorline.health.http: must be an address such as http://:3000/health",
        ),
        (
            "{health: {http: 'http:///health'}}",
            "x-moorline.health.http: must be an address such as http://:3000/health",
        ),
        (
            "{health: {tcp: '5432'}}",
            "x-moorline.health.tcp: must be an address such as :5432",
        ),
        ("{health: {tcp: ''}}", "x-moorline.health.tcp: must not be empty"),
        (
            "{health: {deadline: soon}}",
            "x-moorline.health.deadline: must be a duration such as 10s, 1m30s or 500ms",
        ),
    ],
)
def test_what_is_wrong_with_our_own_keys_is_told(extension: str, problem: str) -> None:
    assert service_problems(f"x-moorline: {extension}") == [problem]


def test_a_container_name_is_for_one_container() -> None:
    assert service("container_name: own-name").container_name == "own-name"
    assert service_problems("container_name: own-name\nscale: 2") == [
        "container_name: only one container can have a name, and there are 2"
    ]
    assert service_problems("container_name: a b") == [
        "container_name: must be two or more letters, digits, '_', '.' or '-'"
    ]

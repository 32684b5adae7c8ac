"""The file as a whole: its name, its sections, and services in view of each other."""

import json

import pytest

from moorline.core.model import Dependency, Environment, Settings
from moorline.core.values import canonical
from tests.core.compose.loading import PIN, environment, found, problems, service


@pytest.mark.parametrize("text", ["", "# nothing\n", "services:\n", "services: {}\n", "{}\n"])
def test_a_file_without_services_is_an_environment_without_services(text: str) -> None:
    assert environment(text) == Environment(name="production")


@pytest.mark.parametrize("text", ["text", "- a\n", "5\n"])
def test_a_file_is_a_mapping(text: str) -> None:
    assert problems(text) == [": must be a mapping"]


def test_problems_are_told_all_at_once_in_file_order() -> None:
    source = """
        services:
          web:
            imag: nginx
            ports: ["x"]
            build: .
          db:
            image: postgres:17
    """
    told = [str(problem) for problem in found(source)]
    assert told == [
        "environments/production.yaml:4:5: services.web: 'image' is missing",
        (
            "environments/production.yaml:4:5: services.web.imag: not a Compose key; did you mean "
            "'image'?"
        ),
        (
            "environments/production.yaml:5:13: services.web.ports[0]: 'x' is not a port or "
            "a range of ports, 1 to 65535"
        ),
        (
            "environments/production.yaml:6:5: services.web.build: not supported: what runs was "
            "built, tested and pinned elsewhere; name it in image"
        ),
        (
            "environments/production.yaml:8:12: services.db.image: no digest; run 'moorline pin "
            "production db postgres:17'"
        ),
    ]


def test_a_syntax_error_has_a_line_and_a_column() -> None:
    (problem,) = found("services:\n  web: [\n")
    assert (problem.line, problem.column, problem.key) == (3, 1, "")


def test_the_name_is_the_files() -> None:
    assert environment("name: production\nservices: {}\n").name == "production"
    assert environment("", path="staging-2.yaml").name == "staging-2"
    assert problems("name: other\n") == [
        "name: 'other' is not the file's name; it must be 'production'"
    ]
    assert problems("name: ''\n") == ["name: must not be empty"]


@pytest.mark.parametrize("path", ["environments/Production.yaml", "environments/-x.yaml"])
def test_the_name_must_do_for_a_compose_project(path: str) -> None:
    (problem,) = problems("services: {}\n", path=path)
    assert problem.endswith("cannot name an environment: use a-z, 0-9, '-' and '_'")


def test_settings_have_defaults() -> None:
    assert environment("").settings == Settings()
    assert environment("x-moorline: {}\n").settings == Settings()
    text = "x-moorline: {on_failure: hold, approvals: 0, allow_empty: true}\n"
    assert environment(text).settings == Settings(on_failure="hold", allow_empty=True)
    text = "x-moorline: {paused: true, repair: false, watch: 90s, windows: []}\n"
    assert environment(text).settings == Settings(paused=True, repair=False, watch=90.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x-moorline: 5", ["x-moorline: must be a mapping"]),
        (
            "x-moorline: {paused: soon, repair: 2, watch: 10}",
            [
                "x-moorline.paused: must be true or false",
                "x-moorline.repair: must be true or false",
                "x-moorline.watch: must be a string; put it in quotes",
            ],
        ),
        (
            "x-moorline: {on_failure: retry}",
            ["x-moorline.on_failure: must be one of revert, hold"],
        ),
        (
            "x-moorline: {approvals: -1}",
            ["x-moorline.approvals: must be a whole number, 0 to 100"],
        ),
        (
            "x-moorline: {approvals: 2}",
            ["x-moorline.approvals: this version cannot count approvals: leave it at 0"],
        ),
        (
            "x-moorline: {aprovals: 1}",
            ["x-moorline.aprovals: not an x-moorline key; did you mean 'approvals'?"],
        ),
        ("service: {}", ["service: not a Compose key; did you mean 'services'?"]),
        (
            "services: {a b: {image: PIN}}",
            ["services.a b: a name is made of letters, digits, '.', '_' and '-'"],
        ),
        ("services: [a]", ["services: must be a mapping"]),
        ("x-anything: goes\nservices: 5", ["services: must be a mapping"]),
    ],
)
def test_what_is_wrong_at_the_top_is_told(text: str, expected: list[str]) -> None:
    assert problems(text) == expected


def test_there_is_a_limit_to_services() -> None:
    services = "".join(f"  s{number}: {{image: PIN}}\n" for number in range(501))
    assert problems(f"services:\n{services}") == ["services: more than 500 services"]


def test_problems_stop_when_nobody_reads_on() -> None:
    source = "services:\n" + "".join(f"  s{number}: {{}}\n" for number in range(300))
    assert len(found(source)) == 200


def test_a_message_does_not_repeat_a_huge_value() -> None:
    (problem,) = found(f"services: {{web: {{image: {'x' * 1000} y}}}}\n")
    assert len(problem.message) == 501


def test_dependencies_have_a_short_and_a_long_form() -> None:
    loaded = environment(
        """
        services:
          web: {image: PIN, depends_on: [db, cache]}
          worker:
            image: PIN
            depends_on:
              db: {condition: service_healthy, restart: true, required: false}
              job: {condition: service_completed_successfully}
              tool: {condition: service_started, required: false}
          db: {image: PIN}
          cache: {image: PIN}
          job: {image: PIN}
          tool: {image: PIN, profiles: [tools]}
        """
    )
    assert [each.name for each in loaded.services] == ["web", "worker", "db", "cache", "job"]
    assert loaded.service("web").depends_on == (
        Dependency(service="db"),
        Dependency(service="cache"),
    )
    assert loaded.service("worker").depends_on == (
        Dependency(service="db", condition="service_healthy", required=False, restart=True),
        Dependency(service="job", condition="service_completed_successfully"),
    )


def test_a_profiled_service_is_checked_and_left_out_with_all_it_needs() -> None:
    loaded = environment(
        """
        services:
          web: {image: PIN, profiles: []}
          tool:
            image: PIN
            profiles: [tools]
            networks: [tools]
            volumes: ["tools:/data"]
            configs: [tools]
        networks: {tools: }
        volumes: {tools: }
        configs: {tools: {content: x}}
        """
    )
    assert [each.name for each in loaded.services] == ["web"]
    assert [each.key for each in loaded.networks] == ["default"]
    assert loaded.volumes == ()
    assert loaded.files == ()
    assert problems("services: {tool: {image: x, profiles: [a]}}\n") == [
        "services.tool.image: no digest; run 'moorline pin production tool x'"
    ]


def test_a_shared_namespace_is_a_dependency() -> None:
    loaded = environment(
        """
        services:
          web: {image: PIN, network_mode: "service:db", pid: "service:db", ipc: "service:cache"}
          db: {image: PIN}
          cache: {image: PIN}
          named:
            image: PIN
            ipc: service:db
            depends_on: {db: {condition: service_healthy}}
        """
    )
    web = loaded.service("web")
    assert web.shares == {"NetworkMode": "db", "PidMode": "db", "IpcMode": "cache"}
    assert web.networks == ()
    assert web.host_config == {}
    assert web.depends_on == (
        Dependency(service="db", restart=True),
        Dependency(service="cache", restart=True),
    )
    assert loaded.service("named").depends_on == (
        Dependency(service="db", condition="service_healthy"),
    )


@pytest.mark.parametrize(
    ("services", "expected"),
    [
        (
            "web: {image: PIN, depends_on: [chache]}\n  cache: {image: PIN}",
            ["services.web.depends_on[0]: there is no service 'chache'; did you mean 'cache'?"],
        ),
        (
            "web: {image: PIN, depends_on: [db, db]}\n  db: {image: PIN}",
            ["services.web.depends_on[1]: 'db' is in the list already"],
        ),
        (
            "web: {image: PIN, depends_on: {db: {}}}\n  db: {image: PIN}",
            ["services.web.depends_on.db: 'condition' is missing"],
        ),
        (
            "web: {image: PIN, depends_on: {db: {condition: healthy}}}\n  db: {image: PIN}",
            [
                (
                    "services.web.depends_on.db.condition: must be one of service_started, "
                    "service_healthy, service_completed_successfully; did you mean "
                    "'service_healthy'?"
                )
            ],
        ),
        (
            "web: {image: PIN, depends_on: [tool]}\n  tool: {image: PIN, profiles: [a]}",
            [
                (
                    "services.web.depends_on[0]: service 'tool' has profiles: it is not part "
                    "of the environment"
                )
            ],
        ),
        (
            (
                "web: {image: PIN, ipc: 'service:tool', depends_on: {tool: {condition: "
                "service_started, required: false}}}\n  tool: {image: PIN, profiles: [a]}"
            ),
            [
                (
                    "services.web.depends_on.tool: service 'tool' has profiles: it is not part of "
                    "the environment"
                )
            ],
        ),
        (
            "web: {image: PIN, pid: 'service:nobody'}",
            ["services.web.pid: there is no service 'nobody'"],
        ),
        (
            "web: {image: PIN, pid: 'service:db'}\n  db: {image: PIN, scale: 0}",
            ["services.web.pid: service 'db' has no container to share with"],
        ),
        (
            "web: {image: PIN, depends_on: [web]}",
            ["services.web.depends_on[0]: depends on itself: web → web"],
        ),
        (
            (
                "a: {image: PIN}\n  c: {image: PIN, depends_on: [a, d]}\n"
                "  b: {image: PIN, depends_on: [c]}\n  d: {image: PIN, depends_on: [b]}"
            ),
            ["services.c.depends_on[1]: depends on itself: c → d → b → c"],
        ),
        (
            "a: {image: PIN, container_name: same}\n  b: {image: PIN, container_name: same}",
            ["services.b: container_name 'same' is that of service 'a'"],
        ),
    ],
)
def test_services_that_do_not_fit_together_are_told(services: str, expected: list[str]) -> None:
    assert problems(f"services:\n  {services}\n") == expected


def test_the_same_bytes_are_the_same_environment() -> None:
    text = "services: {web: {image: PIN, labels: {b: 1, a: 2}}, db: {image: PIN}}\n"
    assert environment(text) == environment(text)


def test_what_the_engine_is_told_can_be_written_as_json() -> None:
    web = service("ports: ['80:80']\ntmpfs: /run\nulimits: {core: 0}\nlabels: {a: b}")
    for fragment in (web.config, web.host_config):
        assert json.loads(canonical(fragment)) == fragment


def test_a_path_may_have_dots_and_double_slashes() -> None:
    text = f"services: {{web: {{image: {PIN}, env_file: './/../a/./b/../x.env'}}}}\n"
    web = environment(text, files={"a/x.env": b"A=1"}).service("web")
    assert web.config == {"Env": ["A=1"]}

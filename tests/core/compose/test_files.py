import pytest

from moorline.core.model import FileMount, FileSource
from tests.core.compose.loading import environment, problems

FILES = {"environments/secret.txt": b"x", "shared/site.conf": b"y"}


def test_sources_come_from_the_repository_the_host_a_variable_or_the_file_itself() -> None:
    loaded = environment(
        """
        services:
          web:
            image: PIN
            secrets: [in_repository, on_host, variable, store, renamed]
            configs: [text, site, variable]
        secrets:
          in_repository: {file: ./secret.txt}
          on_host: {file: /etc/secret}
          variable: {environment: TOKEN}
          store: {external: true}
          renamed: {external: true, name: other}
          unused: {file: /etc/unused}
        configs:
          text: {content: "token=${TOKEN}"}
          site: {file: ../shared/site.conf}
          variable: {environment: NAME}
        """,
        variables={"TOKEN": "t0ken-value", "NAME": "a name"},
        files=FILES,
    )
    described = [(each.kind, each.key, each.origin, each.value) for each in loaded.files]
    assert described == [
        ("secret", "in_repository", "repository", "environments/secret.txt"),
        ("secret", "on_host", "host", "/etc/secret"),
        ("secret", "variable", "content", "t0ken-value"),
        ("secret", "store", "external", "store"),
        ("secret", "renamed", "external", "other"),
        ("config", "text", "content", "token=t0ken-value"),
        ("config", "site", "repository", "shared/site.conf"),
        ("config", "variable", "content", "a name"),
    ]
    assert loaded.sensitive == {"t0ken-value", "a name"}


def test_an_empty_text_and_an_empty_variable_are_texts() -> None:
    loaded = environment(
        """
        services: {web: {image: PIN, configs: [a, b]}}
        configs: {a: {content: ""}, b: {environment: EMPTY}}
        """,
        variables={"EMPTY": ""},
    )
    assert loaded.files == (
        FileSource(kind="config", key="a", origin="content", value=""),
        FileSource(kind="config", key="b", origin="content", value=""),
    )


def test_grants_have_a_short_and_a_long_form() -> None:
    loaded = environment(
        """
        services:
          web:
            image: PIN
            secrets:
              - one
              - {source: one, target: other}
              - {source: one, target: /etc/one, uid: "1000", gid: "50", mode: 0400}
            configs:
              - two
              - {source: two, target: relative, mode: "0440"}
              - {source: two, target: /etc/two, mode: 0o640}
        secrets: {one: {external: true}}
        configs: {two: {content: x}}
        """
    )
    assert loaded.service("web").files == (
        FileMount(kind="secret", source="one", target="/run/secrets/one"),
        FileMount(kind="secret", source="one", target="/run/secrets/other"),
        FileMount(kind="secret", source="one", target="/etc/one", uid=1000, gid=50, mode=0o400),
        FileMount(kind="config", source="two", target="/two"),
        FileMount(kind="config", source="two", target="/relative", mode=0o440),
        FileMount(kind="config", source="two", target="/etc/two", mode=0o640),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("secrets: {a: }", ["secrets.a: must be a mapping"]),
        ("secrets: {a: {}}", ["secrets.a: must have exactly one of file, environment, external"]),
        (
            "configs: {a: {}}",
            ["configs.a: must have exactly one of file, environment, content, external"],
        ),
        (
            "configs: {a: {file: /a, content: b}}",
            ["configs.a: must have exactly one of file, environment, content, external"],
        ),
        (
            "secrets: {a: {content: b}}",
            [
                "secrets.a: must have exactly one of file, environment, external",
                (
                    "secrets.a.content: not supported: a secret's text does not belong into git; "
                    "use environment, file or external"
                ),
            ],
        ),
        (
            "secrets: {a: {file: /a, name: b}}",
            ["secrets.a.name: has a meaning only beside external: true"],
        ),
        (
            "secrets: {a: {external: true, file: /a}}",
            ["secrets.a.file: has no meaning beside external: true"],
        ),
        (
            "configs: {a: {file: /a, template_driver: x}}",
            [
                (
                    "configs.a.template_driver: not supported: only Swarm has templates; "
                    "use ${VARIABLES}"
                )
            ],
        ),
        (
            "secrets: {a: {file: absent}}",
            ["secrets.a.file: no file environments/absent in the repository"],
        ),
        ("secrets: {a: {file: ''}}", ["secrets.a.file: must not be empty"]),
        ("secrets: {a: {file: ../../x}}", ["secrets.a.file: leads out of the repository"]),
        (
            "secrets: {a: {file: ~/x}}",
            ["secrets.a.file: '~' is nobody's home here; write an absolute path"],
        ),
        (
            "secrets: {a: {environment: NONE}}",
            ["secrets.a.environment: variable NONE is not set on the host"],
        ),
        ("secrets: {a: {environment: ''}}", ["secrets.a.environment: must not be empty"]),
    ],
)
def test_what_cannot_be_a_source_is_told(text: str, expected: list[str]) -> None:
    assert problems(f"services: {{}}\n{text}\n") == expected


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("secrets: one", ["secrets: must be a list"]),
        (
            "secrets: [onee]",
            [
                (
                    "secrets[0]: secret 'onee' is not declared at the top of the file; "
                    "did you mean 'one'?"
                )
            ],
        ),
        ("secrets: ['']", ["secrets[0]: must not be empty"]),
        ("secrets: [{target: x}]", ["secrets[0]: 'source' is missing"]),
        (
            "secrets: [{source: one, uid: 5}]",
            ["secrets[0].uid: must be a string; put it in quotes"],
        ),
        (
            "secrets: [{source: one, uid: x}]",
            ["secrets[0].uid: must be a whole number, 0 or more"],
        ),
        (
            "secrets: [{source: one, mode: 400}]",
            ["secrets[0].mode: 400 is decimal here; write 0400"],
        ),
        ("secrets: [one, one]", ["secrets[1]: something is mounted at /run/secrets/one already"]),
        (
            "volumes: ['/a:/two']\nconfigs: [two]",
            ["configs[0]: something is mounted at /two already"],
        ),
    ],
)
def test_what_cannot_be_granted_is_told(keys: str, expected: list[str]) -> None:
    body = keys.replace("\n", "\n    ")
    source = f"services:\n  web:\n    image: PIN\n    {body}\n"
    declared = "secrets: {one: {external: true}}\nconfigs: {two: {content: x}}\n"
    found = problems(source + declared)
    assert found == [f"services.web.{problem}" for problem in expected]

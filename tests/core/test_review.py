import pytest

from moorline.core.review import review
from tests.core.builders import digest

PATH = "environments/production.yaml"
IMAGE = f"ghcr.io/acme/web:1@{digest('1')}"


def found(body: str, top: str = "", **files: bytes) -> list[str]:
    source = f"name: production\n{top}services:\n  web:\n    image: {IMAGE}\n{body}"
    return [str(each) for each in review(source.encode(), path=PATH, files=files)]


FINE = [
    ("a variable in an environment", "    environment: {A: '${A}', B: '${B:?needed}'}\n"),
    ("without braces", "    command: echo $A\n"),
    ("in a port", "    ports: ['${PORT}:80', '${OTHER}:81']\n"),
    ("as a whole number or a size", "    cpu_shares: ${SHARES}\n    mem_limit: ${MEMORY}\n"),
    ("as a word of a few", "    restart: ${RESTART}\n"),
    ("as a boolean", "    tty: ${TTY}\n"),
    ("as a named volume", "    volumes: ['${DATA}:/data']\n"),
    ("one within another", "    command: ${A:-${B}}\n"),
    ("needed by its own message", "    command: ${A:?${B}}\n"),
    ("a default that is fine", "    ports: ['${PORT:-8080}:80']\n"),
    ("the same one needed elsewhere", "    ports: ['${P:-8080}:80']\n    command: ${P}\n"),
    ("only where it is set", "    command: ${A:+--flag}\n"),
    ("a bare key", "    environment: [SECRET]\n"),
    ("a file of the host", "    env_file: /etc/app.env\n"),
]


@pytest.mark.parametrize("body", [each[1] for each in FINE], ids=[each[0] for each in FINE])
def test_a_variable_that_a_host_may_have_is_no_problem(body: str) -> None:
    files = {"/etc/app.env": b""}
    assert found(body, **files) == []


def test_a_secret_from_a_variable_is_no_problem() -> None:
    top = "secrets:\n  s: {environment: TOKEN}\n  f: {file: ./f}\n"
    assert found("    secrets: [s]\n", top, **{"environments/f": b""}) == []


WRONG = [
    (
        "a default that is not fine",
        "    ports: ['${PORT:-99999}:80']\n",
        ":5:13: services.web.ports[0]: '99999' is not a port or a range of ports, 1 to 65535",
    ),
    (
        "a form that is none",
        "    command: ${A!}\n",
        ":5:14: services.web.command: '${A!}' is not one of the forms of a variable",
    ),
    (
        "what has no variable in it",
        "    comand: ${A}\n",
        ":5:5: services.web.comand: not a Compose key; did you mean 'command'?",
    ),
]


@pytest.mark.parametrize(
    ("body", "wanted"), [each[1:] for each in WRONG], ids=[each[0] for each in WRONG]
)
def test_what_is_wrong_on_every_host_is_told(body: str, wanted: str) -> None:
    assert found(body) == [f"{PATH}{wanted}"]


def test_a_host_with_its_values_is_judged_by_them() -> None:
    source = f"services:\n  web:\n    image: {IMAGE}\n    ports: ['${{PORT}}:80']\n".encode()
    judged = review(source, path=PATH, files={}, variables={"PORT": "99999"})
    assert [each.key for each in judged] == ["services.web.ports[0]"]
    missing = review(source, path=PATH, files={}, variables={})
    assert "variable PORT is not set" in str(missing[0])


@pytest.mark.parametrize("source", [b"[", b"", b"a: *b", b"\xff", b"- ${A}\n"])
def test_a_file_that_cannot_be_read_is_told_as_it_is(source: bytes) -> None:
    assert review(source, path=PATH, files={}) != () or source == b""

"""What the emulator answers is what GitHub's own description of its API promises."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from jsonschema import Draft202012Validator, FormatChecker, ValidationError

from tests.ghcr.emulator import TOKEN, Ghcr, running_ghcr

SCHEMA = json.loads(
    Path(__file__).with_name("schema").joinpath("github-packages.json").read_text()
)
HOME = "/orgs/acme/packages"
VERSIONS = f"{HOME}/container/app/versions"
FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def is_moment(value: object) -> bool:
    return datetime.fromisoformat(str(value)).tzinfo is not None


@FORMATS.checks("uri", raises=ValueError)
def is_address(value: object) -> bool:
    return bool(urlsplit(str(value)).netloc)


@pytest.fixture(scope="module")
def ghcr() -> Iterator[Ghcr]:
    with running_ghcr() as running:
        running.push_index("acme/app", "v1")
        running.push_image("octocat/app", "v1")
        running.seed("acme/app", 5)
        rows = list(running.store.packages["acme/app"].rows.values())
        rows[0].id, rows[-1].id = 1, 2  # to be asked for below
        running.store.packages["acme/app"].rows = {row.id: row for row in rows}
        running.store.packages["acme/app"].delete(rows[-1], running.clock.now())
        yield running


def conforms(value: object, name: str) -> bool:
    schema = {"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]}
    Draft202012Validator(schema, format_checker=FORMATS).validate(value)
    return True


@pytest.mark.parametrize(
    ("method", "path", "status", "schema"),
    [
        ("GET", "/rate_limit", 200, "rate-limit-overview"),
        ("GET", "/user", 200, "public-user"),
        ("GET", "/users/acme", 200, "public-user"),
        ("GET", "/users/nobody", 404, "basic-error"),
        ("GET", HOME, 200, "packages"),
        ("GET", "/users/octocat/packages", 200, "packages"),
        ("GET", "/user/packages", 200, "packages"),
        ("GET", f"{HOME}/container/app", 200, "package"),
        ("GET", f"{HOME}/container/other", 404, "basic-error"),
        ("GET", VERSIONS, 200, "package-versions"),
        ("GET", f"{VERSIONS}?state=deleted", 200, "package-versions"),
        ("GET", "/users/octocat/packages/container/app/versions", 200, "package-versions"),
        ("GET", f"{VERSIONS}/1", 200, "package-version"),
        ("GET", f"{VERSIONS}/2", 404, "basic-error"),
        ("DELETE", f"{VERSIONS}/2", 404, "basic-error"),
        ("POST", f"{VERSIONS}/1/restore", 404, "basic-error"),
    ],
)
def test_answers_are_as_described(
    ghcr: Ghcr, method: str, path: str, status: int, schema: str
) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = httpx.request(method, f"{ghcr.api}{path}", headers=headers)
    assert answer.status_code == status
    assert answer.json()
    assert conforms(answer.json(), schema)


def test_deletion_and_restoration_answer_without_a_body(ghcr: Ghcr) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    url = f"{ghcr.api}{VERSIONS}/{ghcr.seed('acme/app', 1)[0].id}"
    deleted = httpx.delete(url, headers=headers)
    restored = httpx.post(f"{url}/restore", headers=headers)
    assert [(each.status_code, each.content) for each in (deleted, restored)] == [(204, b"")] * 2


@pytest.mark.parametrize(
    "fault", ["last-tagged", "downloads", "stale", "denied", "secondary", "too-many"]
)
def test_refusals_are_as_described(ghcr: Ghcr, fault: str) -> None:
    ghcr.fault(fault, call="delete")
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = httpx.delete(f"{ghcr.api}{VERSIONS}/1", headers=headers)
    assert answer.is_client_error
    assert conforms(answer.json(), "basic-error")


@pytest.mark.parametrize(
    "value", [{}, {"id": "1"}, {"id": 1, "name": "x", "created_at": "yesterday"}]
)
def test_what_is_not_as_described_is_found(value: object) -> None:
    with pytest.raises(ValidationError):
        conforms(value, "package-version")

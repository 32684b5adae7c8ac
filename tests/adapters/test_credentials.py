"""Registry credentials, as Docker's configuration holds them."""

import base64
import json
from pathlib import Path

import pytest

from moorline.adapters.credentials import Credentials, credentials_for
from moorline.errors import AccessDenied

HELPER = """#!/bin/sh
read -r server
case $server in
    {known}) echo '{answer}' ;;
    broken) echo nonsense ;;
    failing) echo "the vault is locked: s3cret" >&2; exit 1 ;;
    *) echo "credentials not found in native keychain"; exit 1 ;;
esac
"""


def pair(username: str, password: str) -> str:
    return base64.b64encode(f"{username}:{password}".encode()).decode()


def configure(folder: Path, **sections: object) -> Path:
    (folder / "config.json").write_text(json.dumps(sections))
    return folder


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A credential helper that knows one registry."""
    answer = {"ServerURL": "x", "Username": "robot", "Secret": "from the helper"}
    program = tmp_path / "bin" / "docker-credential-vault"
    program.parent.mkdir()
    program.write_text(HELPER.format(known="ghcr.io", answer=json.dumps(answer)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    return "vault"


def test_no_configuration_is_anonymous(tmp_path: Path) -> None:
    assert credentials_for("ghcr.io", docker_config=tmp_path) is None


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"auth": pair("robot", "a:b")}, Credentials("robot", "a:b")),
        ({"username": "robot", "password": "pw"}, Credentials("robot", "pw")),
        ({"identitytoken": "t"}, Credentials("<token>", "t", is_identity_token=True)),
        (
            {"auth": pair("robot", "pw"), "identitytoken": "t"},
            Credentials("<token>", "t", is_identity_token=True),
        ),
        ({}, None),
        ("nonsense", None),
    ],
)
def test_an_entry_of_auths(tmp_path: Path, entry: object, expected: Credentials | None) -> None:
    configure(tmp_path, auths={"ghcr.io": entry})
    assert credentials_for("ghcr.io", docker_config=tmp_path) == expected


@pytest.mark.parametrize(
    ("key", "registry"),
    [
        ("ghcr.io", "ghcr.io"),
        ("https://ghcr.io", "ghcr.io"),
        ("https://ghcr.io/v2/", "ghcr.io"),
        ("http://127.0.0.1:5000", "127.0.0.1:5000"),
        ("https://index.docker.io/v1/", "docker.io"),
        ("registry-1.docker.io", "docker.io"),
    ],
)
def test_a_registry_is_found_under_every_key_that_docker_writes(
    tmp_path: Path, key: str, registry: str
) -> None:
    configure(tmp_path, auths={key: {"auth": pair("robot", "pw")}})
    assert credentials_for(registry, docker_config=tmp_path) == Credentials("robot", "pw")
    assert credentials_for("ghcr.io.evil.example", docker_config=tmp_path) is None


def test_the_environment_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(tmp_path, auths={"ghcr.io": {"auth": pair("robot", "pw")}})
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert credentials_for("ghcr.io") == Credentials("robot", "pw")


def test_the_home_folder_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".docker").mkdir()
    configure(tmp_path / ".docker", auths={"ghcr.io": {"auth": pair("robot", "pw")}})
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert credentials_for("ghcr.io") == Credentials("robot", "pw")


# --- Podman's -----------------------------------------------------------------------------------


@pytest.fixture
def podman(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that `podman login` writes, where Docker's configuration is empty."""
    for name in ("DOCKER_CONFIG", "XDG_RUNTIME_DIR"):
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.setenv(name, str(folder))
    monkeypatch.delenv("REGISTRY_AUTH_FILE", raising=False)
    path = tmp_path / "XDG_RUNTIME_DIR" / "containers" / "auth.json"
    path.parent.mkdir()
    return path


def keep(path: Path, **users: str) -> None:
    """Write one user for each key, `__` standing for a slash and `_` for a dot."""
    entries = {
        key.replace("__", "/").replace("_", "."): {"auth": pair(user, "pw")}
        for key, user in users.items()
    }
    path.write_text(json.dumps({"auths": entries}))


def test_podmans_login_is_good_where_docker_has_none(podman: Path) -> None:
    keep(podman, ghcr_io="podman", docker_io="hub")
    assert credentials_for("ghcr.io") == Credentials("podman", "pw")
    assert credentials_for("docker.io") == Credentials("hub", "pw")
    assert credentials_for("quay.io") is None


def test_dockers_login_comes_first(podman: Path, tmp_path: Path) -> None:
    keep(podman, ghcr_io="podman")
    keep(tmp_path / "DOCKER_CONFIG" / "config.json", ghcr_io="docker")
    assert credentials_for("ghcr.io") == Credentials("docker", "pw")


def test_a_folder_that_was_named_is_the_only_one(podman: Path, tmp_path: Path) -> None:
    keep(podman, ghcr_io="podman")
    assert credentials_for("ghcr.io", docker_config=tmp_path) is None


def test_the_environment_names_podmans_file(
    podman: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(podman, ghcr_io="podman")
    keep(tmp_path / "named.json", ghcr_io="named")
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "named.json"))
    assert credentials_for("ghcr.io") == Credentials("named", "pw")


@pytest.mark.parametrize(
    ("repository", "user"),
    [
        ("acme/app", "narrow"),
        ("acme/app/part", "narrow"),
        ("acme/other", "wide"),
        ("acme2/app", "host"),
        ("", "host"),
    ],
)
def test_the_narrowest_key_of_podmans_counts(podman: Path, repository: str, user: str) -> None:
    keep(podman, ghcr_io="host", ghcr_io__acme="wide", ghcr_io__acme__app="narrow")
    assert credentials_for("ghcr.io", repository=repository) == Credentials(user, "pw")


def test_a_key_for_a_part_is_not_one_for_the_whole(podman: Path) -> None:
    keep(podman, ghcr_io__acme="wide")
    assert credentials_for("ghcr.io") is None
    assert credentials_for("ghcr.io", repository="other/app") is None


# --- helpers ------------------------------------------------------------------------------------


def test_a_helper_comes_before_the_file(tmp_path: Path, helper: str) -> None:
    auths = {"ghcr.io": {"auth": pair("robot", "from the file")}}
    expected = Credentials("robot", "from the helper")
    for section in ({"credHelpers": {"ghcr.io": helper}}, {"credsStore": helper}):
        configure(tmp_path, auths=auths, **section)
        assert credentials_for("ghcr.io", docker_config=tmp_path) == expected


def test_a_registrys_own_helper_comes_before_the_store(tmp_path: Path, helper: str) -> None:
    configure(tmp_path, credHelpers={"ghcr.io": helper}, credsStore="not-installed")
    found = credentials_for("ghcr.io", docker_config=tmp_path)
    assert found == Credentials("robot", "from the helper")


def test_what_a_helper_does_not_know_may_be_in_the_file(tmp_path: Path, helper: str) -> None:
    auths = {"quay.io": {"auth": pair("robot", "from the file")}}
    configure(tmp_path, auths=auths, credsStore=helper)
    found = credentials_for("quay.io", docker_config=tmp_path)
    assert found == Credentials("robot", "from the file")
    assert credentials_for("other.example", docker_config=tmp_path) is None


def test_docker_hub_has_a_key_of_its_own_for_helpers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = {"Username": "<token>", "Secret": "t"}
    program = tmp_path / "docker-credential-hub"
    program.write_text(
        HELPER.format(known="https://index.docker.io/v1/", answer=json.dumps(answer))
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    configure(tmp_path, credsStore="hub")
    expected = Credentials("<token>", "t", is_identity_token=True)
    assert credentials_for("docker.io", docker_config=tmp_path) == expected


@pytest.mark.parametrize(
    ("name", "registry", "words"),
    [
        ("not-installed", "ghcr.io", "No such file or directory; install it"),
        ("../../bin/sh", "ghcr.io", "not a program's name"),
        ("vault", "broken", "not what helpers answer"),
        ("vault", "failing", "exit code 1 for failing"),
    ],
)
@pytest.mark.usefixtures("helper")
def test_a_helper_that_fails_is_named(
    tmp_path: Path, name: str, registry: str, words: str
) -> None:
    configure(tmp_path, credHelpers={registry: name})
    with pytest.raises(AccessDenied, match=words) as caught:
        credentials_for(registry, docker_config=tmp_path)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not valid JSON"),
        ("[]", "not a JSON object"),
        ('{"auths": {"ghcr.io": {"auth": "%%%"}}}', "not base64 of 'user:password'"),
        ('{"auths": {"ghcr.io": {"auth": "cm9ib3Q="}}}', "not base64 of 'user:password'"),
    ],
)
def test_a_broken_configuration_is_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(AccessDenied, match=words) as caught:
        credentials_for("ghcr.io", docker_config=tmp_path)
    assert "config.json" in str(caught.value)
    assert caught.value.mend


def test_an_unreadable_configuration_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").mkdir()
    with pytest.raises(AccessDenied, match=r"config\.json: Is a directory"):
        credentials_for("ghcr.io", docker_config=tmp_path)


def test_a_secret_does_not_show_in_a_traceback() -> None:
    assert "s3cret" not in repr(Credentials("robot", "s3cret"))

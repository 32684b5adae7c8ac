from pathlib import Path

import pytest

from moorline.cli.cmd_pin import wanted_image
from moorline.errors import RegistryUnreachable, UsageError
from tests.core.builders import digest
from tests.fakes.host import NAME, FakeHost

FILE = "environments/production.yaml"


@pytest.fixture
def tree(host: FakeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A work tree of the state repo, with version 1 pinned and version 2 pushed."""
    old, _ = host.image("1"), host.image("2")
    (tmp_path / "environments").mkdir()
    (tmp_path / FILE).write_text(
        f"services:\n  web:  # the front\n    image: '{old}'\n  db:\n    image: {old}\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_one_line_changes_and_is_told(host: FakeHost, tree: Path) -> None:
    before = (tree / FILE).read_text()
    result = host.run("pin", "production", "web", "2")
    old, new = host.image("1"), host.image("2")
    assert (result.exit_code, result.stdout) == (0, f"production/web: {old} -> {new}\n")
    assert (tree / FILE).read_text() == before.replace(f"'{old}'", f"'{new}'")


REFERENCES = [
    ("a whole image", f"{NAME}:2"),
    ("a tag", "2"),
    ("a tag with its colon", ":2"),
    ("a pinned image", f"{NAME}:2@{digest(f'{NAME}:2')}"),
]


@pytest.mark.parametrize("ref", [each[1] for each in REFERENCES], ids=[r[0] for r in REFERENCES])
def test_a_reference(host: FakeHost, tree: Path, ref: str) -> None:
    host.run("pin", "production", "web", ref)
    assert f"image: '{host.image('2')}'" in (tree / FILE).read_text()


@pytest.mark.parametrize("prefix", ["", "@"])
def test_a_digest_has_no_tag_for_the_reader(host: FakeHost, tree: Path, prefix: str) -> None:
    host.run("pin", "production", "web", f"{prefix}{host.image('2').digest}")
    assert f"image: '{host.image('2').pin}'" in (tree / FILE).read_text()


def test_pinning_what_is_pinned_writes_nothing(host: FakeHost, tree: Path) -> None:
    before = (tree / FILE).stat()
    result = host.run("pin", "production", "web", "1")
    assert (result.exit_code, result.stdout) == (
        0,
        f"production/web: is {host.image('1')} already\n",
    )
    assert (tree / FILE).stat() == before


def test_json_says_what_changed(host: FakeHost, tree: Path) -> None:
    assert host.run_json("pin", "production", "web", "2") == {
        "environment": "production",
        "service": "web",
        "file": FILE,
        "old": str(host.image("1")),
        "new": str(host.image("2")),
        "changed": True,
    }
    assert (tree / FILE).is_file()


def test_a_service_without_an_image_yet_gets_one(host: FakeHost, tree: Path) -> None:
    (tree / FILE).write_text("services:\n  web:\n    image:\n")
    result = host.run("pin", "production", "web", f"{NAME}:2")
    assert result.stdout == f"production/web: nothing -> {host.image('2')}\n"


def test_permissions_stay_and_nothing_is_left_beside_it(host: FakeHost, tree: Path) -> None:
    (tree / FILE).chmod(0o640)
    host.run("pin", "production", "web", "2")
    assert (tree / FILE).stat().st_mode & 0o777 == 0o640
    assert [each.name for each in (tree / "environments").iterdir()] == ["production.yaml"]


def test_another_file_can_be_named(host: FakeHost, tree: Path) -> None:
    other = tree / "other.yaml"
    (tree / FILE).rename(other)
    assert host.run("pin", "production", "web", "2", "--file", str(other)).exit_code == 0
    assert str(host.image("2")) in other.read_text()


BAD = [
    ("a tag that is not there", ("web", "9"), 1, f"{NAME}:9: not in the registry"),
    ("a service that is not there", ("wbe", f"{NAME}:2"), 2, "there is no service 'wbe'; did you"),
    ("a tag for a service without an image", ("wbe", "2"), 2, "the service has no image to take"),
    ("a tag that is none", ("web", ":a b"), 2, "':a b': not a tag: 'a b'"),
    ("a digest that is none", ("web", "sha256:ab"), 2, "'sha256:ab': not a digest"),
    ("an image that is none", ("web", "Up/x:1"), 2, "'Up/x:1': not a repository name"),
]


@pytest.mark.parametrize(
    ("words", "code", "says"), [each[1:] for each in BAD], ids=[each[0] for each in BAD]
)
def test_bad_input_changes_nothing(
    host: FakeHost, tree: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    before = (tree / FILE).read_bytes()
    result = host.run("pin", "production", *words)
    assert result.exit_code == code
    assert says in result.stderr
    assert (tree / FILE).read_bytes() == before


def test_an_unpinned_service_of_an_odd_image(host: FakeHost, tree: Path) -> None:
    (tree / FILE).write_text("services:\n  web:\n    image: ${REGISTRY}/web\n")
    result = host.run("pin", "production", "web", f"{NAME}:2")
    assert result.exit_code == 2
    assert f"{FILE}:3:12: services.web.image: is made of variables" in result.stderr


def test_a_symbolic_link_is_refused(host: FakeHost, tree: Path) -> None:
    target = (tree / FILE).rename(tree / "real.yaml")
    (tree / FILE).symlink_to(target)
    result = host.run("pin", "production", "web", "2")
    assert (result.exit_code, result.stderr) == (
        2,
        f"moorline: {FILE} is a symbolic link; put the file itself there\n",
    )


def test_a_missing_file_names_the_mend(host: FakeHost, tree: Path) -> None:
    (tree / FILE).unlink()
    result = host.run("pin", "production", "web", "2")
    assert (result.exit_code, result.stderr) == (
        1,
        (
            f"moorline: {FILE} does not exist; run this at the root of the state repo, or give "
            "the file's path\n"
        ),
    )


def test_a_registry_that_is_away_changes_nothing(host: FakeHost, tree: Path) -> None:
    before = (tree / FILE).read_bytes()
    host.registry.error = RegistryUnreachable("registry.example does not answer")
    result = host.run("pin", "production", "web", "2")
    assert (result.exit_code, result.stderr) == (1, "moorline: registry.example does not answer\n")
    assert (tree / FILE).read_bytes() == before


def test_a_short_name_of_docker_hub_is_an_image_only_with_its_tag() -> None:
    assert str(wanted_image("nginx:1.27", "web:1")) == "docker.io/library/nginx:1.27"
    assert str(wanted_image("nginx", "web:1")) == "docker.io/library/web:nginx"
    with pytest.raises(UsageError, match=r"give the whole image, such as ghcr\.io/acme/app:main"):
        wanted_image("1.27", "")

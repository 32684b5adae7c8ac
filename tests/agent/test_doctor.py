import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from moorline.adapters.ports import EngineInfo
from moorline.agent.durable.lock import state_lock
from moorline.agent.report import SilentReporter
from moorline.agent.views.doctor import Finding, examine
from moorline.errors import AccessDenied, RegistryUnreachable
from tests.fakes.host import FakeHost


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    """A host with everything in order."""
    host = FakeHost(tmp_path)
    for environment in ("production", "staging"):
        host.push({"web": host.image("1")}, environment=environment)
    return host


def findings(host: FakeHost) -> dict[str, Finding]:
    """The last finding of each check."""
    with host.host(host.config, SilentReporter(), threading.Event()) as opened:
        return {each.check: each for each in examine(opened, host.registry)}


def test_nothing_fails_where_everything_is_in_order(host: FakeHost) -> None:
    found = findings(host)
    assert [each for each in found.values() if each.standing == "fail"] == []
    assert list(found) == [
        "state_dir",
        "space",
        "runtime_dir",
        "lock",
        "engine",
        "live-restore",
        "git",
        "state repo",
        "environment production",
        "environment staging",
        "image",
    ]


def no_engine(host: FakeHost) -> None:
    host.engine.unreachable = True


def no_permission(host: FakeHost) -> None:
    error = AccessDenied("no permission on the engine's socket", mend="add the user to docker")
    host.engine.fail_next("info", error)


def no_remote(host: FakeHost) -> None:
    host.remote.path.rename(host.folder / "away.git")


def no_branch(host: FakeHost) -> None:
    host.remote.delete("main")


def no_registry(host: FakeHost) -> None:
    host.registry.error = RegistryUnreachable("registry.example does not answer")


def no_image(host: FakeHost) -> None:
    host.registry.pins.clear()


def no_file(host: FakeHost) -> None:
    host.remote.commit({"environments/staging.yaml": None})


def no_value(host: FakeHost) -> None:
    host.push({"web": {"image": str(host.image("1")), "command": "${MISSING}"}})


def no_place(host: FakeHost) -> None:
    host.configure(top='state_dir = "/proc/moorline"\n')


def open_secrets(host: FakeHost) -> None:
    Path(host.config.secrets_dir).mkdir(mode=0o755)


def open_variables(host: FakeHost) -> None:
    path = host.folder / "production.env"
    path.write_text("A=1\n")
    path.chmod(0o644)


BROKEN: list[tuple[str, Callable[[FakeHost], None], str, str, str]] = [
    ("engine away", no_engine, "engine", "fail", "does not answer"),
    ("socket closed", no_permission, "engine", "fail", "no permission"),
    ("remote away", no_remote, "state repo", "fail", "state.git"),
    ("no branch", no_branch, "state repo", "fail", "no branch main"),
    ("registry away", no_registry, "image", "fail", "does not answer"),
    ("image gone", no_image, "image", "fail", "is not in the registry"),
    ("file gone", no_file, "environment staging", "fail", "is not in the state repo"),
    ("variable missing", no_value, "environment production", "fail", "MISSING is not set"),
    ("secrets open", open_secrets, "secrets_dir", "warn", "open to every user"),
    ("variables open", open_variables, "env_file", "warn", "open to every user"),
]


@pytest.mark.parametrize(
    ("break_it", "check", "standing", "says"), [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN]
)
def test_what_is_broken_is_found(
    host: FakeHost, break_it: Callable[[FakeHost], None], check: str, standing: str, says: str
) -> None:
    break_it(host)
    found = findings(host)[check]
    assert found.standing == standing
    assert says in found.says


def test_an_engine_that_is_too_old_is_refused(host: FakeHost) -> None:
    info = EngineInfo(version="19.03", api="1.40", live_restore=True, storage_driver="overlay2")
    host.engine.info = lambda: info  # type: ignore[method-assign]  (one answer of an old engine)
    found = findings(host)
    assert (found["engine"].standing, found["engine"].mend) == (
        "fail",
        "upgrade it: API 1.41 is the least",
    )
    assert "live-restore" not in found


def test_who_is_at_work_is_told(host: FakeHost) -> None:
    assert findings(host)["lock"].says == "free: no moorline is at work"
    with state_lock(Path(host.config.state_dir), "run"):
        assert findings(host)["lock"].says.startswith("held by moorline run (pid ")
    assert findings(host)["lock"].says == "free: no moorline is at work"


def test_private_files_that_are_private_are_fine(host: FakeHost) -> None:
    Path(host.config.secrets_dir).mkdir(mode=0o700)
    assert findings(host)["secrets_dir"].standing == "ok"


def test_git_that_is_missing_ends_the_rest(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(host.folder))
    found = findings(host)
    assert (found["git"].standing, found["git"].mend) == (
        "fail",
        "install it: apt-get install git",
    )
    assert "state repo" not in found


def test_an_old_git_is_refused(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    git = host.folder / "bin" / "git"
    git.parent.mkdir()
    git.write_text("#!/bin/sh\necho git version 2.20.1\n")
    git.chmod(0o755)
    monkeypatch.setenv("PATH", str(git.parent))
    assert findings(host)["git"].mend == "upgrade it: git 2.31 is the least"


MANAGED = f"""
[ingress]
image = "registry.example/haproxy@sha256:{"5" * 64}"
"""


def test_the_ingress_starts_when_it_is_needed(host: FakeHost) -> None:
    host.configure(top=MANAGED)
    found = findings(host)["ingress"]
    assert found.standing == "fail"
    assert "starts with the first service that needs it" in found.says
    assert "is not in the registry" in found.says


def test_an_ingress_that_does_not_answer_is_found(host: FakeHost) -> None:
    text = """
[ingress]
admin_socket = "admin.sock"
master_socket = "master.sock"
config_file = "moorline.cfg"
check = ["haproxy", "-c", "-f", "{file}"]
"""
    host.configure(top=text)
    found = findings(host)["ingress"]
    assert (found.standing, "does not answer" in found.says) == ("fail", True)


def credentials(host: FakeHost, registry: str) -> None:
    folder = host.folder / "docker"
    folder.mkdir()
    (folder / "config.json").write_text(f'{{"auths": {{"{registry}": {{"auth": "YTpi"}}}}}}')


def named(host: FakeHost, pattern: str) -> None:
    """Name repositories for tags, with Docker's configuration in a folder of the test's."""
    host.configure(
        top=f'[registry]\ntags = ["{pattern}"]\n[engine]\ndocker_config = "{host.folder}/docker"\n'
    )


def test_a_repository_that_is_named_for_tags_needs_credentials(host: FakeHost) -> None:
    named(host, "registry.example/acme/*")
    found = findings(host)["tags"]
    assert found.standing == "warn"
    assert "registry.example/acme/web is named in [registry] tags" in found.says
    assert "docker login registry.example" in found.mend
    credentials(host, "registry.example")
    assert "tags" not in findings(host)


def test_credentials_that_cannot_be_read_are_a_failure(host: FakeHost) -> None:
    named(host, "registry.example/acme/*")
    credentials(host, "registry.example")
    (host.folder / "docker" / "config.json").write_text("{")
    assert findings(host)["tags"].standing == "fail"


def test_where_no_repository_is_named_nobody_needs_credentials(host: FakeHost) -> None:
    named(host, "*")
    assert "tags" not in findings(host)

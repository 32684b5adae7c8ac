"""The state repo over a real sshd: keys, host keys, and ports that do not answer."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorline.adapters.staterepo import GitStateRepo
from moorline.errors import AccessDenied, NotFound, RemoteUnreachable, Stalled
from tests.parts.git import Remote
from tests.parts.githttp import silent_server
from tests.parts.processes import command_lines
from tests.parts.sshd import SshServer, free_port, make_key, ssh_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with ssh_server(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    made = Remote(tmp_path / "remote.git")
    made.commit({"environments/production.yaml": "version: 1\n"})
    return made


def make(
    tmp_path: Path, url: str, *, key: Path, known_hosts: Path, timeout: float = 30
) -> GitStateRepo:
    return GitStateRepo(
        tmp_path / "mirror.git",
        url=url,
        branch="main",
        host="web-1",
        committer_email="moorline@web-1",
        ssh_key=key,
        known_hosts=known_hosts,
        timeout=timeout,
    )


def test_ssh_reads_and_writes(server: SshServer, remote: Remote, tmp_path: Path) -> None:
    repo = make(
        tmp_path, server.url(remote.path), key=server.client_key, known_hosts=server.known_hosts
    )
    tip = repo.fetch()
    assert tip == remote.tip()
    blob = repo.read(tip, "environments/production.yaml")
    assert blob is not None
    sha = repo.replace(
        "environments/production.yaml", b"version: 0\n", expected=blob.oid, message="Back"
    )
    assert remote.tip() == sha
    assert repo.append("history/production/web-1", {"deployments/1.yaml": b"1"}, message="One")


def test_an_unknown_key_is_denied(server: SshServer, remote: Remote, tmp_path: Path) -> None:
    stranger = make_key(tmp_path / "stranger")
    repo = make(tmp_path, server.url(remote.path), key=stranger, known_hosts=server.known_hosts)
    with pytest.raises(AccessDenied, match=r"Permission denied \(publickey"):
        repo.fetch()


def test_a_missing_key_is_denied(server: SshServer, remote: Remote, tmp_path: Path) -> None:
    repo = make(
        tmp_path,
        server.url(remote.path),
        key=tmp_path / "nothing",
        known_hosts=server.known_hosts,
    )
    with pytest.raises(AccessDenied):
        repo.fetch()


def test_an_unknown_host_key_names_the_file(
    server: SshServer, remote: Remote, tmp_path: Path
) -> None:
    empty = tmp_path / "known hosts"
    empty.write_text("")
    repo = make(tmp_path, server.url(remote.path), key=server.client_key, known_hosts=empty)
    with pytest.raises(AccessDenied) as caught:
        repo.fetch()
    assert "Host key verification failed" in caught.value.message
    assert str(empty) in caught.value.mend
    assert empty.read_text() == ""


def test_another_host_key_is_shown_with_its_fingerprint(
    server: SshServer, remote: Remote, tmp_path: Path
) -> None:
    other = make_key(tmp_path / "other").with_suffix(".pub").read_text()
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(f"[127.0.0.1]:{server.port} {other}")
    public = server.known_hosts.with_name("host.pub")
    shown = subprocess.run(
        ["ssh-keygen", "-lf", str(public)], capture_output=True, text=True, check=True
    )
    repo = make(tmp_path, server.url(remote.path), key=server.client_key, known_hosts=known_hosts)
    with pytest.raises(AccessDenied) as caught:
        repo.fetch()
    assert shown.stdout.split()[1] in caught.value.message
    assert str(known_hosts) in caught.value.mend


def test_a_repository_that_is_not_there_is_named(server: SshServer, tmp_path: Path) -> None:
    repo = make(
        tmp_path,
        server.url(tmp_path / "nothing.git"),
        key=server.client_key,
        known_hosts=server.known_hosts,
    )
    with pytest.raises(NotFound, match=r"nothing\.git"):
        repo.fetch()


def test_a_refused_port_is_unreachable(server: SshServer, tmp_path: Path) -> None:
    url = f"ssh://git@127.0.0.1:{free_port()}/x.git"
    repo = make(tmp_path, url, key=server.client_key, known_hosts=server.known_hosts)
    with pytest.raises(RemoteUnreachable, match="Connection refused"):
        repo.fetch()


def test_an_unknown_name_is_unreachable(server: SshServer, tmp_path: Path) -> None:
    url = "ssh://git@no-such-host.invalid/x.git"
    repo = make(tmp_path, url, key=server.client_key, known_hosts=server.known_hosts)
    with pytest.raises(RemoteUnreachable, match=r"no-such-host\.invalid"):
        repo.fetch()


def test_a_missing_ssh_is_named_with_its_mend(
    server: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for program in ("git", "sh"):
        found = shutil.which(program)
        assert found
        (programs / program).symlink_to(found)
    monkeypatch.setenv("PATH", str(programs))
    repo = make(tmp_path, "git@host:x.git", key=server.client_key, known_hosts=server.known_hosts)
    with pytest.raises(Stalled, match="openssh-client"):
        repo.fetch()


def test_a_silent_port_is_given_up_with_every_process(server: SshServer, tmp_path: Path) -> None:
    with silent_server() as port:
        url = f"ssh://git@127.0.0.1:{port}/x.git"
        repo = make(
            tmp_path, url, key=server.client_key, known_hosts=server.known_hosts, timeout=1
        )
        with pytest.raises(RemoteUnreachable, match="no answer within 1 s"):
            repo.fetch()
    assert command_lines(str(tmp_path)) == []
    assert command_lines(f"-p {port}".replace(" ", "\0")) == []

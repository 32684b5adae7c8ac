"""The state repo over git's smart HTTP: credentials, refusals, redirects and silence."""

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorline.adapters.staterepo import GitStateRepo
from moorline.errors import AccessDenied, MoorlineError, RemoteUnreachable
from tests.parts.git import Remote
from tests.parts.githttp import GitHttpServer, git_http_server, silent_server
from tests.parts.processes import command_lines, until
from tests.parts.sshd import free_port

SECRET = "s3cr%2Ft"  # what a person percent-encodes into a URL
PLAIN = "s3cr/t"
FILE = "environments/production.yaml"


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    made = Remote(tmp_path / "remote.git")
    made.commit({FILE: "version: 1\n"})
    return made


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitHttpServer]:
    with git_http_server(tmp_path) as running:
        yield running


@pytest.fixture
def private(tmp_path: Path) -> Iterator[GitHttpServer]:
    with git_http_server(tmp_path, login=f"ada:{PLAIN}") as running:
        yield running


def make(
    tmp_path: Path, url: str, *, askpass: Path | None = None, timeout: float = 30
) -> GitStateRepo:
    return GitStateRepo(
        tmp_path / "mirror.git",
        url=url,
        branch="main",
        host="web-1",
        committer_email="moorline@web-1",
        askpass=askpass,
        timeout=timeout,
    )


def test_http_reads_and_writes(server: GitHttpServer, remote: Remote, tmp_path: Path) -> None:
    repo = make(tmp_path, server.url("remote.git"))
    tip = repo.fetch()
    blob = repo.read(tip, FILE)
    assert blob is not None
    sha = repo.replace(FILE, b"version: 0\n", expected=blob.oid, message="Back")
    assert remote.tip() == sha
    assert repo.append("history/production/web-1", {"deployments/1.yaml": b"1"}, message="One")


def test_a_password_in_the_url_logs_in_and_shows_nowhere(
    private: GitHttpServer, remote: Remote, tmp_path: Path
) -> None:
    repo = make(tmp_path, private.url("remote.git", user=f"ada:{SECRET}"))
    assert repo.fetch() == remote.tip()
    assert repo.append("history/x/y", {"deployments/1.yaml": b"1"}, message="One")
    assert len(set(private.authorizations)) == 1
    written = (path for path in (tmp_path / "mirror.git").rglob("*") if path.is_file())
    secrets = re.compile(rf"{re.escape(PLAIN)}|{re.escape(SECRET)}".encode())
    assert [path for path in written if secrets.search(path.read_bytes())] == []


def test_an_askpass_program_answers(
    private: GitHttpServer, remote: Remote, tmp_path: Path
) -> None:
    askpass = tmp_path / "askpass"
    askpass.write_text(
        f'#!/bin/sh\ncase "$1" in Username*) echo ada;; Password*) echo "{PLAIN}";; esac\n'
    )
    askpass.chmod(0o755)
    repo = make(tmp_path, private.url("remote.git"), askpass=askpass)
    assert repo.fetch() == remote.tip()


@pytest.mark.parametrize("user", ["", "ada", "ada:wrong"])
@pytest.mark.usefixtures("remote")
def test_wrong_credentials_are_denied_without_a_prompt(
    private: GitHttpServer, tmp_path: Path, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_ASKPASS", str(tmp_path / "never"))
    repo = make(tmp_path, private.url("remote.git", user=user))
    with pytest.raises(AccessDenied) as caught:
        repo.fetch()
    assert "wrong" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, AccessDenied),
        (403, AccessDenied),
        (404, AccessDenied),
        (429, RemoteUnreachable),
        (500, RemoteUnreachable),
        (502, RemoteUnreachable),
        (503, RemoteUnreachable),
    ],
)
@pytest.mark.usefixtures("remote")
def test_a_status_says_whether_to_try_again(
    server: GitHttpServer, tmp_path: Path, status: int, error: type[MoorlineError]
) -> None:
    server.status = status
    with pytest.raises(error):
        make(tmp_path, server.url("remote.git")).fetch()


def test_credentials_do_not_follow_a_redirect(
    private: GitHttpServer, remote: Remote, tmp_path: Path
) -> None:
    with git_http_server(tmp_path / "elsewhere") as thief:
        repo = make(tmp_path, private.url("remote.git", user=f"ada:{SECRET}"))
        assert repo.fetch() == remote.tip()
        private.status, private.location = 302, thief.url("remote.git/info/refs")
        with pytest.raises(RemoteUnreachable):
            repo.fetch()
        assert thief.authorizations == []


def test_a_refused_port_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(RemoteUnreachable):
        make(tmp_path, f"http://127.0.0.1:{free_port()}/x.git").fetch()


def test_a_silent_server_is_given_up_with_every_process(tmp_path: Path) -> None:
    with silent_server() as port:
        repo = make(tmp_path, f"http://ada:{SECRET}@127.0.0.1:{port}/x.git", timeout=1)
        failures: list[MoorlineError] = []

        def fetch() -> None:
            with pytest.raises(RemoteUnreachable) as caught:
                repo.fetch()
            failures.append(caught.value)

        started = time.monotonic()
        thread = threading.Thread(target=fetch)
        thread.start()
        until(lambda: any("git-remote-http" in line for line in command_lines(f":{port}/")))
        shown = "\n".join(command_lines(f":{port}/"))
        thread.join()
        assert time.monotonic() - started < 4
        assert "s3cr" not in shown
        assert "no answer within 1 s" in str(failures[0])
        assert "s3cr" not in str(failures[0])
        assert command_lines(f":{port}/") == command_lines(str(tmp_path)) == []

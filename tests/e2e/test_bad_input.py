"""Each mistake is one line with its mend, an exit code, and nothing half done."""

import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from moorline.core.image import ImageRef
from tests.e2e.stage import Stage, eventually, plain
from tests.parts.githttp import git_http_server
from tests.parts.images import Images
from tests.parts.sshd import make_key, ssh_server

pytestmark = pytest.mark.engine

POWERLESS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
"""What makes root obey the permissions of files."""


@pytest.fixture
def image(images: Images) -> ImageRef:
    return images("plain")


def powerless() -> Sequence[str]:
    return POWERLESS if os.geteuid() == 0 else ()


def refused(stage: Stage, *fragments: str, prefix: Sequence[str] = ()) -> None:
    """`moorline apply` ends on an error that has these fragments, and has made nothing."""
    done = stage.moorline("apply", stage.environment, prefix=prefix)
    assert done.returncode == 1, done
    assert done.stdout == ""
    told = error_in(done.stderr)
    for fragment in fragments:
        assert fragment in told
    assert stage.containers() == []


def error_in(stderr: str) -> str:
    """The error's one line: the last one, and behind what was told along the way the only one."""
    *before, last = stderr.splitlines()
    assert last.startswith("moorline: "), stderr
    assert all("[info " in line for line in before), stderr
    return last


def test_an_engine_that_is_not_there(stage: Stage, image: ImageRef) -> None:
    stage.push({"web": plain(image)})
    stage.configure(extra=f'[engine]\nurl = "unix://{stage.folder}/no-engine.sock"\n')
    refused(stage, "the Docker Engine does not answer", "systemctl status docker")


def test_an_engine_whose_socket_is_not_ours(stage: Stage, image: ImageRef) -> None:
    stage.push({"web": plain(image)})
    path = stage.folder / "engine.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        path.chmod(0)
        stage.configure(extra=f'[engine]\nurl = "unix://{path}"\n')
        refused(stage, "no permission on the engine's socket", "docker group", prefix=powerless())


def test_a_state_repo_that_is_not_there(stage: Stage) -> None:
    stage.configure(url=f"{stage.folder}/nowhere.git")
    refused(stage, "nowhere.git")


def test_a_state_repo_without_the_branch(stage: Stage) -> None:
    refused(stage, "has no branch main", "push a first commit")


def test_a_state_repo_that_refuses_our_login(stage: Stage, image: ImageRef) -> None:
    stage.push({"web": plain(image)})
    with git_http_server(stage.folder, login="robot:secret") as server:
        stage.configure(url=server.url("state.git"))
        refused(stage, f"127.0.0.1:{server.port}/state.git")
        stage.configure(url=server.url("state.git", user="robot:wrong-password"))
        done = stage.moorline("apply", stage.environment)
        assert done.returncode in {1, 2}
        assert "wrong-password" not in done.stdout + done.stderr


def test_a_host_key_that_is_not_known(stage: Stage, image: ImageRef, tmp_path: Path) -> None:
    stage.push({"web": plain(image)})
    (tmp_path / "sshd").mkdir()
    with ssh_server(tmp_path / "sshd") as server:
        other = make_key(tmp_path / "other").with_suffix(".pub").read_text()
        wrong = tmp_path / "known_hosts"
        url = server.url(stage.remote.path)
        keys = f'ssh_key = "{server.client_key}"\nknown_hosts = "{{}}"\n'
        stage.configure(url=url, extra=keys.format(wrong))
        wrong.write_text("")
        refused(stage, "Host key verification failed", "known_hosts")
        wrong.write_text(f"[127.0.0.1]:{server.port} {other}")
        refused(stage, "fingerprint")
        # and the right one, to be sure that it was this
        stage.configure(url=url, extra=keys.format(server.known_hosts))
        assert stage.moorline("apply", stage.environment).returncode == 0


@pytest.mark.parametrize("verb", ["apply", "plan", "status", "history"])
def test_an_environment_that_this_host_does_not_have(stage: Stage, verb: str) -> None:
    done = stage.moorline(verb, f"{stage.environment}x")
    assert done.returncode == 2
    assert f"did you mean '{stage.environment}'?" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("verb", [["run"], ["apply", "production"]])
def test_a_configuration_with_a_typo(stage: Stage, verb: list[str]) -> None:
    stage.config.write_text(stage.config.read_text().replace("[repo]", "[repos]"))
    done = stage.moorline(*verb)
    assert done.returncode == 2
    assert "repos: not a setting; did you mean 'repo'?" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("verb", ["run", "apply"])
def test_a_state_dir_that_cannot_be_written(stage: Stage, image: ImageRef, verb: str) -> None:
    stage.push({"web": plain(image)})
    stage.state.mkdir()
    stage.state.chmod(0o500)
    words = [verb] if verb == "run" else [verb, stage.environment]
    done = stage.moorline(*words, prefix=powerless())
    assert done.returncode == 1
    assert f"{stage.state}/lock: Permission denied" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert stage.containers() == []


def test_a_disk_that_is_full(stage: Stage, image: ImageRef) -> None:
    stage.push({"web": plain(image)})
    stage.state.mkdir()
    done = stage.moorline("apply", stage.environment, prefix=_tiny_disk(stage, "16k"))
    assert done.returncode == 1
    assert "No space left on device" in error_in(done.stderr)
    assert stage.containers() == []


def test_a_disk_that_is_full_once_the_repository_is_there(stage: Stage, image: ImageRef) -> None:
    stage.push({"web": plain(image)})
    assert stage.moorline("apply", stage.environment).returncode == 0
    before = stage.ids()
    stage.push({"web": plain(image, tty=True)})
    copy = f"cp -a {stage.state}.kept/. {stage.state}; head -c 9M /dev/zero >{stage.state}/fill"
    stage.state.rename(f"{stage.state}.kept")
    stage.state.mkdir()
    done = stage.moorline(
        "apply", stage.environment, prefix=_tiny_disk(stage, "3M", f"{copy} 2>/dev/null")
    )
    assert done.returncode == 1, done
    assert "No space left on device" in error_in(done.stderr)
    assert stage.ids() == before


def test_a_disk_that_fills_up_in_the_gate_does_not_keep_a_failed_version(
    stage: Stage, images: Images, image: ImageRef
) -> None:
    bad = images("crash", "2")
    # it fails when it is told to, and that is after the disk is full
    command = ["/bin/sh", "-c", "until [ -e /go ]; do sleep 0.1; done; exit 3"]
    check = {"test": ["CMD-SHELL", "test -e /go"], "interval": "200ms"}
    stage.state.mkdir()
    daemon = stage.launch(prefix=_tiny_disk(stage, "8M"))
    stage.deploy({"web": plain(image)})
    failed = stage.push({"web": plain(bad, command=command, healthcheck=check)})
    eventually(lambda: stage.running("web") == [bad.pin], "the failing version to run")
    disk = Path("/proc", str(daemon.process.pid), "root", *stage.state.parts[1:])
    with suppress(OSError), (disk / "fill").open("wb") as fill:
        fill.write(bytes(8 << 20))
    running = next(each for each in stage.containers("web") if each["State"] == "running")
    stage.execute(running["Id"], "touch /go")
    stage.wait_settled("web", image)
    daemon.wait_for("No space left on device")
    before = stage.ids()
    assert failed not in dict(stage.deployments())
    daemon.wait_for("stalled")
    assert stage.ids() == before
    (disk / "fill").unlink()
    eventually(lambda: stage.running("web") == [bad.pin], "another look at the failed version")
    running = next(each for each in stage.containers("web") if each["State"] == "running")
    stage.execute(running["Id"], "touch /go")
    stage.wait_deployed(failed, "taken back")
    stage.wait_settled("web", image)


def _tiny_disk(stage: Stage, size: str, prepare: str = ":") -> Sequence[str]:
    """What runs a command with the state directory on a small tmpfs of its own."""
    mount = f"mount -t tmpfs -o size={size} tmpfs {stage.state}"
    alone = ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "-r", "--mount")
    return (*alone, "sh", "-c", f'{mount} && {{ {prepare}; }}; exec "$@"', "sh")

"""A Docker Engine of a test's own, which may be killed, restarted and filled up.

It lives in namespaces of its own, so that nothing of it can be left behind:

    network   two engines in one rewrite each other's firewall rules, and take each other's bridge
    mount     `/run` and the data root are a tmpfs that only this engine sees; with the host's
              `/run` in sight dockerd would use the host's containerd
    process   when its first process ends, and that is when our end of its standard input does,
              the kernel kills dockerd, containerd and every container

Ports of this machine, a registry's say, are reached from inside once they are lent.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from tests.parts.processes import until
from tests.parts.relay import Forward

__all__ = ["SecondEngine", "as_root", "second_engine"]

PATIENCE = 60.0
CGROUPS = Path("/sys/fs/cgroup")

# `/proc` is the host's until the mount, and says what this shell is called there. With SIGCHLD
# ignored the kernel buries orphans: a zombie would look alive to dockerd.
ROOMS = """
read -r pid rest </proc/self/stat
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mount -t tmpfs -o "size=$2" tmpfs "$1"
ip link set lo up
echo "$pid"
trap '' CHLD
exec cat >/dev/null
"""
LISTEN = """
import socket, sys
listener = socket.socket()
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen(64)
with socket.socket(fileno=0) as way_out:
    socket.send_fds(way_out, [b"."], [listener.fileno()])
"""


def as_root() -> Sequence[str]:
    """What makes a command one of root's."""
    return () if os.geteuid() == 0 else ("sudo", "-n")


class SecondEngine:
    """One engine; see `second_engine`."""

    def __init__(self, folder: Path, rooms: "subprocess.Popen[str]") -> None:
        assert rooms.stdout
        self._folder = folder
        self._rooms = rooms
        self._first_process = rooms.stdout.readline().strip()
        assert self._first_process, "no namespaces: a second engine needs root, or sudo"
        self._dockerd: subprocess.Popen[bytes] | None = None
        self._lent: list[Forward] = []
        self.socket = folder / "docker.sock"
        self.url = f"unix://{self.socket}"

    @property
    def prefix(self) -> Sequence[str]:
        """What makes a command run where dockerd does."""
        return self._enter()

    @property
    def log(self) -> str:
        """What dockerd wrote, over all its lives."""
        return (self._folder / "dockerd.log").read_text(errors="replace")

    def start(self, *, live_restore: bool = False) -> None:
        """Start dockerd, and return once it answers."""
        settings = self._folder / "daemon.json"
        settings.write_text(json.dumps({"live-restore": live_restore}))
        # after kill -9 these name processes that are gone, or others by now
        stale = ("/run/docker.pid", "/run/docker/containerd/containerd.pid", str(self.socket))
        self.inside("rm", "-f", *stale)
        options = ["--host", self.url, "--data-root", str(self._folder / "data")]
        options += ["--config-file", str(settings), "--pidfile", "/run/docker.pid"]
        options += ["--group", str(os.getgid()), "--log-level", "warn"]
        # no systemd in there that could be asked for cgroups
        options += ["--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", self._cgroup]
        with (self._folder / "dockerd.log").open("ab") as log:
            self._dockerd = subprocess.Popen(
                self._enter("dockerd", *options), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until(self._answers_or_died, within=PATIENCE)
        assert self._dockerd.poll() is None, self.log

    def end(self, name: Literal["TERM", "KILL"]) -> None:
        """Send dockerd a signal, and return once it is gone."""
        assert self._dockerd
        self.inside("sh", "-c", f"kill -s {name} $(cat /run/docker.pid)")
        self._dockerd.wait(PATIENCE)

    def docker(self, *words: str) -> str:
        """What a docker command prints."""
        command = ["docker", "--host", self.url, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def inside(self, *command: str) -> str:
        """What a command prints that runs where dockerd does."""
        done = subprocess.run(
            self._enter(*command), check=True, capture_output=True, text=True, timeout=PATIENCE
        )
        return done.stdout

    def lend_port(self, port: int) -> Forward:
        """Let 127.0.0.1:port inside be that of this machine."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            command = self._enter(sys.executable, "-c", LISTEN, str(port))
            subprocess.run(command, check=True, stdin=theirs, timeout=PATIENCE)
            _, (descriptor,), _, _ = socket.recv_fds(ours, 1, 1)
        # made inside, and accepted from here: a socket stays in the network that it was made in
        listener = socket.socket(fileno=descriptor)
        lent = Forward(listener, lambda: socket.create_connection(("127.0.0.1", port), timeout=5))
        self._lent.append(lent)
        return lent

    def close(self) -> None:
        """End everything that runs inside, and remove every trace."""
        for each in self._lent:
            each.close()
        self._rooms.communicate()
        if self._dockerd:
            self._dockerd.wait(PATIENCE)
        for each in CGROUPS.glob(f"**{self._cgroup}"):
            find = ["find", str(each), "-depth", "-type", "d", "-exec", "rmdir", "{}", "+"]
            subprocess.run([*as_root(), *find], check=False, capture_output=True)
        self.socket.unlink(missing_ok=True)
        shutil.rmtree(self._folder)

    @property
    def _cgroup(self) -> str:
        return f"/{self._folder.name}"

    def _enter(self, *command: str) -> Sequence[str]:
        rooms = ("--net", "--mount", "--pid")
        return (*as_root(), "nsenter", "--target", self._first_process, *rooms, *command)

    def _answers_or_died(self) -> bool:
        assert self._dockerd
        if self._dockerd.poll() is not None:
            return True
        ask = ["docker", "--host", self.url, "version"]
        return subprocess.run(ask, check=False, capture_output=True).returncode == 0


@contextmanager
def second_engine(*, size: str = "512m") -> Iterator[SecondEngine]:
    """Rooms for an engine whose disk has this size; `start` it then."""
    # pytest's own folders have names that are too long for a socket's path
    folder = Path(tempfile.mkdtemp(prefix="moorline-test-"))
    data = folder / "data"
    data.mkdir()
    rooms = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child")
    made = subprocess.Popen(
        [*as_root(), *rooms, "sh", "-ec", ROOMS, "sh", str(data), size],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    engine = SecondEngine(folder, made)
    try:
        yield engine
    finally:
        engine.close()

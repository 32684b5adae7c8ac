"""A real sshd on a free port of the loopback, with keys made for it."""

import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.parts.processes import until

__all__ = ["SshServer", "free_port", "make_key", "ssh_server"]

_CONFIG = """
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/client.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
"""


@dataclass(frozen=True)
class SshServer:
    """What a client needs: a port, a key that is let in, and the server's own key."""

    port: int
    client_key: Path
    known_hosts: Path

    def url(self, path: Path) -> str:
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{path}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def make_key(path: Path) -> Path:
    """A new key pair; returns the private half's path."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path)], check=True
    )
    return path


@contextmanager
def ssh_server(folder: Path) -> Iterator[SshServer]:
    port = free_port()
    client, host = make_key(folder / "client"), make_key(folder / "host")
    known_hosts = folder / "known_hosts"
    public = host.with_suffix(".pub").read_text()
    known_hosts.write_text(f"[127.0.0.1]:{port} {public}")
    config = folder / "sshd_config"
    config.write_text(_CONFIG.format(port=port, folder=folder))
    if os.geteuid() == 0:
        # where Debian's sshd separates its privileges; its unit would have made it
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "sshd is missing: apt-get install openssh-server"
    log = folder / "sshd.log"
    server = subprocess.Popen([program, "-D", "-f", str(config), "-E", str(log)])
    try:
        until(lambda: log.exists() and "Server listening" in log.read_text())
        yield SshServer(port, client, known_hosts)
    finally:
        server.terminate()
        server.wait()

"""HAProxy for tests, demo and bench: as an image, and as a process without an engine."""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from moorline.core.image import ImageRef
from moorline.errors import IngressUnreachable
from tests.parts.images import build_from_scratch, push

__all__ = ["LocalHaproxy", "haproxy_command", "haproxy_image", "short_folder"]

_LIBRARY = re.compile(r"(/\S+) \(0x")
_INSTRUCTIONS = """
ENV PATH=/bin LD_LIBRARY_PATH=/haproxy
LABEL moorline-test.version={version} moorline-test.registry={registry}
"""


def haproxy_image(registry: str, version: str = "1") -> ImageRef:
    """Build an image of Debian's HAProxy and push it; returns it pinned.

    Another `version` is another image of the same HAProxy.
    """
    tag = f"{registry}/moorline-test/haproxy:{version}"
    build_from_scratch(tag, _files(), _INSTRUCTIONS.format(version=version, registry=registry))
    return ImageRef.parse(tag).pinned(push(tag))


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder for sockets: their paths have to be shorter than pytest's are."""
    with tempfile.TemporaryDirectory(prefix="moorline-test-", dir="/tmp") as name:
        yield Path(name)


class LocalHaproxy:
    """Keeps an HAProxy of this machine running, as the agent keeps a container."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "haproxy.cfg"
        self.master = folder / "master.sock"
        self.starts = 0
        self.broken = False
        """Whether it cannot be started any more."""
        self._log = folder / "haproxy.log"
        self._program = haproxy_command()
        self._process: subprocess.Popen[bytes] | None = None

    def keep(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        if self.broken:
            raise IngressUnreachable("it cannot be started")
        self.starts += 1
        command = [*self._program, "-W", "-S", f"{self.master},mode,660", "-f", str(self.config)]
        with self._log.open("ab") as log:
            # a session of its own, so that its worker can be found and ended with it
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True
            )

    def check(self, config: Path) -> str:
        command = [*self._program, "-c", "-f", str(config)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stderr if done.returncode else ""

    def kill(self) -> None:
        """SIGKILL for the master and every worker."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, 9)
            self._process.wait()

    @property
    def log(self) -> str:
        return self._log.read_text()


def haproxy_command() -> list[str]:
    """How to run HAProxy on this machine; more arguments follow."""
    binary = _binary()
    return ["env", f"LD_LIBRARY_PATH={binary.parent / 'lib'}", str(binary)]


def _binary() -> Path:
    script = Path(__file__).with_name("haproxy-binary.sh")
    found = subprocess.run([script], stdout=subprocess.PIPE, text=True, check=True)
    return Path(found.stdout.strip())


def _files() -> dict[str, bytes | str]:
    binary = _binary()
    environment = {**os.environ, "LD_LIBRARY_PATH": str(binary.parent / "lib")}
    linked = subprocess.run(
        ["ldd", binary], env=environment, capture_output=True, text=True, check=True
    )
    paths = [Path(each) for each in _LIBRARY.findall(linked.stdout)]
    loader = [each for each in paths if each.name.startswith("ld-linux")]
    libraries = {f"haproxy/{each.name}": each.read_bytes() for each in paths}
    loaders = {str(each).removeprefix("/"): each.read_bytes() for each in loader}
    return {"bin/haproxy": binary.read_bytes(), **libraries, **loaders}

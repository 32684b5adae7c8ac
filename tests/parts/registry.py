"""A real OCI registry (CNCF distribution) for tests, in a container of its own."""

import base64
import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.parts.images import build_from_scratch

# Ryuk would be an image to pull, and the bridge's address is not one that the engine trusts
# without TLS. Both are read when testcontainers is imported.
os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"
os.environ["TESTCONTAINERS_CONNECTION_MODE"] = "docker_host"

from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HttpWaitStrategy

IMAGE = "moorline-test/registry:2"
PORT = 5000
USER, PASSWORD = "robot", "correct horse"
"""Who may use a registry that was started with `guarded`."""

_CONFIG = b"""version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: /var/lib/registry}, delete: {enabled: true}}
http: {addr: ":5000"}
"""
_INSTRUCTIONS = """
ENTRYPOINT ["/bin/registry"]
CMD ["serve", "/etc/registry.yml"]
EXPOSE 5000
"""
_HTPASSWD = b"robot:$2b$05$29mCdL5V7DiqVIY6aKKG4O8gTgwmc8v3Krpvp5wIxRFd.xXV/fhl6\n"
_GUARD = {
    "REGISTRY_AUTH": "htpasswd",
    "REGISTRY_AUTH_HTPASSWD_REALM": "moorline test",
    "REGISTRY_AUTH_HTPASSWD_PATH": "/etc/htpasswd",
}
_LIBRARY = re.compile(r"(/\S+) \(0x")


@contextmanager
def running_registry(*, guarded: bool = False, port: int | None = None) -> Iterator[str]:
    """Run a registry on a port of 127.0.0.1 (any free one); yields `host:port`.

    With a `port` given it is on that again after a stop and start.
    """
    _build()
    container = DockerContainer(IMAGE)
    # for this machine only; the SDK takes an address here, its type forgot it
    container.ports[f"{PORT}/tcp"] = ("127.0.0.1", port)  # type: ignore[assignment]
    ready = HttpWaitStrategy(PORT, "/v2/").with_poll_interval(0.1)
    if guarded:
        container.with_envs(**_GUARD)
        ready = ready.with_basic_credentials(USER, PASSWORD)
    with container.waiting_for(ready):
        yield f"127.0.0.1:{container.get_exposed_port(PORT)}"


def login(folder: Path, registry: str) -> Path:
    """Write a Docker configuration with the guarded registry's credentials."""
    write_login(folder, registry, USER, PASSWORD)
    return folder


def write_login(folder: Path, registry: str, username: str, password: str) -> None:
    """Write a Docker configuration with one registry's credentials."""
    pair = base64.b64encode(f"{username}:{password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {registry: {"auth": pair}}}))


def _build() -> None:
    script = Path(__file__).with_name("registry-binary.sh")
    found = subprocess.run([script], stdout=subprocess.PIPE, text=True, check=True)
    binary = Path(found.stdout.strip())
    files: dict[str, bytes | str] = {
        "bin/registry": binary.read_bytes(),
        "etc/registry.yml": _CONFIG,
        "etc/htpasswd": _HTPASSWD,
    }
    linked = subprocess.run(["ldd", binary], capture_output=True, text=True, check=False)
    for library in _LIBRARY.findall(linked.stdout):
        files[library.removeprefix("/")] = Path(library).read_bytes()
    instructions = (
        'ENTRYPOINT ["/bin/registry"]\nCMD ["serve", "/etc/registry.yml"]\nEXPOSE 5000\n'
    )
    build_from_scratch(IMAGE, files, instructions)

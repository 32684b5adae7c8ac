"""Tiny images for tests, built FROM scratch around Debian's static busybox.

variant     behaviour
healthy     serves its version at / and "ok" at /health; has a HEALTHCHECK
unhealthy   the same, but /health answers 404 for ever
slow        the same as healthy, after $DELAY seconds in which nothing listens
crash       writes a line to standard error and exits with 3 at once
faulty      the same as healthy, and half of the answers at /cgi-bin/page are errors
sluggish    the same as healthy, and each answer at /cgi-bin/page takes half a second
plain       sleeps; no HEALTHCHECK

All listen on $PORT (3000) and end at once on SIGTERM; /cgi-bin/page serves the version too; shell
and applets are there for exec.
"""

import fcntl
import io
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from moorline.core.image import Digest, ImageRef

Variant = Literal["healthy", "unhealthy", "slow", "crash", "faulty", "sluggish", "plain"]

_PUSHED = re.compile(r"digest: (sha256:[0-9a-f]{64})")

_SERVE = rb"""#!/bin/sh
# the kernel ignores SIGTERM for a process 1 that has no handler
trap 'exit 0' TERM INT
echo "variant=$VARIANT version=$VERSION"
case $VARIANT in
    crash) echo "cannot go on" >&2; exit 3 ;;
    plain) sleep 1000000 & wait $! ;;
    slow) sleep "$DELAY" & wait $! ;;
esac
echo "version=$VERSION" >/www/index.html
[ "$VARIANT" = unhealthy ] || echo ok >/www/health
httpd -f -p "$PORT" -h /www & wait $!
"""

_PAGE = rb"""#!/bin/sh
case $VARIANT in
    faulty) [ $(($$ % 2)) = 0 ] || printf 'Status: 500 Internal Server Error\r\n' ;;
    sluggish) sleep 0.5 ;;
esac
printf 'Content-Type: text/plain\r\n\r\nversion=%s\n' "$VERSION"
"""

_INSTRUCTIONS = """
CMD ["/serve"]
EXPOSE 3000
ENV PATH=/bin PORT=3000 DELAY=3 VARIANT={variant} VERSION={version}
LABEL org.opencontainers.image.version={version}
"""
_CHECK = (
    "HEALTHCHECK --interval=1s --timeout=2s --retries=2"
    " CMD wget -q -O /dev/null http://127.0.0.1:$PORT/health\n"
)


def build(tag: str, *, variant: Variant = "healthy", version: str = "1") -> None:
    """Build one image and tag it."""
    instructions = _INSTRUCTIONS.format(variant=variant, version=version)
    if variant != "plain":
        instructions += _CHECK
    files = {
        "serve": _SERVE,
        "www/index.html": b"",
        "www/cgi-bin/page": _PAGE,
        # so that images from two registries are never one and the same to the engine
        "registry": tag.partition("/")[0].encode(),
    }
    build_from_scratch(tag, {**_busybox(), **files}, instructions)


def build_from_scratch(tag: str, files: Mapping[str, bytes | str], instructions: str) -> None:
    """Build an image of `files` (bytes: an executable file; text: the target of a symlink)."""
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        _add(tar, "Dockerfile", f"FROM scratch\nCOPY root/ /\n{instructions}".encode())
        for path, content in files.items():
            _add(tar, f"root/{path}", content)
    command = ["docker", "build", "--quiet", "--tag", tag, "-"]
    with _alone():
        done = subprocess.run(command, input=context.getvalue(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def push(tag: str, *, docker_config: Path | None = None) -> Digest:
    """Push to the registry that the tag names; returns the manifest's digest."""
    options = ["--config", str(docker_config)] if docker_config else []
    done = subprocess.run(
        ["docker", *options, "push", tag], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    pushed = _PUSHED.search(done.stdout)
    assert pushed, done.stdout
    return Digest(pushed[1])


def remove(image: ImageRef) -> None:
    """Take a pinned image with a tag off the host; it stays in the registry."""
    # the tag first: with the last tag of a repository its digests would go as well
    for name in (f"{image.name}:{image.tag}", image.pin):
        command = ["docker", "rmi", "--force", name]
        with _alone():
            subprocess.run(command, capture_output=True, check=False)


@contextmanager
def _alone() -> Iterator[None]:
    """One at a time on this machine: a build that finds a layer of another one fails where that
    is removed meanwhile.
    """
    with Path(tempfile.gettempdir(), "moorline-test-images.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Images:
    """Builds and pushes images when a test first asks for them."""

    def __init__(self, registry: str) -> None:
        self._repository = f"{registry}/moorline-test/web"
        self._made: dict[str, ImageRef] = {}

    def __call__(self, variant: Variant = "healthy", version: str = "1") -> ImageRef:
        """A pinned reference; the image is in the registry, and on the host unless removed."""
        tag = f"{self._repository}:{variant}-{version}"
        if tag not in self._made:
            build(tag, variant=variant, version=version)
            self._made[tag] = ImageRef.parse(tag).pinned(push(tag))
        return self._made[tag]

    def remove(self, image: ImageRef) -> None:
        """Take one of them off the host; it stays in the registry."""
        remove(image)

    def close(self) -> None:
        """Take all of them off the host."""
        for image in self._made.values():
            remove(image)


def _busybox() -> dict[str, bytes | str]:
    program = shutil.which("busybox")
    assert program, "no busybox: 'make setup' installs busybox-static"
    listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True)
    applets = {f"bin/{name}": "busybox" for name in listed.stdout.split() if name != "busybox"}
    return {"bin/busybox": Path(program).read_bytes(), **applets}


def _add(tar: tarfile.TarFile, path: str, content: bytes | str) -> None:
    # no times and no owners: the same content is the same layer
    entry = tarfile.TarInfo(path)
    if isinstance(content, str):
        entry.type, entry.linkname = tarfile.SYMTYPE, content
        tar.addfile(entry)
        return
    entry.mode, entry.size = 0o755, len(content)
    tar.addfile(entry, io.BytesIO(content))

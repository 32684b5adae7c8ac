"""Moving a tag on a large image: the manifest's bytes on another name, against pulling it all."""

import secrets
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from moorline.adapters.registry import OciRegistry
from moorline.core.image import ImageRef
from tests.bench.measure import Fact, Row, alternate, stopwatch
from tests.parts.counting import counted
from tests.parts.images import push, remove

__all__ = ["tag_moves"]

SIZE = 500_000_000
MIB = 1 << 20
LIMIT = 20_000
TAG = "production-current"


def tag_moves(registry: str, *, runs: int) -> tuple[list[Row], list[Fact]]:
    """Ours moves the tag forward, theirs another one; the image is on this host for neither."""
    image = _large_image(registry)

    def theirs(run: int) -> float:
        taken = stopwatch(lambda: _by_hand(image, f"by-hand-{run}"))
        remove(replace(image, tag=f"by-hand-{run}"))
        return taken

    ours, by_hand = alternate(runs, lambda _run: stopwatch(lambda: _move(image, TAG)), theirs)
    row = Row(
        what=f"tag move on an image of {SIZE // 10**6} MB",
        ours=ours,
        against="docker pull, tag, push (not on the host)",
        theirs=by_hand,
        goal=0.02,
    )
    with counted(registry) as (address, count):
        there = replace(image, registry=address)
        _move(there, f"{TAG}-counted")
        moved = count.bytes
    fact = Fact("bytes that a tag move sends and gets", f"{moved:,}", "< 20,000", moved < LIMIT)
    return [row], [fact]


def _move(image: ImageRef, tag: str) -> None:
    """With a client that knows nothing yet: look, put, read back."""
    client = OciRegistry()
    target = replace(image, tag=tag, digest=None)
    client.put_manifest(target, client.manifest(image))
    assert client.resolve(target) == image.digest
    client.close()


def _by_hand(image: ImageRef, tag: str) -> None:
    _docker("pull", "--quiet", image.pin)
    _docker("tag", image.pin, f"{image.name}:{tag}")
    _docker("push", "--quiet", f"{image.name}:{tag}")


def _large_image(registry: str) -> ImageRef:
    """One layer that no compression makes smaller; in the registry, and not on this host."""
    name = f"{registry}/moorline-bench/large:1"
    with tempfile.TemporaryDirectory() as folder:
        with Path(folder, "data").open("wb") as file:
            file.writelines(secrets.token_bytes(MIB) for _ in range(SIZE // MIB))
        Path(folder, "Dockerfile").write_text('FROM scratch\nCOPY data /\nCMD ["/data"]\n')
        _docker("build", "--quiet", "--tag", name, folder)
    image = ImageRef.parse(name).pinned(push(name))
    remove(image)
    return image


def _docker(*words: str) -> None:
    subprocess.run(["docker", *words], check=True, capture_output=True)

"""`moorline pin ENV SERVICE REF`."""

import os
import stat
from pathlib import Path

import click

from moorline.agent.load import environment_path
from moorline.cli.context import Ports, pass_ports
from moorline.cli.options import json_option, wants
from moorline.cli.output import emit, say
from moorline.cli.worktree import read_plain_file
from moorline.core.image import Digest, ImageRef
from moorline.core.pinning import read_images, replace_pin
from moorline.errors import StorageFailed, UsageError

__all__ = ["command", "wanted_image"]


@click.command("pin")
@click.argument("environment", metavar="ENV")
@click.argument("service", metavar="SERVICE")
@click.argument("reference", metavar="REF")
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="The file to change. [default: environments/ENV.yaml]",
)
@json_option
@pass_ports
def command(
    ports: Ports, environment: str, service: str, reference: str, path: Path | None
) -> int:
    """Write the digest that REF names now into an environment file, and nothing else.

    REF is an image (ghcr.io/acme/app:main, …@sha256:…), or a tag or a digest of the image that
    the service has. Run it in a clone of the state repo, then commit.

    Exit code: 0 done or nothing to do, 1 error, 2 usage or invalid file.
    """
    path = path or Path(environment_path(environment))
    source = read_plain_file(path)
    old = read_images(source, path=str(path)).get(service, "")
    image = wanted_image(reference, old)
    image = image.pinned(ports.registry(None).resolve(image))
    result = replace_pin(source, service, image, path=str(path))
    if result != source:
        _write(path, result)
    new = read_images(result, path=str(path))[service]
    if wants("json"):
        emit(
            {
                "environment": environment,
                "service": service,
                "file": str(path),
                "old": old or None,
                "new": new,
                "changed": result != source,
            }
        )
    elif result == source:
        say(f"{environment}/{service}: is {new} already")
    else:
        say(f"{environment}/{service}: {old or 'nothing'} -> {new}")
    return 0


def wanted_image(reference: str, present: str) -> ImageRef:
    """What REF means for a service that has the image `present` (may be empty)."""
    bare = reference.removeprefix("@")
    try:
        if bare.startswith("sha256:"):
            return ImageRef.parse(_present_name(present)).pinned(Digest(bare))
        if reference.startswith(":") or not {"/", ":", "@"} & set(reference):
            return ImageRef.parse(f"{_present_name(present)}:{reference.removeprefix(':')}")
        return ImageRef.parse(reference)
    except ValueError as error:
        raise UsageError(f"'{reference}': {error}") from None


def _present_name(present: str) -> str:
    try:
        return ImageRef.parse(present).name
    except ValueError:
        mend = "give the whole image, such as ghcr.io/acme/app:main"
        raise UsageError("the service has no image to take the name from", mend=mend) from None


def _write(path: Path, data: bytes) -> None:
    """Replace the file as a whole, with the permissions that it has."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_bytes(data)
        aside.chmod(stat.S_IMODE(path.stat().st_mode))
        aside.rename(path)
    except OSError as error:
        raise StorageFailed(f"{path}: {error.strerror}", mend="make the folder writable") from None
    finally:
        aside.unlink(missing_ok=True)

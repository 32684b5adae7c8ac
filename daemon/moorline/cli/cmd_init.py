"""`moorline init DIR`."""

import shutil
from pathlib import Path

import click

from moorline.cli.output import say
from moorline.cli.template import template_root
from moorline.errors import StorageFailed, UsageError

__all__ = ["command"]

NEXT = """\
A state repo is in {folder}. Next:

  1. Look through its README.md, and put your team into CODEOWNERS.
  2. In environments/production.yaml write what you run, and pin it:
       moorline pin production web ghcr.io/acme/app:main
  3. moorline validate
  4. git init --initial-branch=main && git add --all && git commit, then push it.
  5. On each host: name the repository in /etc/moorline/agent.toml, and moorline doctor."""


@click.command("init")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def command(folder: Path) -> int:
    """Start a new state repo in DIR, which must be empty or not be there yet.

    Exit code: 0 done, 1 error, 2 DIR is in use.
    """
    try:
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is not a folder", mend="name another one")
        if folder.exists() and any(folder.iterdir()):
            raise UsageError(f"{folder} is not empty", mend="name a new folder, or empty it")
        shutil.copytree(template_root(), folder, dirs_exist_ok=True)
    except shutil.Error as error:
        raise StorageFailed(f"{folder}: {error.args[0][0][2]}", mend="see to the disk") from None
    except OSError as error:
        mend = "name a folder that you can write to"
        raise StorageFailed(f"{folder}: {error.strerror}", mend=mend) from None
    say(NEXT.format(folder=folder))
    return 0

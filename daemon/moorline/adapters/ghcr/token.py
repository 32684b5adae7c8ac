"""Where the token for GitHub's API is kept."""

import os
import stat
from pathlib import Path

from moorline.adapters.credentials import credentials_for
from moorline.errors import AccessDenied

__all__ = ["github_token"]

_LONGEST = 4096


def github_token(
    file: Path | None, *, registry: str, docker_config: Path | None = None
) -> str | None:
    """The token in `file`, else the password that Docker or Podman holds for the registry; None
    where there is neither. Read anew each time: tokens rotate.
    """
    if file is not None:
        return _in_file(file)
    credentials = credentials_for(registry, docker_config=docker_config)
    if credentials is None or credentials.is_identity_token:
        return None
    return credentials.secret


def _in_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_LONGEST)
    except OSError as error:
        raise AccessDenied(f"github.token_file: {path}: {error.strerror}") from error
    if mode & stat.S_IRWXO:
        raise AccessDenied(
            f"github.token_file: {path}: everybody on this host may use it",
            mend=f"run 'chmod o= {path}'",
        )
    return content.decode(errors="replace").strip()

"""Where the files of a new state repo come from."""

from importlib.resources import files
from pathlib import Path

__all__ = ["template_root"]


def template_root() -> Path:
    """Return the folder that `moorline init` copies.

    A wheel carries it inside the package; a checkout, also an editable install of one, has it
    under its own name at the root.
    """
    package = Path(str(files("moorline")))
    packaged = package / "template"
    return packaged if packaged.is_dir() else package.parents[1] / "state-repo-template"

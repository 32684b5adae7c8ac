"""The Compose files that are compared, one per file, named after what they cover.

PIN, PROJECT and FOLDER stand for an image, the project's name and an empty folder on the host. A
file with `x-expected` holds what moorline must make of it by itself, and why no Compose or engine
of the recordings could be asked.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "cases"
RECORDED = Path(__file__).parent / "recorded"
PIN = f"registry.example/app:1@sha256:{'0' * 64}"
VARIABLES = {
    "TOKEN": "t0p-s3cret",
    "VERSION": "1.2.3",
    "EMPTY": "",
    "TRUE": "true",
    "MEMORY": "64m",
    "TWO": "2",
    "INHERITED": "from the host",
}


@dataclass(frozen=True, slots=True)
class Case:
    """One Compose file with its placeholders."""

    name: str
    text: str

    def written(self, *, image: str, project: str, folder: str) -> str:
        """The file with its placeholders replaced."""
        values = (("PIN", image), ("PROJECT", project), ("FOLDER", folder))
        text = self.text
        for placeholder, value in values:
            text = text.replace(placeholder, value)
        return text

    @property
    def data(self) -> dict[str, Any]:
        """The file as Python values, for looking at its keys."""
        data = yaml.safe_load(self.text)
        assert isinstance(data, dict)
        return data

    @property
    def recording(self) -> Path:
        """Where Compose's result is kept."""
        return RECORDED / f"{self.name}.json"


def all_cases() -> list[Case]:
    """Every case, by name."""
    return [Case(path.stem, path.read_text()) for path in sorted(FOLDER.glob("*.yaml"))]


def compared() -> list[Case]:
    """Those that Docker Compose can be asked about."""
    return [case for case in all_cases() if "x-expected:" not in case.text]


def expected() -> list[Case]:
    """Those with an expectation of their own."""
    return [case for case in all_cases() if "x-expected:" in case.text]

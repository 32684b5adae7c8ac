"""What the state repo has on record of its environments, all hosts together."""

from collections.abc import Iterator

from moorline.adapters.staterepo_port import StateRepo
from moorline.agent.load import environment_path
from moorline.core.records import summarise
from moorline.core.versions import Sighting

__all__ = ["environments_in", "sightings"]

RECORDS = 2000
"""So many of an environment's newest records are read."""


def environments_in(repo: StateRepo) -> frozenset[str]:
    """The environments that have a file at the branch's tip; none before the first fetch."""
    tip = repo.tip()
    paths = repo.paths(tip, "environments") if tip else ()
    return frozenset(name for path in paths if environment_path(name := _stem(path)) == path)


def sightings(repo: StateRepo, environment: str) -> Iterator[Sighting]:
    """Its newest records, newest first, each with the history branch that it is on."""
    for entry in repo.history(f"{environment}/", limit=RECORDS):
        if record := summarise(entry.data):
            yield Sighting(branch=entry.branch, record=record)


def _stem(path: str) -> str:
    return path.rpartition("/")[2].rpartition(".")[0]

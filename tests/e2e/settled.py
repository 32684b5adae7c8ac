"""What has to be so after every fault: nothing left half done, and each rollout on record once."""

from collections import Counter
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import yaml

from tests.e2e.stage import SERVICE, Stage, eventually

__all__ = ["rollouts", "settled_well"]


def settled_well(stage: Stage, *commits: str, trouble: str = "") -> None:
    """Wait until nothing is left to do, then look at everything that could be left behind.

    Each of `commits` is on record exactly once. Where the environment is held, `trouble` is part
    of what moorline says about it.
    """
    eventually(lambda: _idle(stage), f"nothing to be left to do\n{stage.daemons[-1].log}")
    eventually(lambda: _says(stage, trouble), f"trouble with {trouble!r}, and no other")
    _each_on_record_once(stage, commits)
    _one_after_the_other(stage)
    _no_orphans(stage)


def rollouts(stage: Stage) -> list[dict[str, object]]:
    """Every rollout's record, in the order in which they began; repairs are none."""
    found = [yaml.safe_load(data) for data in stage.records().values()]
    ours = [each for each in found if each["kind"] == "deployment"]
    return sorted(
        (each for each in ours if each["outcome"] != "repaired"), key=lambda each: str(each["id"])
    )


def _idle(stage: Stage) -> bool:
    journal = stage.state / "journal" / f"{stage.environment}.json"
    outbox = stage.state / "outbox" / stage.environment
    waiting = outbox.exists() and any(outbox.iterdir())
    return not journal.exists() and not waiting


def _says(stage: Stage, trouble: str) -> bool:
    said = str(stage.memory()["trouble"])
    return trouble in said if trouble else said == ""


def _each_on_record_once(stage: Stage, commits: tuple[str, ...]) -> None:
    times = Counter(each["state_commit"] for each in rollouts(stage))
    assert {commit: times[commit] for commit in commits} == dict.fromkeys(commits, 1)
    assert not [commit for commit, found in times.items() if found > 1]


def _one_after_the_other(stage: Stage) -> None:
    spans = [(_time(each, "started"), _time(each, "ended")) for each in rollouts(stage)]
    assert all(started <= ended for started, ended in spans), spans
    if (stage.folder / "clock").exists():
        return  # one that was set back makes the next one begin before the last one ended
    for (_, ended), (started, _) in pairwise(spans):
        assert ended <= started, spans


def _time(record: dict[str, object], key: str) -> datetime:
    return datetime.fromisoformat(str(record[key]))


def _no_orphans(stage: Stage) -> None:
    containers = stage.containers()
    assert {each["State"] for each in containers} <= {"running"}, _seen(stage)
    for each in containers:
        service = each["Labels"][SERVICE]
        assert each["Names"][0].startswith(f"/{stage.environment}-{service}-"), _seen(stage)
        assert each["Names"][0].rpartition("-")[2].isdecimal(), _seen(stage)
    filters = {"label": [f"moorline.environment={stage.environment}"]}
    networks = [each["Name"] for each in stage.api.networks(filters=filters)]
    assert len(networks) <= 1, networks
    # a daemon that is alive writes now and then: what stays is what was left
    eventually(lambda: not _half_done(stage), "no file to be left half written")


def _half_done(stage: Stage) -> list[Path]:
    return [*stage.state.rglob(".*.new"), *stage.state.glob("mirror.git/**/*.lock")]


def _seen(stage: Stage) -> list[tuple[str, str]]:
    return [(each["Names"][0], each["State"]) for each in stage.containers()]

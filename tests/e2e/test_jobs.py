"""Jobs around a change: migrations before it, smoke tests after it."""

import pytest
import yaml

from moorline.core.image import ImageRef
from tests.e2e.settled import settled_well
from tests.e2e.stage import Stage, web
from tests.parts.images import Images

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]


def with_jobs(image: ImageRef, **jobs: list[dict[str, object]]) -> dict[str, object]:
    service = web(image)
    extension = service["x-moorline"]
    assert isinstance(extension, dict)
    return {"web": {**service, "x-moorline": {**extension, "jobs": jobs}}}


def job(script: str, **keys: object) -> dict[str, object]:
    return {"name": "migrate", "command": ["sh", "-c", script], **keys}


def test_a_job_runs_once_before_the_change_and_its_output_is_on_record(
    stage: Stage, images: Images
) -> None:
    stage.start()
    first = stage.deploy({"web": web(images("healthy", "1"))})
    commit = stage.deploy(with_jobs(images("healthy", "2"), before=[job("echo migrated 42")]))
    settled_well(stage, first, commit)
    [ran] = stage.record(commit)["services"]["web"]["jobs"]
    assert (ran["job"], ran["exit_code"]) == ("migrate", 0)
    assert "migrated 42" in yaml.safe_dump(ran)
    verbs = [step["do"] for step in stage.record(commit)["plan"]]
    assert verbs.index("job") < verbs.index("stop")


def test_a_job_that_fails_leaves_the_old_version_as_it_was(stage: Stage, images: Images) -> None:
    stage.start()
    stage.deploy({"web": web(images("healthy", "1"))})
    before = stage.container("web")["Id"]
    services = with_jobs(images("healthy", "2"), before=[job("echo no table >&2; exit 3")])
    bad = stage.push(services)
    stage.wait_deployed(bad, "taken back")
    assert "migrate exited with 3" in stage.record(bad)["sentence"]
    assert "no table" in yaml.safe_dump(stage.record(bad)["services"])
    assert stage.container("web")["Id"] == before
    assert len(stage.rollbacks()) == 1
    settled_well(stage, bad)


def test_a_job_that_takes_too_long_is_stopped_and_fails(stage: Stage, images: Images) -> None:
    stage.start()
    stage.deploy({"web": web(images("healthy", "1"))})
    slow = job("sleep 600", timeout="1s")
    bad = stage.push(with_jobs(images("healthy", "2"), before=[slow]))
    stage.wait_deployed(bad, "taken back")
    settled_well(stage, bad)


def test_a_change_that_cannot_be_undone_is_held_until_a_person_goes_forward(
    stage: Stage, images: Images
) -> None:
    stage.start()
    stage.deploy({"web": web(images("healthy", "1"))})
    migration = job("echo dropped a column", forward_only=True)
    bad = stage.push(with_jobs(images("crash", "2"), before=[migration]))
    stage.wait_deployed(bad, "failed")
    assert "migrate" in stage.record(bad)["sentence"]
    assert stage.rollbacks() == []
    stage.wait_trouble("cannot undo")
    assert images("healthy", "1").pin not in stage.running("web")
    good = stage.deploy({"web": web(images("healthy", "3"))})
    stage.wait_settled("web", images("healthy", "3"))
    settled_well(stage, bad, good)

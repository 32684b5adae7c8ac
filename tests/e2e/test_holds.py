"""Changes that wait for their time, and what is looked after meanwhile."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.e2e.settled import settled_well
from tests.e2e.stage import Stage, eventually, web
from tests.parts.images import Images

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]


def closed_now() -> dict[str, object]:
    """A window of an hour, ten hours from now."""
    opens = datetime.now(tz=UTC) + timedelta(hours=10)
    closes = opens + timedelta(hours=1)
    return {"days": "daily", "from": f"{opens:%H:%M}", "to": f"{closes:%H:%M}", "timezone": "UTC"}


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({"paused": True}, "is paused"), ({"windows": [closed_now()]}, "which opens 20")],
    ids=["paused", "window"],
)
def test_a_change_that_may_not_begin_waits_and_drift_is_repaired(
    stage: Stage, images: Images, settings: dict[str, object], reason: str
) -> None:
    stage.start()
    first = stage.deploy({"web": web(images("healthy", "1"))})
    held = stage.push({"web": web(images("healthy", "2"))}, **{"x-moorline": settings})
    eventually(lambda: reason in stage.daemons[-1].log, "the reason to be told")
    assert reason in stage.moorline("status", stage.environment).stdout
    stage.api.remove_container(stage.container("web")["Id"], force=True)
    stage.wait_settled("web", images("healthy", "1"))
    assert held not in dict(stage.deployments())
    released = stage.deploy({"web": web(images("healthy", "2"))})
    stage.wait_settled("web", images("healthy", "2"))
    settled_well(stage, first, released)


def test_a_host_that_is_to_be_left_alone_is(stage: Stage, images: Images) -> None:
    daemon = stage.start()
    stage.deploy({"web": web(images("healthy", "1"))})
    settings = {"paused": True, "repair": False}
    stage.push({"web": web(images("healthy", "2"))}, **{"x-moorline": settings})
    eventually(lambda: "is paused" in stage.daemons[-1].log, "the reason to be told")
    daemon.stop()
    stage.api.remove_container(stage.container("web")["Id"], force=True)
    assert stage.moorline("apply", stage.environment, "--no-wait").returncode == 4
    assert stage.containers("web") == []
    stage.start()
    stage.deploy({"web": web(images("healthy", "2"))})
    stage.wait_settled("web", images("healthy", "2"))

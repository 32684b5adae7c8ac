"""A canary's share of the requests, counted by who answered."""

from pathlib import Path

from moorline.core.strategy import ALL
from tests.bench.measure import Fact, pause_until
from tests.bench.moving import publish, versions
from tests.bench.seamless import behind_ingress
from tests.e2e.stage import Stage
from tests.parts.images import Images

__all__ = ["canary_shares"]

PORT = 18952
WEIGHTS = (5, 25, 50)
POINTS = 1.0
"""By how many percentage points a share may differ from its weight."""


def canary_shares(stage: Stage, images: Images, requests: int) -> list[Fact]:
    """A daemon stops at each step until it is promoted; meanwhile the requests are counted."""
    old, new = (images("healthy", str(number)) for number in (1, 2))
    stage.deploy({"web": behind_ingress(old, PORT)})
    steps = [{"weight": weight, "pause": True} for weight in WEIGHTS]
    service = behind_ingress(new, PORT, strategy="canary", canary={"steps": steps})
    sha = publish(stage, {"web": service})
    facts = [_measured(stage, weight, requests) for weight in WEIGHTS]
    _promote(stage)
    stage.wait_deployed(sha)
    return facts


def _measured(stage: Stage, weight: int, requests: int) -> Fact:
    if weight != WEIGHTS[0]:
        _promote(stage)
    pause_until(lambda: _share(stage) in {weight * ALL // 100, (100 - weight) * ALL // 100})
    counted = versions(PORT, requests)
    assert sum(counted.get(each, 0) for each in "12") == requests, counted
    share = 100 * counted.get("2", 0) / requests
    return Fact(
        f"canary at {weight} %: its share of {requests:,} requests",
        f"{share:.2f} %",
        f"within {POINTS:g} point",
        met=abs(share - weight) <= POINTS,
    )


def _promote(stage: Stage) -> None:
    done = stage.moorline("promote", stage.environment, "web")
    assert done.returncode == 0, done.stderr


def _share(stage: Stage) -> int:
    """Green's share, as the ingress has it. The canary may be on either track."""
    lines = Path(stage.state, "ingress", "share.map").read_text().splitlines()
    shares = dict(line.split() for line in lines)
    return int(shares.get(f"{stage.environment}:web", -1))

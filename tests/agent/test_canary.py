"""Driving a canary: one look per cycle, a share that is set when it differs, and its end."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from moorline.adapters.ingress_port import TrackStats
from moorline.agent.execution.canary import CanaryDriver, read_progress
from moorline.agent.execution.gate import Gatekeeper, VersionFailed
from moorline.agent.execution.promotion import Promotion
from moorline.agent.report import SilentReporter
from moorline.core.actions import AdvanceCanary
from moorline.core.desired import Desired
from moorline.core.routing import route_for
from moorline.core.strategy import ALL, AbortOn, Canary, CanaryStep, MetricLimit
from moorline.core.traffic import Listener, Track
from moorline.errors import Conflict, IngressUnreachable, Waiting
from tests.core.builders import desired, image, service
from tests.fakes.engine import FakeEngine, Script
from tests.fakes.host import FakeClock
from tests.fakes.ingress import FakeIngress
from tests.fakes.metrics import FakeMetrics
from tests.fakes.notes import FakeNotes
from tests.fakes.prober import FakeProber

POLICY = Canary(
    steps=(
        CanaryStep(share=500, seconds=2.5),
        CanaryStep(share=2500, pause=True),
        CanaryStep(share=5000, seconds=1),
    ),
    abort_on=AbortOn(
        error_rate=0.02, min_requests=50, prometheus=MetricLimit(query="errors", above=10)
    ),
)
WEB = service("web", strategy=POLICY, listeners=(Listener(host_port=80, container_port=3000),))


class Ears(SilentReporter):
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, dict[str, Any]]] = []

    def note(self, event: str, /, **values: Any) -> None:  # noqa: ANN401  (as the base has it)
        self.notes.append((event, values))

    @property
    def events(self) -> list[str]:
        return [event for event, _ in self.notes]


@dataclass
class Stage:
    """A service whose new version runs, on `track`."""

    folder: Path
    track: Track = "green"
    ingress: FakeIngress = field(default_factory=FakeIngress)
    clock: FakeClock = field(default_factory=FakeClock)
    metrics: FakeMetrics = field(default_factory=FakeMetrics)
    notes: FakeNotes = field(default_factory=FakeNotes)
    engine: FakeEngine = field(default_factory=FakeEngine)
    reporter: Ears = field(default_factory=Ears)
    desired: Desired = field(default_factory=lambda: desired(WEB))

    def __post_init__(self) -> None:
        self.engine.images.add(image().pin)
        self.engine.start(self.engine.create_container("prod-web-1", {"Image": str(image())}))
        self.metrics.answer("errors", 1)
        web = self.desired.environment.service("web")
        route = route_for("prod", web)
        assert route
        self.ingress.listen(route, self.track)
        self.ingress.shift("prod", "web", ALL if self.track == "blue" else 0)
        self.ingress.calls.clear()

    @property
    def shares(self) -> list[int]:
        """Every share that was set."""
        shifts = (each.split() for each in self.ingress.calls if each.startswith("shift"))
        return [int(share) for _, _, share in shifts]

    def count(self, *, requests: int, errors: int = 0) -> None:
        """What the new version did so far."""
        stats = TrackStats(requests=requests, errors=errors)
        self.ingress.count("prod", "web", self.track, stats)

    def look(self, service: str = "web") -> None:
        """One look, as one cycle takes it."""
        gatekeeper = Gatekeeper(
            self.engine,
            FakeProber(),
            self.clock,
            desired=self.desired,
            targets={("web", 1): "prod-web-1", ("db", 1): "prod-db-1"},
            check=lambda: None,
        )
        driver = CanaryDriver(
            ingress=self.ingress,
            metrics=self.metrics,
            clock=self.clock,
            reporter=self.reporter,
            state_dir=self.folder,
            desired=self.desired,
            gatekeeper=gatekeeper,
            notes=self.notes,
        )
        shares = tuple(each.share for each in POLICY.steps)
        driver.advance(AdvanceCanary(service=service, track=self.track, shares=shares, why=""))

    def looks(self) -> Iterator[str]:
        """Look every second until it is over; gives what it waits for."""
        while True:
            try:
                self.look()
            except Waiting as waiting:
                yield waiting.message
                self.clock.wait(waiting.seconds)
            else:
                return

    def wait(self, looks: int) -> Waiting:
        """Look that often; gives the last wait."""
        waiting = Waiting("", seconds=0)
        for _ in range(looks):
            with pytest.raises(Waiting) as caught:
                self.look()
            waiting = caught.value
            self.clock.wait(waiting.seconds)
        return waiting

    def promote(self, step: int) -> None:
        Promotion(self.folder, "prod", "web").write(self.notes.deployment, step)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_canary_waits_through_its_steps(stage: Stage) -> None:
    stage.promote(1)
    words = list(stage.looks())
    assert words == [
        *["prod: the canary of web is at 5 %, step 1 of 3, for 2.5 s"] * 3,
        "prod: the canary of web is at 25 %, step 2 of 3, waits to be promoted",
        "prod: the canary of web is at 50 %, step 3 of 3, for 1 s",
    ]
    assert stage.shares == [500, 2500, 5000]
    stage.look()
    assert stage.shares == [500, 2500, 5000]


@pytest.mark.parametrize(("track", "shares"), [("green", [500, 2500]), ("blue", [9500, 7500])])
def test_the_share_is_that_of_the_new_versions_track(
    tmp_path: Path, track: Track, shares: list[int]
) -> None:
    stage = Stage(tmp_path, track)
    stage.wait(4)
    assert stage.shares == shares


def test_it_looks_again_within_a_second_and_sooner_where_a_step_ends(stage: Stage) -> None:
    assert [stage.wait(1).seconds for _ in range(3)] == [1.0, 1.0, 0.5]


def test_a_pause_says_what_it_waits_for(stage: Stage) -> None:
    waiting = stage.wait(5)
    assert str(waiting) == (
        "prod: the canary of web is at 25 %, step 2 of 3, waits to be promoted; "
        "moorline promote prod web"
    )
    assert waiting.seconds == 1


def test_a_promotion_counts_for_its_deployment_and_step_only(stage: Stage) -> None:
    Promotion(stage.folder, "prod", "web").write("another", 1)
    stage.wait(6)
    stage.promote(0)
    stage.wait(2)
    assert stage.shares[-1] == 2500
    stage.promote(1)
    stage.wait(1)
    assert stage.shares[-1] == 5000


def test_a_share_that_was_lost_is_set_again(stage: Stage) -> None:
    stage.wait(1)
    stage.ingress.shift("prod", "web", 0)
    stage.wait(1)
    assert stage.shares == [500, 0, 500]


def test_a_bad_version_loses_its_traffic_at_once(stage: Stage) -> None:
    stage.wait(1)
    stage.count(requests=100, errors=10)
    with pytest.raises(VersionFailed, match=r"web: canary: 10 % of 100 requests failed, 2 % may"):
        stage.look()
    assert stage.shares == [500, 0]
    progress = read_progress(stage.notes.canary("web"))
    assert progress
    assert [(each.ended, each.requests) for each in progress.steps] == [("aborted", 100)]


def test_an_abort_that_did_not_get_through_is_made_again(stage: Stage) -> None:
    stage.wait(1)
    stage.count(requests=100, errors=10)
    stage.ingress.answers = False
    with pytest.raises(IngressUnreachable):
        stage.look()
    stage.ingress.answers = True
    with pytest.raises(VersionFailed):
        stage.look()
    assert stage.shares == [500, 0]


def test_counters_from_before_the_canary_do_not_count(stage: Stage) -> None:
    stage.count(requests=100, errors=100)
    assert stage.wait(2)


@pytest.mark.parametrize(
    ("script", "policy", "reason"),
    [
        (Script(behaviour="unhealthy"), {}, "web: unhealthy: fake: unhealthy"),
        (
            Script(behaviour="exits"),
            {"RestartPolicy": {"Name": "always"}},
            "web: crash loop: restarted 3 times",
        ),
    ],
)
def test_containers_that_are_unwell_lose_their_traffic(
    stage: Stage, script: Script, policy: dict[str, Any], reason: str
) -> None:
    stage.wait(1)
    stage.engine.remove("prod-web-1")
    stage.engine.scripts[image().pin] = script
    body = {"Image": str(image()), "HostConfig": policy}
    stage.engine.start(stage.engine.create_container("prod-web-1", body))
    for _ in range(2):
        stage.engine.inspect("prod-web-1")
    with pytest.raises(VersionFailed) as caught:
        stage.look()
    assert str(caught.value) == reason
    assert stage.shares == [500, 0]


def test_a_query_above_its_limit_ends_it(stage: Stage) -> None:
    stage.wait(1)
    stage.metrics.answer("errors", 11)
    with pytest.raises(VersionFailed, match="its Prometheus query gives 11, above 10"):
        stage.look()


def test_a_query_without_an_answer_is_told_once_and_no_verdict(stage: Stage) -> None:
    stage.metrics.fail("errors", "connection refused")
    stage.wait(4)
    assert stage.reporter.events.count("canary without its query") == 1
    progress = read_progress(stage.notes.canary("web"))
    assert progress
    assert [each.trouble for each in progress.steps] == ["connection refused"]


def test_without_a_query_nobody_is_asked(stage: Stage) -> None:
    plain = Canary(steps=POLICY.steps)
    stage.desired = desired(service("web", strategy=plain))
    stage.wait(1)
    assert stage.metrics.asked == []


def test_each_step_is_told_when_it_begins_and_ends(stage: Stage) -> None:
    stage.promote(1)
    list(stage.looks())
    begins, ends = "canary step begins", "canary step ended"
    assert stage.reporter.events == [begins, ends, begins, ends, begins, ends]


def test_a_service_that_has_no_canary_is_no_step(stage: Stage) -> None:
    stage.desired = desired(service("web"))
    for name in ("web", "gone"):
        with pytest.raises(Conflict):
            stage.look(name)


def test_a_container_that_went_away_is_no_verdict(stage: Stage) -> None:
    stage.engine.remove("prod-web-1")
    with pytest.raises(Conflict):
        stage.look()

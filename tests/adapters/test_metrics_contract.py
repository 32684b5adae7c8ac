"""What every metrics server owes the agent: the fake and the real one alike."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import pytest

from moorline.adapters.metrics_port import Measurement, Metrics
from moorline.adapters.prometheus import Prometheus
from tests.fakes.metrics import FakeMetrics
from tests.parts.stub_http import Reply, Request, serving

NO_DATA = Measurement(trouble="prometheus: the query has no data")


@dataclass(frozen=True)
class World:
    """A metrics server, and what its series are: `sample("up", 1, 0)`."""

    metrics: Metrics
    sample: Callable[..., None]


@pytest.fixture(params=["fake", "real"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "fake":
        fake = FakeMetrics()
        yield World(fake, fake.answer)
        return
    series: dict[str, tuple[float, ...]] = {}

    def respond(asked: Request) -> Reply:
        query = parse_qs(urlsplit(asked.path).query)["query"][0]
        return vector(*series.get(query, ()))

    with serving(respond) as stub:
        prometheus = Prometheus(f"http://{stub.address}")
        yield World(prometheus, lambda query, *values: series.update({query: values}))
        prometheus.close()


def vector(*values: float | str) -> Reply:
    result = [{"metric": {}, "value": [1700000000.5, str(each)]} for each in values]
    return answer({"resultType": "vector", "result": result})


def answer(data: object, status: int = 200, **more: object) -> Reply:
    body = {"status": "success" if status == 200 else "error", "data": data, **more}
    return Reply(status, json.dumps(body).encode())


# --- both ---------------------------------------------------------------------------------------


def test_a_query_gives_a_number(world: World) -> None:
    world.sample('rate(errors{job="web"}[1m])', 0.25)
    assert world.metrics.query('rate(errors{job="web"}[1m])') == Measurement(value=0.25)


def test_of_several_series_the_largest_counts(world: World) -> None:
    world.sample("up", 0.0, 2.0, 1.0)
    assert world.metrics.query("up") == Measurement(value=2)


def test_a_query_without_data_gives_no_number(world: World) -> None:
    assert world.metrics.query("nothing") == NO_DATA


# --- Prometheus' own ways -----------------------------------------------------------------------


def asked_of(reply: Reply | None, *, timeout: float = 2.0) -> Measurement:
    with serving(lambda _request: reply) as stub:
        prometheus = Prometheus(f"http://{stub.address}/prometheus/", timeout=timeout)
        try:
            return prometheus.query("up")
        finally:
            prometheus.close()


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (answer({"resultType": "scalar", "result": [1700000000, "3.5"]}), Measurement(value=3.5)),
        (vector("+Inf"), Measurement(value=float("inf"))),
        (vector("NaN"), NO_DATA),
        (vector("NaN", 1), Measurement(value=1)),
        (answer({"resultType": "vector", "result": [{"metric": {}}, 7]}), NO_DATA),
        (answer({"resultType": "vector", "result": [{"value": [0, "many"]}]}), NO_DATA),
        (answer({"resultType": "matrix", "result": [{"values": [[0, "1"]]}]}), NO_DATA),
        (
            answer(None, 400, error="1:4: parse error:\n unexpected end"),
            Measurement(trouble="prometheus: 1:4: parse error: unexpected end"),
        ),
        (answer(None), Measurement(trouble="prometheus: status success")),
    ],
)
def test_an_answer_is_a_number_or_a_reason(reply: Reply, expected: Measurement) -> None:
    assert asked_of(reply) == expected


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(502, b"<html>bad gateway</html>"), "JSON is malformed"),
        (Reply(200, b"[]"), "Expected `object`"),
        (Reply(200, [b"x" * 65536] * 20), "longer than 1 MiB"),
        (None, "disconnected"),
    ],
)
def test_a_server_that_answers_something_else_gives_no_number(
    reply: Reply | None, words: str
) -> None:
    measured = asked_of(reply)
    assert measured.value is None
    assert words in measured.trouble
    assert len(measured.trouble) < 250


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://", "http://[::"])
def test_a_server_that_is_not_there_gives_no_number(url: str) -> None:
    prometheus = Prometheus(url, timeout=0.5)
    assert prometheus.query("up").trouble.startswith("prometheus: ")
    prometheus.close()


def test_a_query_is_bounded_in_time_on_both_ends() -> None:
    with serving(lambda _request: vector(1)) as stub:
        prometheus = Prometheus(f"http://{stub.address}", timeout=1.5)
        prometheus.query("a & b")
        prometheus.close()
    [request] = stub.asked("/api/v1/query")
    assert parse_qs(urlsplit(request.path).query) == {"query": ["a & b"], "timeout": ["1.5s"]}


def test_a_query_may_follow_a_close() -> None:
    with serving(lambda _request: vector(1)) as stub:
        prometheus = Prometheus(f"http://{stub.address}")
        for _ in range(2):
            assert prometheus.query("up") == Measurement(value=1)
            prometheus.close()

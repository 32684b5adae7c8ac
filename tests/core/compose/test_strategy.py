import pytest

from moorline.core.strategy import (
    AbortOn,
    BlueGreen,
    Canary,
    CanaryStep,
    MetricLimit,
    Recreate,
    Rolling,
    Strategy,
)
from tests.core.compose.loading import service, service_problems

PORTS = "ports: ['80:80']\n"


def strategy(extension: str) -> Strategy:
    return service(f"{PORTS}x-moorline: {{{extension}}}").strategy


def strategy_problems(extension: str) -> list[str]:
    found = service_problems(f"{PORTS}x-moorline: {{{extension}}}")
    return [each.removeprefix("x-moorline.") for each in found]


def canary(text: str) -> Canary:
    found = strategy(f"strategy: canary, ingress: {{mode: http}}, canary: {{{text}}}")
    assert isinstance(found, Canary)
    return found


def canary_problems(text: str) -> list[str]:
    found = strategy_problems(f"strategy: canary, canary: {{{text}}}")
    return [each.removeprefix("canary.") for each in found]


@pytest.mark.parametrize(
    ("extension", "expected"),
    [
        ("", Recreate()),
        ("strategy: recreate", Recreate()),
        ("strategy: rolling", Rolling()),
        ("strategy: rolling, rolling: {}", Rolling(max_unavailable=0, max_surge=1)),
        (
            "strategy: rolling, rolling: {max_unavailable: 1, max_surge: 0}",
            Rolling(max_unavailable=1, max_surge=0),
        ),
        ("strategy: blue-green", BlueGreen()),
    ],
)
def test_a_strategy_is_named(extension: str, expected: Strategy) -> None:
    assert strategy(extension) == expected


def test_a_canary_has_steps() -> None:
    found = canary(
        "steps: [{weight: 5, for: 2m}, {weight: 12.5%, for: 1h}, {weight: 50, pause: true}]"
    )
    assert found == Canary(
        steps=(
            CanaryStep(share=500, seconds=120.0),
            CanaryStep(share=1250, seconds=3600.0),
            CanaryStep(share=5000, pause=True),
        )
    )


@pytest.mark.parametrize(
    ("weight", "share"),
    [("1", 100), ("0.01%", 1), ("99.99", 9999), ("'25'", 2500), ("5 %", 500), ("2.50", 250)],
)
def test_a_weight_is_a_percentage(weight: str, share: int) -> None:
    assert canary(f"steps: [{{weight: {weight}, for: 1m}}]").steps[0].share == share


def test_a_canary_says_when_it_is_taken_back() -> None:
    found = canary(
        "steps: [{weight: 5, for: 2m, pause: false}], abort_on: {error_rate: 2%, p95: 800ms, "
        "min_requests: 20, prometheus: {query: 'sum(up)', above: 1.5}}"
    )
    assert found.abort_on == AbortOn(
        error_rate=0.02,
        p95=0.8,
        min_requests=20,
        prometheus=MetricLimit(query="sum(up)", above=1.5),
    )


def test_what_is_not_said_is_not_looked_at() -> None:
    found = canary("steps: [{weight: 5, for: 2m}], abort_on: {error_rate: 0}")
    assert found.abort_on == AbortOn(error_rate=0.0)


A_DURATION = "must be a duration such as 10s, 1m30s or 500ms"
A_PERCENTAGE = "must be a percentage such as 5 or 2.5%"
IN_BETWEEN = "must be above 0 and below 100: all of the traffic is what comes after"


@pytest.mark.parametrize(
    ("extension", "expected"),
    [
        (
            "rolling: {max_surge: 1}",
            ["rolling: has no meaning with the strategy recreate"],
        ),
        (
            "strategy: blue-green, canary: {steps: [{weight: 5, for: 2m}]}",
            ["canary: has no meaning with the strategy blue-green"],
        ),
        (
            "strategy: rolling, rolling: {max_surge: 0}",
            ["rolling: nothing could ever be replaced: one of the two must be 1 or more"],
        ),
        (
            "strategy: rolling, rolling: {max_surge: -1, max_unavailable: 25%}",
            [
                "rolling.max_surge: must be a whole number, 0 to 1000",
                "rolling.max_unavailable: must be a whole number, 0 to 1000",
                "rolling: nothing could ever be replaced: one of the two must be 1 or more",
            ],
        ),
        (
            "strategy: rolling, rolling: {max_unavailable: 2}",
            ["rolling.max_unavailable: is more than there are replicas, 1"],
        ),
        (
            "strategy: rolling, rolling: {max_surg: 1}",
            ["rolling.max_surg: not an x-moorline key; did you mean 'max_surge'?"],
        ),
        ("strategy: rolling, rolling: 1", ["rolling: must be a mapping"]),
        (
            "strategy: canary",
            [
                (
                    "strategy: canary needs its steps: write canary: "
                    "{steps: [{weight: 5, for: 2m}]} beside"
                )
            ],
        ),
        ("strategy: canary, canary: {}", ["canary: 'steps' is missing"]),
        ("strategy: [canary]", ["strategy: must be a string"]),
        (
            "strategy: canari, canary: {}",
            [
                (
                    "strategy: must be one of recreate, rolling, blue-green, canary; "
                    "did you mean 'canary'?"
                )
            ],
        ),
    ],
)
def test_what_a_strategy_cannot_be_is_told(extension: str, expected: list[str]) -> None:
    assert sorted(strategy_problems(extension)) == sorted(expected)


def test_as_many_replicas_as_there_are_may_be_missing() -> None:
    keys = "x-moorline: {strategy: rolling, rolling: {max_unavailable: 2}}"
    assert service(f"scale: 2\n{keys}").strategy == Rolling(max_unavailable=2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("steps: []", ["steps: must be 1 to 100 steps"]),
        ("steps: 5", ["steps: must be a list"]),
        ("steps: [5]", ["steps[0]: must be a mapping"]),
        (
            f"steps: [{', '.join(['{weight: 5, for: 1s}'] * 101)}]",
            ["steps: must be 1 to 100 steps"],
        ),
        ("steps: [{for: 2m}]", ["steps[0]: 'weight' is missing"]),
        (
            "steps: [{weight: 5}]",
            ["steps[0]: 'for' is missing: say how long the step lasts, or pause: true"],
        ),
        (
            "steps: [{weight: 5, pause: false}]",
            ["steps[0]: 'for' is missing: say how long the step lasts, or pause: true"],
        ),
        (
            "steps: [{weight: 5, for: 2m, pause: true}]",
            [
                (
                    "steps[0].for: cannot be beside pause: true, which lasts until a person "
                    "promotes it"
                )
            ],
        ),
        ("steps: [{weight: 5, for: 0s}]", ["steps[0].for: must be more than 0"]),
        ("steps: [{weight: 5, for: soon}]", [f"steps[0].for: {A_DURATION}"]),
        ("steps: [{weight: 0, for: 1m}]", [f"steps[0].weight: {IN_BETWEEN}"]),
        ("steps: [{weight: 100, for: 1m}]", [f"steps[0].weight: {IN_BETWEEN}"]),
        ("steps: [{weight: -5, for: 1m}]", [f"steps[0].weight: {A_PERCENTAGE}"]),
        ("steps: [{weight: [5], for: 1m}]", [f"steps[0].weight: {A_PERCENTAGE}"]),
        ("steps: [{weight: 1e1, for: 1m}]", [f"steps[0].weight: {A_PERCENTAGE}"]),
        ("steps: [{weight: ٣, for: 1m}]", [f"steps[0].weight: {A_PERCENTAGE}"]),
        (
            "steps: [{weight: 1.001, for: 1m}]",
            ["steps[0].weight: must have two digits after the point at most"],
        ),
        (
            "steps: [{weight: 0.05, for: 1m}]",
            ["steps[0].weight: could be 0.05% or 5%: write the sign"],
        ),
        (
            "steps: [{weight: 25, for: 1m}, {weight: 25, for: 1m}]",
            ["steps[1]: the weight must be more than that of the step before"],
        ),
        (
            "steps: [{weight: 5, for: 1m}], abort_on: {error_rate: 100%}",
            ["abort_on.error_rate: must be below 100"],
        ),
        (
            "steps: [{weight: 5, for: 1m}], abort_on: {error_rate: many}",
            [f"abort_on.error_rate: {A_PERCENTAGE}"],
        ),
        (
            "steps: [{weight: 5, for: 1m}], abort_on: {min_requests: 0}",
            ["abort_on.min_requests: must be a whole number, 1 to 1000000000"],
        ),
        (
            "steps: [{weight: 5, for: 1m}], abort_on: {p95: 0}",
            ["abort_on.p95: must be a string; put it in quotes"],
        ),
        (
            "steps: [{weight: 5, for: 1m}], abort_on: {p95: 1s}",
            ["abort_on.p95: needs ingress: {mode: http}: a connection has no answer to time"],
        ),
        (
            "steps: [{weight: 5, for: 1m}], abort_on: {prometheus: {query: ''}}",
            [
                "abort_on.prometheus: 'above' is missing",
                "abort_on.prometheus.query: must not be empty",
            ],
        ),
        (
            "steps: [{weight: 5, for: 1m}], abort_on: {prometheus: {query: up, above: x}}",
            ["abort_on.prometheus.above: must be a number"],
        ),
    ],
)
def test_what_a_canary_cannot_be_is_told(text: str, expected: list[str]) -> None:
    assert canary_problems(text) == expected

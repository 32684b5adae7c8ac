"""`strategy`, `rolling` and `canary`: how a new version takes the place of the old one."""

import re
from collections.abc import Mapping
from decimal import Decimal

from moorline.core.compose.own import own_fields
from moorline.core.compose.reader import Value, optional
from moorline.core.compose.scalars import boolean, choice, filled, number, positive, whole
from moorline.core.compose.yamltree import ScalarNode
from moorline.core.strategy import (
    ALL,
    AbortOn,
    BlueGreen,
    Canary,
    CanaryStep,
    MetricLimit,
    Recreate,
    Rolling,
    Strategy,
)

__all__ = [
    "ABORT_KEYS",
    "CANARY_KEYS",
    "METRIC_KEYS",
    "ROLLING_KEYS",
    "STEP_KEYS",
    "STRATEGIES",
    "strategy",
]

STRATEGIES = (Recreate.name, Rolling.name, BlueGreen.name, Canary.name)
ROLLING_KEYS = {
    "max_unavailable": "how many of the replicas may be missing at a time; 0 by default",
    "max_surge": "how many containers there may be beyond the replicas; 1 by default",
}
CANARY_KEYS = {
    "steps": "shares of the traffic that the new version gets, one after the other, before all",
    "abort_on": "what takes it back, beside a container that fails",
}
STEP_KEYS = {
    "weight": "share of the traffic, such as 5 or 2.5%; more with every step",
    "for": "how long the step lasts; needed, unless it pauses",
    "pause": "true: until a person says moorline promote; false by default",
}
ABORT_KEYS = {
    "error_rate": "share of its requests that may fail, such as 2%",
    "p95": "time within which 95 % of its requests must be answered, such as 800ms; HTTP only",
    "min_requests": "requests below which neither of the two is judged; 50 by default",
    "prometheus": "a query to Prometheus, and the result that is too much",
}
METRIC_KEYS = {"query": "PromQL that gives one number", "above": "it is too much above this"}

_PERCENTAGE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?) ?(%?)", re.ASCII)
_MAX_CONTAINERS = 1000
_MAX_REQUESTS = 10**9
_MAX_STEPS = 100
_HUNDRED = 100


def strategy(found: Mapping[str, Value]) -> Strategy:
    """Read the three keys out of those of one service."""
    name = optional(found, "strategy", choice(*STRATEGIES), default=Recreate.name)
    for other in (Rolling.name, Canary.name):
        if other in found and name in STRATEGIES and name != other:
            found[other].fail_key(f"has no meaning with the strategy {name}")
    if name == Rolling.name:
        return _rolling(found.get(Rolling.name))
    if name == Canary.name:
        return _canary(found.get(Canary.name), found["strategy"])
    return BlueGreen() if name == BlueGreen.name else Recreate()


def _rolling(value: Value | None) -> Rolling:
    if value is None:
        return Rolling()
    found = own_fields(value, ROLLING_KEYS)
    read = whole(0, _MAX_CONTAINERS)
    result = Rolling(
        max_unavailable=optional(found, "max_unavailable", read, default=0),
        max_surge=optional(found, "max_surge", read, default=1),
    )
    if not result.max_unavailable + result.max_surge:
        value.fail("nothing could ever be replaced: one of the two must be 1 or more")
    return result


def _canary(value: Value | None, place: Value) -> Canary:
    if value is None:
        place.fail("canary needs its steps: write canary: {steps: [{weight: 5, for: 2m}]} beside")
        return Canary(steps=())
    found = own_fields(value, CANARY_KEYS, required=("steps",))
    return Canary(
        steps=optional(found, "steps", _steps, default=()),
        abort_on=optional(found, "abort_on", _abort_on, default=AbortOn()),
    )


def _steps(value: Value) -> tuple[CanaryStep, ...]:
    items = value.items()
    if value.is_sequence and not 0 < len(items) <= _MAX_STEPS:
        value.fail(f"must be 1 to {_MAX_STEPS} steps")
        return ()
    steps: list[CanaryStep] = []
    for item in items:
        step = _step(item)
        if steps and 0 < step.share <= steps[-1].share:
            item.fail("the weight must be more than that of the step before")
        steps.append(step)
    return tuple(steps)


def _step(value: Value) -> CanaryStep:
    found = own_fields(value, STEP_KEYS, required=("weight",))
    pause = optional(found, "pause", boolean, default=False)
    if pause and "for" in found:
        found["for"].fail("cannot be beside pause: true, which lasts until a person promotes it")
    if value.is_mapping and not pause and "for" not in found:
        value.fail("'for' is missing: say how long the step lasts, or pause: true")
    return CanaryStep(
        share=optional(found, "weight", _weight, default=0),
        seconds=0.0 if pause else optional(found, "for", positive, default=0.0),
        pause=pause,
    )


def _weight(value: Value) -> int:
    found = _percentage(value)
    if found is None:
        return 0
    share = found * ALL / _HUNDRED
    if not 0 < share < ALL:
        value.fail("must be above 0 and below 100: all of the traffic is what comes after")
        return 0
    if share != int(share):
        value.fail("must have two digits after the point at most")
    return int(share)


def _abort_on(value: Value) -> AbortOn:
    found = own_fields(value, ABORT_KEYS)
    return AbortOn(
        error_rate=optional(found, "error_rate", _rate, default=None),
        p95=optional(found, "p95", positive, default=None),
        min_requests=optional(found, "min_requests", whole(1, _MAX_REQUESTS), default=50),
        prometheus=optional(found, "prometheus", _metric, default=None),
    )


def _rate(value: Value) -> float | None:
    found = _percentage(value)
    if found is not None and found >= _HUNDRED:
        value.fail("must be below 100")
    return None if found is None else float(found / _HUNDRED)


def _percentage(value: Value) -> Decimal | None:
    """`5`, `5%` or `2.5%`; None after a problem."""
    node = value.node
    written = node.text if isinstance(node, ScalarNode) else ""
    found = _PERCENTAGE.fullmatch(written)
    if found is None:
        value.fail("must be a percentage such as 5 or 2.5%")
        return None
    amount = Decimal(found[1])
    if 0 < amount < 1 and not found[2]:
        share = (amount * _HUNDRED).normalize()
        value.fail(f"could be {written}% or {share:f}%: write the sign")
        return None
    return amount


def _metric(value: Value) -> MetricLimit:
    found = own_fields(value, METRIC_KEYS, required=("query", "above"))
    return MetricLimit(
        query=optional(found, "query", filled, default=""),
        above=float(optional(found, "above", number, default=Decimal(0))),
    )

"""What hands changed on a running container, told from what the engine fills in."""

import pytest

from moorline.core.drift import altered

MEGABYTE = 1024 * 1024
ENGINE_DEFAULTS = {
    "CpuShares": 0,
    "NanoCpus": 0,
    "Memory": 0,
    "MemorySwap": 0,
    "CpusetCpus": "",
    "PidsLimit": None,
    "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
    "Privileged": False,
}


@pytest.mark.parametrize(
    ("declared", "actual"),
    [
        ({}, {}),
        ({}, ENGINE_DEFAULTS),
        ({"PidsLimit": -1}, {"PidsLimit": 0}),
        ({"PidsLimit": 0}, {"PidsLimit": None}),
        ({"Memory": MEGABYTE}, {"Memory": MEGABYTE, "MemorySwap": 2 * MEGABYTE}),
        (
            {"Memory": MEGABYTE, "MemorySwap": -1},
            {"Memory": MEGABYTE, "MemorySwap": -1},
        ),
        ({"RestartPolicy": {"Name": ""}}, {"RestartPolicy": {"Name": "no"}}),
        (
            {"RestartPolicy": {"Name": "always"}},
            {"RestartPolicy": {"Name": "always", "MaximumRetryCount": 0}},
        ),
        ({"RestartPolicy": None}, {"RestartPolicy": {"Name": "no"}}),
        ({"Privileged": True}, {"Privileged": False}),
    ],
)
def test_what_the_engine_filled_in_is_no_change(
    declared: dict[str, object], actual: dict[str, object]
) -> None:
    assert altered(declared, actual) == ()


@pytest.mark.parametrize(
    ("declared", "actual", "names"),
    [
        ({}, {"NanoCpus": 5}, ("NanoCpus",)),
        ({"CpuShares": 512}, ENGINE_DEFAULTS, ("CpuShares",)),
        ({"CpusetCpus": "0"}, {"CpusetCpus": "0-1"}, ("CpusetCpus",)),
        ({}, {"PidsLimit": 9}, ("PidsLimit",)),
        ({}, {"Memory": MEGABYTE, "MemorySwap": -1}, ("Memory", "MemorySwap")),
        (
            {"Memory": MEGABYTE},
            {"Memory": MEGABYTE, "MemorySwap": -1},
            ("MemorySwap",),
        ),
        ({"RestartPolicy": {"Name": "always"}}, ENGINE_DEFAULTS, ("RestartPolicy",)),
        (
            {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}},
            {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": None}},
            ("RestartPolicy",),
        ),
    ],
)
def test_what_hands_changed_is_named(
    declared: dict[str, object], actual: dict[str, object], names: tuple[str, ...]
) -> None:
    assert altered(declared, actual) == names

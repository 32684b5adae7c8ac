"""Files that were made to hurt: each is refused, with a place, long before it can."""

import random

import pytest

from tests.core.compose.loading import DIGEST, found

IMAGE = f"a/b@{DIGEST}"


def bomb(width: int, depth: int) -> str:
    """Aliases of aliases: a few lines that stand for `width ** depth` values."""
    first = f"a0: &a0 [{', '.join('x' * width)}]"
    others = (
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * width)}]"
        for level in range(1, depth)
    )
    return "\n".join((first, *others))


def repeated(line: str, times: int) -> str:
    return "".join(line.replace("#", str(number)) for number in range(times))


def services(each: str, times: int) -> str:
    return "services:\n" + repeated(f"  s#: {each}\n", times)


def web(keys: str) -> str:
    return f"services: {{web: {{image: {IMAGE}, {keys}}}}}"


NOISE = random.Random(4711)

HOSTILE: dict[str, str | bytes] = {
    "an alias bomb": bomb(9, 10),
    "a wide alias bomb": bomb(200, 3),
    "a merge bomb": "x: &x {"
    + repeated("k#: 1, ", 10_000)
    + "}\nservices:\n"
    + repeated("  s#: {<<: *x}\n", 1000),
    "ten thousand brackets": "[" * 10_000,
    "a megabyte of brackets": "[" * 2**20,
    "ten thousand braces": "{a: " * 10_000,
    "indentation without end": "\n".join(" " * level + "a:" for level in range(1000)),
    "question marks": "? " * 300_000,
    "dashes": "- " * 500_000,
    "a megabyte of one letter": "x" * 2**20,
    "a megabyte of noise": NOISE.randbytes(2**20),
    "a megabyte of printable noise": bytes(NOISE.choices(range(33, 127), k=2**20)),
    "more than a megabyte": "#" * (2**20 + 1),
    "one key a hundred thousand times": "a: b\n" * 150_000,
    "one service a hundred thousand times": "services:\n" + "  a: {}\n" * 100_000,
    "a list of two hundred thousand": "- x\n" * 200_000,
    "twenty thousand unknown keys": repeated("unknown-key-#: 1\n", 20_000),
    "ten thousand services": services(f"{{image: {IMAGE}}}", 10_000),
    "five thousand services": services(f"{{image: {IMAGE}}}", 5_000),
    "a ring of services": services(f"{{image: {IMAGE}, depends_on: [s0]}}", 500),
    "twenty thousand anchors": repeated("a#: &a# x\n", 20_000)
    + "b: ["
    + repeated("*a#, ", 20_000),
    "a recursive alias": "a: &a [*a]",
    "a number of sixty thousand digits": web("scale: " + "9" * 60_000),
    "a fraction of sixty thousand digits": web("cpus: 0." + "9" * 60_000),
    "a size of sixty thousand digits": web("mem_limit: " + "9" * 60_000 + "g"),
    "a duration of thirty thousand parts": web("stop_grace_period: " + "1s" * 30_000),
    "a duration that overflows": web("stop_grace_period: " + "9" * 60 + "h"),
    "all ports, often": web("ports: [" + ", ".join(["1-65535"] * 10_000) + "]"),
    "variables without end": "a: " + "${A" * 20_000,
    "variables in variables": "a: " + "${X:-" * 5000 + "}" * 5000,
    "a command of quotes": web("command: \"'" + "a'" * 30_000 + '"'),
    "a huge tag": "a: !" + "t" * 2**19 + " x",
    "a huge anchor": "a: *" + "t" * 2**19,
    "a python object": "!!python/object/apply:os.system ['true']",
    "a reset tag": "services: !reset null",
    "NUL bytes": b"\0" * 2**20,
    "UTF-16": "services: {}".encode("utf-16"),
    "half a character": b"a: \xc3",
    "a lone surrogate": 'a: "\\uD800"',
    "a bell": "a: \x07",
    "two documents": "services: {}\n---\nservices: {}\n",
    "a scalar": "services",
    "tabs": "\t" * 2**20,
    "percent signs": "%" * 2**20,
    "exclamation marks": "!" * 2**20,
    "windows nowhere": "x-moorline: {windows: ["
    + repeated("{from: 01:00, to: 02:00, timezone: Europe/Berlin#}, ", 20)
    + "]}",
    "windows without end": "x-moorline: {windows: [" + "{}, " * 10_000 + "]}",
    "steps without end": web(
        "x-moorline: {strategy: canary, canary: {steps: ["
        + "{weight: 5, for: 1s}, " * 6_000
        + "]}}"
    ),
    "a weight of sixty thousand digits": web(
        f"x-moorline: {{strategy: canary, canary: {{steps: [{{weight: {'9' * 60_000}}}]}}}}"
    ),
    "certificates for no port": web(
        "ports: ['1-20000:1-20000'], x-moorline: {strategy: blue-green, ingress: {tls: {"
        + repeated("'3#': a, ", 10_000)
        + "}}}"
    ),
    "volumes that are not there, shared": web(
        "volumes: ["
        + repeated("'/s#:/t#', ", 10_000)
        + "], x-moorline: {shared_volumes: ["
        + repeated("/u#, ", 10_000)
        + "]}"
    ),
    "jobs without end": web(
        "environment: {"
        + repeated("K#: v, ", 10_000)
        + "}, x-moorline: {jobs: {before: ["
        + repeated("{name: j#, command: a, environment: {A: b}}, ", 20)
        + "], after: ["
        + repeated("{name: j#, command: a}, ", 21)
        + "]}}"
    ),
    "a crowd beside each other": services(
        f"{{image: {IMAGE}, ports: ['#0:1'], volumes: [/a:/a, /b:/b], depends_on: [s0, s1], "
        "x-moorline: {strategy: blue-green}}",
        500,
    ),
    "a block without end": "a: |\n" + " x\n" * 300_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_with_a_place(name: str) -> None:
    source = HOSTILE[name]
    data = source.encode() if isinstance(source, str) else source
    listed = found(data, variables={"A": "v" * 100_000})
    assert 0 < len(listed) <= 200
    for problem in listed:
        assert problem.line >= 1
        assert problem.column >= 1
        assert len(problem.message) <= 501

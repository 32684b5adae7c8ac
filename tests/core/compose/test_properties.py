"""Whatever the bytes, a file is an environment or a list of problems, and always the same one."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moorline.core.compose import REFUSED_KEYS, SERVICE_KEYS, TOP_KEYS, load
from moorline.core.model import Environment
from moorline.core.values import canonical
from moorline.errors import InvalidEnvironment, Problem
from tests.core.compose.loading import PATH, PIN

RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
VARIABLES = {"A": "value", "B": ""}
FILES = {"environments/x": b"A=1\nB='", "x": b"{}"}


def outcome(source: bytes) -> Environment | tuple[Problem, ...]:
    try:
        return load(source, path=PATH, variables=VARIABLES, files=FILES)
    except InvalidEnvironment as error:
        return error.problems


def check(source: bytes) -> Environment | tuple[Problem, ...]:
    """Any exception but the one that carries problems fails the test by itself."""
    first = outcome(source)
    assert first == outcome(source)
    if not isinstance(first, Environment):
        assert first
        assert list(first) == sorted(first)
    return first


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        [
            PIN,
            "${A}",
            "${B:-x}",
            "$$",
            "x",
            "./x",
            "/x",
            "/x:/y:ro",
            "80:80",
            "1-3:1-3/udp",
            "512m",
            "1m30s",
            "service:web",
            "service_healthy",
            "default",
            "on-failure:3",
            "0.5",
            "0440",
        ]
    ),
)
inner_keys = st.sampled_from(
    sorted(
        {
            *("source", "target", "type", "condition", "test", "interval", "soft", "hard"),
            *("driver", "options", "external", "name", "file", "content", "environment"),
            *("resources", "limits", "restart_policy", "replicas", "published", "mode", "bind"),
            *("aliases", "ipam", "config", "subnet", "path", "format", "command", "health"),
            *("web", "db", "default", "x-any", "y"),
        }
    )
)
trees = st.recursive(
    scalars,
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(inner_keys, children, max_size=4)
    ),
    max_leaves=12,
)
services = st.dictionaries(
    st.sampled_from([*SERVICE_KEYS, *REFUSED_KEYS, "x-moorline"]), trees, max_size=6
).map(lambda keys: {"image": PIN} | keys)
sections = trees | st.dictionaries(st.sampled_from(["web", "db", "default"]), trees, max_size=3)
files = st.fixed_dictionaries(
    {"services": st.dictionaries(st.sampled_from(["web", "db"]), services, max_size=2)},
    optional={key: sections for key in TOP_KEYS if key != "services"},
)


@RELAXED
@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_an_environment_or_problems(source: bytes) -> None:
    check(source)


@RELAXED
@given(st.text(alphabet="ab:-[]{}&*!<>|'\"%@#?,~ \n\t$0", max_size=200))
def test_arbitrary_yaml_like_text_is_an_environment_or_problems(source: str) -> None:
    check(source.encode())


@RELAXED
@given(files)
def test_an_arbitrary_file_is_an_environment_or_problems(content: object) -> None:
    # JSON is YAML, but for the bare words that Python writes for numbers without a value
    source = json.dumps(content).replace("NaN", ".nan").replace("Infinity", ".inf").encode()
    first = check(source)
    if isinstance(first, Environment):
        for service in first.services:
            canonical({"config": service.config, "host_config": service.host_config})

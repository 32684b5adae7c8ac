"""What a container carries, and what is read back from one that anybody may have made."""

import json

import pytest

from moorline.core import labels
from moorline.core.labels import Retirement
from moorline.core.model import Hook

DRAIN = Hook(
    command=("drain", "--now"),
    user="app",
    privileged=True,
    working_dir="/srv",
    environment=("A=1",),
)
WISH = Retirement(grace=2.5, pre_stop=(DRAIN, Hook(command=("sync",))))


def made(retirement: Retirement = WISH) -> dict[str, str]:
    return labels.container_labels(
        environment="prod",
        service="web",
        number=2,
        commit="c0ffee",
        spec="5" * 64,
        pin="r.io/web@sha256:…",
        retirement=retirement,
        shares={"NetworkMode": "abc", "IpcMode": "def"},
    )


def test_a_container_says_whose_it_is_in_composes_words_and_in_ours() -> None:
    found = made()
    assert found["com.docker.compose.project"] == found["moorline.environment"] == "prod"
    assert found["com.docker.compose.service"] == found["moorline.service"] == "web"
    assert found["com.docker.compose.container-number"] == "2"
    assert found["com.docker.compose.oneoff"] == "False"
    assert found["com.docker.compose.config-hash"] == found["moorline.spec"] == "5" * 64
    assert found["moorline.commit"] == "c0ffee"
    assert found["moorline.image"] == "r.io/web@sha256:…"


def test_how_it_wants_to_be_stopped_rides_on_it() -> None:
    assert labels.read_retirement(made()) == WISH
    assert labels.read_retirement(made(Retirement())) == Retirement()


def test_whose_namespaces_it_shares_is_read_back() -> None:
    assert labels.read_shares(made()) == {"NetworkMode": "abc", "IpcMode": "def"}


@pytest.mark.parametrize(
    "text",
    [
        *("", "no JSON", "[]", "7", "null", '{"grace": "1"}', '{"pre_stop": {}}'),
        *('{"pre_stop": ["x"]}', '{"pre_stop": [null]}', "[" * 100_000),
    ],
)
def test_an_unreadable_wish_is_the_default_one(text: str) -> None:
    assert labels.read_retirement({"moorline.retirement": text}) == Retirement()
    assert labels.read_shares({"moorline.shares": text if text[:1] != "{" else "[]"}) == {}


def test_a_hook_with_odd_fields_is_read_as_far_as_it_goes() -> None:
    odd = {"command": "drain", "user": 7, "privileged": "yes", "environment": None}
    text = json.dumps({"pre_stop": [odd]})
    [hook] = labels.read_retirement({"moorline.retirement": text}).pre_stop
    assert hook == Hook(command=(), user="7")


def test_a_container_without_our_labels_wishes_nothing() -> None:
    assert labels.read_retirement({}) == Retirement()
    assert labels.read_shares({}) == {}


def test_networks_and_volumes_carry_the_environment_and_their_spec() -> None:
    assert labels.resource_labels("prod", "5") == {
        "moorline.environment": "prod",
        "moorline.spec": "5",
    }

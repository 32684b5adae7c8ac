import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from moorline.core.image import ImageRef
from moorline.errors import RegistryUnreachable
from tests.fakes.engine import Script
from tests.fakes.host import NAME, FakeHost
from tests.parts.manifests import push_image

DAY = 86400.0
POLICY = """\
version: 1
packages: [registry.example/acme/web]
minimum: 0
rules:
- {name: commits, match: sha, keep: 90d}
- {name: semantic versions, match: semver, keep: forever}
"""


def push(host: FakeHost, *tags: str, age: float = 1, seed: str = "") -> ImageRef:
    """Push an image that was made so many days ago."""
    image = ImageRef.parse(f"{NAME}:{tags[0]}")
    pinned = image.pinned(push_image(host.registry, image, seed or tags[0]).digest)
    for tag in tags[1:]:
        host.registry.put(replace(pinned, tag=tag))
    host.packages.created[replace(pinned, tag=None).pin] = host.clock.now().timestamp() - age * DAY
    host.engine.registry.add(pinned.pin)
    host.engine.scripts[pinned.pin] = Script()
    return pinned


@pytest.fixture
def three(host: FakeHost) -> list[ImageRef]:
    """Three versions, deployed in turn; the policy speaks of the package."""
    images = [push(host, f"1.{n}.0", f"main-00000a{n}", age=3 - n) for n in range(3)]
    host.remote.commit({"policies/retention.yaml": POLICY})
    for image in images:
        host.push({"web": image})
        assert host.run("apply", "production").exit_code == 0
    return images


def lines(host: FakeHost, *words: str) -> list[str]:
    result = host.run("versions", *words)
    assert result.exit_code == 0, result.stderr
    return result.stdout.splitlines()


def test_a_service_has_its_versions_newest_first(
    host: FakeHost, three: Sequence[ImageRef]
) -> None:
    head, *shown = lines(host, "web")
    newest, before, oldest = (shown[at : at + 2] for at in (0, 2, 4))
    assert head == f"{NAME}: 3 of 3 versions"
    digest = three[2].digest
    assert digest
    assert newest[0].startswith(f"sha256:{digest.short}  2026-11-22 10:00Z  00000a2  ")
    assert newest[0].endswith("  linux/amd64  here  1.2.0, main-00000a2, production-current")
    assert newest[1] == "    runs production/web@web-1; stays: pinned by production"
    assert (
        "    ran production/web@web-1, proven 2026-11-23; previous of production/web" in before[1]
    )
    assert "stays: " in oldest[1]


def test_what_to_type_stands_below(host: FakeHost, three: Sequence[ImageRef]) -> None:
    del three
    shown = host.run("versions", "production/web").stderr
    assert (
        "go back with: moorline rollback production --to sha256:… --service web "
        "--confirm ROLLBACK" in shown
    )


def test_what_stands_in_the_first_column_can_be_rolled_back_to(
    host: FakeHost, three: Sequence[ImageRef]
) -> None:
    short = lines(host, "web")[5].split()[0]
    host.clock.on_wait = lambda: host.run("apply", "production")
    words = ("production", "--to", short, "--service", "web", "--confirm", "ROLLBACK")
    result = host.run("rollback", *words)
    assert result.exit_code == 0, result.stderr
    assert f"image: {NAME}@{three[0].digest}" in host.file()


def test_json_has_the_promised_keys(host: FakeHost, three: Sequence[ImageRef]) -> None:
    found = host.run_json("versions", NAME)
    assert sorted(found) == ["package", "remarks", "total", "versions"]
    assert (found["package"], found["total"]) == (NAME, 3)
    newest, before, _ = found["versions"]
    assert sorted(newest) == [
        "commit",
        "created",
        "digest",
        "on_host",
        "platforms",
        "previous_of",
        "ran",
        "retention",
        "runs",
        "size",
        "tags",
    ]
    assert newest["digest"] == str(three[2].digest)
    assert newest["runs"] == [{"environment": "production", "service": "web", "host": "web-1"}]
    assert newest["retention"]["verdict"] == "keep"
    assert newest["created"] == "2026-11-22T10:00:00Z"
    assert before["previous_of"] == ["production/web"]
    assert before["ran"][0]["host"] == "web-1"
    assert newest["commit"] == "00000a2"


def test_it_says_how_long_each_stays(host: FakeHost) -> None:
    push(host, "main-00000bb", age=100)
    push(host, "main-00000cc", age=10)
    push(host, "1.0.0", age=500)
    push(host, "odd-tag", age=600)
    host.push({"web": host.image("1", name="registry.example/acme/other")})
    host.remote.commit({"policies/retention.yaml": POLICY})
    shown = "\n".join(lines(host, NAME))
    assert "stays until 2027-02-11" in shown
    assert "goes: main-00000bb: commits are kept 90 days" in shown
    assert "stays: 1.0.0: semantic versions are kept for ever" in shown
    assert "stays: odd-tag: no rule speaks of it" in shown


def test_it_can_be_narrowed_down(host: FakeHost, three: Sequence[ImageRef]) -> None:
    del three

    def count(*words: str) -> int:
        return len([line for line in lines(host, "web", *words) if line.startswith("sha256:")])

    assert count("-n", "2") == 2
    assert count("--since", "36h") == 1
    assert count("--since", "60h") == 2
    assert count("--since", "2026-11-22") == 1
    assert lines(host, "web", "--since", "2026-11-30") == [f"{NAME}: 0 of 3 versions"]


@pytest.mark.parametrize("text", ["30", "d", "yesterday", "2026-13-01"])
def test_a_date_that_is_none_is_a_usage_error(host: FakeHost, text: str) -> None:
    result = host.run("versions", "web", "--since", text)
    assert result.exit_code == 2
    assert "must be 12h, 30d, 4w or a date such as 2026-11-01" in result.stderr


def test_many_tags_are_counted(host: FakeHost) -> None:
    push(host, "1.0.0", "1.0", "1", "stable", "edge")
    assert "+2" in lines(host, NAME)[1]


def test_an_image_that_nobody_tells_anything_of_has_gaps(host: FakeHost) -> None:
    image = push(host, "odd")
    host.packages.created.clear()
    host.registry.blobs.clear()
    host.engine.unreachable = True
    (_, line) = lines(host, NAME)  # without a story
    digest = image.digest
    assert digest
    assert line.split()[:3] == [f"sha256:{digest.short}", "?", "-"]
    result = host.run("versions", NAME)
    assert "what is on this host is not known" in result.stderr


def test_a_registry_that_is_away_is_exit_1(host: FakeHost) -> None:
    host.packages.error = RegistryUnreachable("registry.example does not answer", mend="wait")
    result = host.run("versions", NAME)
    assert result.exit_code == 1
    assert result.stderr.endswith("moorline: registry.example does not answer; wait\n")


def test_without_git_an_image_is_listed_all_the_same(host: FakeHost) -> None:
    push(host, "1.0.0")
    host.configure(url="file:///nowhere/state.git")
    result = host.run("versions", NAME)
    assert result.exit_code == 0, result.stderr
    assert "1.0.0" in result.stdout
    assert "the state repo is not known here" in result.stderr
    assert "what retention would do is not known" in result.stderr


def test_a_service_that_is_not_there_is_a_usage_error(
    host: FakeHost, three: Sequence[ImageRef]
) -> None:
    del three
    result = host.run("versions", "wbe")
    assert result.exit_code == 2
    assert "no service 'wbe' here (web); did you mean 'web'?" in result.stderr
    assert host.run("versions", "web", "--env", "nowhere").exit_code == 2


def test_a_package_that_is_not_there_is_exit_1(host: FakeHost) -> None:
    result = host.run("versions", "registry.example/acme/none")
    assert result.exit_code == 1
    assert "no such package" in result.stderr


def test_an_error_is_json_too(host: FakeHost) -> None:
    result = host.run("versions", "registry.example/acme/none", "--json")
    assert json.loads(result.stdout)["error"]["kind"] == "NotFound"


def test_the_day_of_a_version_is_that_of_its_first_push(host: FakeHost) -> None:
    push(host, "1.0.0", age=(host.clock.now() - datetime(2026, 1, 2, tzinfo=UTC)).days + 10 / 24)
    assert "2026-01-02 00:00Z" in lines(host, NAME)[1]

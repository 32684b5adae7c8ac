import pytest

from moorline.errors import AccessDenied, RegistryUnreachable
from tests.fakes.host import NAME, FakeHost

TIME = "20261123T100005Z"


@pytest.fixture
def tagged(host: FakeHost) -> FakeHost:
    """A host that proved two versions."""
    for version in ("1", "2"):
        host.push({"web": host.image(version)})
        assert host.run("apply", "production").exit_code == 0
        host.clock.wait(5)
    return host


def rollback(host: FakeHost) -> str:
    tags = host.registry.tags_of(NAME)
    return next(each for each in tags if each.startswith("production-rollback-"))


def test_current_comes_first_and_each_tag_says_since_when(tagged: FakeHost) -> None:
    result = tagged.run("tags", "production")
    assert result.exit_code == 0
    current, earlier = result.stdout.splitlines()
    one, two = tagged.image("1").digest, tagged.image("2").digest
    assert one
    assert two
    assert current.split() == [
        f"{NAME}:production-current",
        two.short,
        "since",
        "2026-11-23",
        "10:00Z",
        "web",
    ]
    assert f":{rollback(tagged)}  {one.short}  since 2026-11-23 10:00Z  web" in earlier
    assert result.stderr == ""


def test_json_has_the_promised_keys(tagged: FakeHost) -> None:
    found = tagged.run_json("tags", "production")
    assert sorted(found) == ["environment", "repositories", "waiting"]
    (repository,) = found["repositories"]
    assert sorted(repository) == ["repository", "tags", "unknown"]
    current, earlier = repository["tags"]
    assert sorted(current) == ["digest", "in_step", "role", "services", "since", "tag"]
    assert (current["role"], current["digest"]) == ("current", str(tagged.image("2").digest))
    assert (earlier["role"], earlier["digest"]) == ("rollback", str(tagged.image("1").digest))
    assert earlier["since"].startswith("2026-11-23T10:00:")
    assert (repository["unknown"], found["waiting"]) == (None, [])


def test_only_as_many_rollback_tags_as_asked_for(tagged: FakeHost) -> None:
    assert tagged.run("tags", "production", "-n", "0").stdout.count("\n") == 1


def test_tags_of_others_are_not_shown(tagged: FakeHost) -> None:
    digest = tagged.image("1").digest
    assert digest
    for tag in ("production-eu-current", "staging-current", "production", "latest"):
        tagged.registry.tagged[f"{NAME}:{tag}"] = digest
    assert tagged.run("tags", "production").stdout.count("\n") == 2


def test_a_current_that_somebody_moved_is_told(tagged: FakeHost) -> None:
    digest = tagged.image("1").digest
    assert digest
    tagged.registry.tagged[f"{NAME}:production-current"] = digest
    first = tagged.run("tags", "production").stdout.splitlines()[0]
    assert "  since ?  " in first
    assert first.endswith("  web  not what is proven here")


def test_services_with_tags_of_their_own_are_named(host: FakeHost) -> None:
    host.push({"web": host.image("1"), "api": host.image("2")})
    host.run("apply", "production")
    (repository,) = host.run_json("tags", "production")["repositories"]
    found = [(each["tag"].partition(":")[2], each["services"]) for each in repository["tags"]]
    assert found == [("production-api-current", ["api"]), ("production-web-current", ["web"])]


def test_a_registry_that_is_away_is_exit_1_and_said(tagged: FakeHost) -> None:
    tagged.registry.error = RegistryUnreachable("registry.example does not answer")
    result = tagged.run("tags", "production")
    assert result.exit_code == 1
    assert "the tags are not all known: registry.example does not answer\n" in result.stderr
    (repository,) = tagged.run_json("tags", "production")["repositories"]
    assert (repository["tags"], repository["unknown"]) == (
        [],
        "registry.example does not answer",
    )


def test_a_move_that_waits_is_told_with_its_reason(tagged: FakeHost) -> None:
    tagged.registry.errors["put_manifest"] = RegistryUnreachable("asks for patience")
    tagged.push({"web": tagged.image("3")})
    applied = tagged.run("apply", "production")
    assert applied.exit_code == 0
    assert "registry tags wait for the next run: asks for patience\n" in applied.stderr
    result = tagged.run("tags", "production")
    assert f"{NAME}:production-current is still to be moved: asks for patience\n" in result.stderr
    (waiting,) = tagged.run_json("tags", "production")["waiting"]
    assert sorted(waiting) == [
        "deployment",
        "digest",
        "rollbacks",
        "services",
        "tag",
        "trouble",
        "waits",
    ]
    assert (waiting["trouble"], waiting["digest"]) == (False, str(tagged.image("3").digest))
    tagged.registry.errors.clear()
    tagged.run("apply", "production")
    assert tagged.run_json("tags", "production")["waiting"] == []


def test_a_refusal_never_fails_an_apply(host: FakeHost) -> None:
    host.registry.error = AccessDenied("may not push")
    host.push({"web": host.image("1")})
    assert host.run("apply", "production").exit_code == 0
    result = host.run("tags", "production")
    assert result.exit_code == 1
    assert "may not push" in result.stderr


def test_where_nothing_is_proven_there_is_nothing_to_show(host: FakeHost) -> None:
    result = host.run("tags", "production")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "production: no tag is known" in result.stderr


def test_a_repository_without_tags_is_no_error(tagged: FakeHost) -> None:
    tagged.registry.pins.clear()
    result = tagged.run("tags", "production")
    assert (result.exit_code, result.stdout) == (0, "")


def test_an_unknown_environment_is_exit_2(host: FakeHost) -> None:
    assert host.run("tags", "prodution").exit_code == 2

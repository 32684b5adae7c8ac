import json
from dataclasses import replace

import pytest

from moorline.agent.retention.plan import plan_retention, record_plan
from moorline.cli.offices import offices_of
from moorline.core.image import Digest, ImageRef
from moorline.errors import RateLimited, RegistryRefused
from tests.fakes.host import FakeHost
from tests.fakes.registry import FakeRegistry
from tests.parts.manifests import index_of, push_image

APP = "ghcr.io/acme/app"
DAY = 86400.0
POLICY = """\
version: 1
enabled: {enabled}
packages: [{packages}]
minimum: {minimum}
grace: {grace}
rules:
- {{name: commits, match: sha, keep: 90d}}
- {{name: latest, match: latest, keep: forever}}
- {{name: untagged, match: untagged, keep: 7d}}
{more}
"""


def policy(
    host: FakeHost,
    *,
    enabled: bool = True,
    packages: str = APP,
    minimum: int = 0,
    grace: str = "24h",
    more: str = "",
) -> str:
    """A person's commit of the policy."""
    text = POLICY.format(
        enabled=str(enabled).lower(),
        packages=packages,
        minimum=minimum,
        grace=grace,
        more=more,
    )
    return host.remote.commit({"policies/retention.yaml": text}, "policy")


def push(host: FakeHost, tag: str, *, age: float, name: str = APP) -> ImageRef:
    image = ImageRef.parse(f"{name}:{tag}")
    pinned = image.pinned(push_image(host.registry, image, tag).digest)
    created(host, pinned, age)
    return pinned


def created(host: FakeHost, image: ImageRef, age: float) -> None:
    moment = host.clock.now().timestamp() - age * DAY
    host.packages.created[replace(image, tag=None).pin] = moment


def pass_days(host: FakeHost, days: float) -> None:
    host.clock.elapsed += days * DAY


def record(host: FakeHost) -> str:
    """Have the daemon's schedule decide; returns the record's id."""
    with offices_of(host.config, host.ports()) as offices:
        return record_plan(offices, plan_retention(offices)).id


@pytest.fixture
def old(host: FakeHost) -> ImageRef:
    """One image that is due and one that stays."""
    push(host, "latest", age=300)
    return push(host, "main-00000aa", age=100)


# --- plan ----------------------------------------------------------------------------------------


def test_a_plan_lists_what_goes_with_its_reason_and_counts_what_stays(
    host: FakeHost, old: ImageRef
) -> None:
    policy(host)
    result = host.run("retention", "plan")
    assert result.exit_code == 10, result.stderr
    assert old.digest
    assert f"{APP}: 1 of 2 versions would go (images: 1 go, 1 stay)\n" in result.stdout
    row = f"sha256:{old.digest.short}  main-00000aa  100 days  commits  main-00000aa: commits are"
    assert row in result.stdout
    assert "  stays: 1 latest\n" in result.stdout
    assert "  frees: " in result.stdout
    assert "it would be carried out from 2026-11-24 10:00Z on\n" in result.stdout
    assert "the schedule decides next at 2026-11-24 02:00Z" in result.stdout
    assert old.pin in host.registry.pins or replace(old, tag=None).pin in host.registry.pins


def test_a_dry_run_says_so(host: FakeHost, old: ImageRef) -> None:
    del old
    policy(host, enabled=False)
    out = host.run("retention", "plan").stdout
    assert out.startswith("a dry run: the policy does not say enabled: true\n")
    assert "carried out" not in out


def test_nothing_to_delete_is_exit_0(host: FakeHost) -> None:
    push(host, "latest", age=300)
    policy(host)
    result = host.run("retention", "plan")
    assert result.exit_code == 0
    assert "0 of 1 versions would go" in result.stdout


def test_without_a_policy_nothing_is_ever_deleted(host: FakeHost) -> None:
    host.remote.commit({"README.md": "empty"})
    result = host.run("retention", "plan")
    assert result.exit_code == 0
    assert "nothing is ever deleted" in result.stdout


def test_parts_go_along_and_are_counted(host: FakeHost) -> None:
    push(host, "latest", age=300)
    image = ImageRef.parse(APP)
    part = push_image(host.registry, image.pinned(_digest_of("part")), "part")
    index = index_of([part])
    tagged = ImageRef.parse(f"{APP}:main-00000aa")
    host.registry.put_manifest(tagged, index)
    created(host, image.pinned(part.digest), 100)
    created(host, image.pinned(index.digest), 100)
    policy(host)
    out = host.run("retention", "plan").stdout
    assert "2 of 3 versions would go" in out
    assert "and 1 parts and signatures of these" in out


def _digest_of(seed: str) -> Digest:
    """That of the image which `push_image` makes of a seed."""
    return push_image(FakeRegistry(), ImageRef.parse(f"{APP}:x"), seed).digest


def test_what_if_commits_were_kept_shorter(host: FakeHost) -> None:
    push(host, "latest", age=300)
    push(host, "main-00000aa", age=50)
    policy(host)
    assert host.run("retention", "plan").exit_code == 0
    assert host.run("retention", "plan", "--retention-days", "30").exit_code == 10


@pytest.mark.parametrize("days", ["0", "-1"])
def test_retention_of_no_days_is_refused_with_what_to_do(host: FakeHost, days: str) -> None:
    result = host.run("retention", "plan", "--retention-days", days)
    assert result.exit_code == 2
    assert f"--retention-days {days} would ask for everything; take 1 or more" in result.stderr


def test_one_package_can_be_looked_at_alone(host: FakeHost, old: ImageRef) -> None:
    del old
    push(host, "latest", age=10, name=f"{APP}-other")
    policy(host, packages=f"{APP}, {APP}-other")
    found = host.run_json("retention", "plan", "--package", f"{APP}-other")
    assert [each["name"] for each in found["packages"]] == [f"{APP}-other"]
    result = host.run("retention", "plan", "--package", "ghcr.io/acme/none")
    assert result.exit_code == 2
    assert f"is no package of the policy; it names: {APP}, {APP}-other" in result.stderr


def test_prices_make_a_what_if(host: FakeHost, old: ImageRef) -> None:
    del old
    policy(host, more="prices: {storage_gb_month: 1000000.0, currency: EUR}")
    assert " EUR a month by the policy's prices" in host.run("retention", "plan").stdout
    package = host.run_json("retention", "plan")["packages"][0]
    assert package["cost_per_month"]["currency"] == "EUR"
    assert package["cost_per_month"]["most"] > 0


def test_a_plain_registry_frees_nothing_by_itself(host: FakeHost) -> None:
    name = "registry.example/acme/app"
    push(host, "latest", age=300, name=name)
    push(host, "main-00000aa", age=100, name=name)
    policy(host, packages=name)
    assert "garbage collection" in host.run("retention", "plan").stdout


def test_a_package_that_cannot_be_read_is_exit_1(host: FakeHost, old: ImageRef) -> None:
    del old
    policy(host)
    host.packages.errors["versions"] = RateLimited("GitHub asks for patience", seconds=4000)
    result = host.run("retention", "plan")
    assert result.exit_code == 1
    assert f"{APP}: nothing would be deleted: GitHub asks for patience" in result.stdout


def test_an_invalid_policy_is_exit_2_with_every_mistake(host: FakeHost) -> None:
    host.remote.commit({"policies/retention.yaml": "version: 2\nenabeld: true\n"})
    result = host.run("retention", "plan")
    assert result.exit_code == 2
    assert "policies/retention.yaml:1:10: version: " in result.stderr
    assert "did you mean 'enabled'?" in result.stderr
    data = json.loads(host.run("retention", "plan", "--json").stdout)["error"]
    assert data["kind"] == "InvalidPolicy"
    assert len(data["problems"]) > 1


def test_a_plan_that_would_delete_everything_is_held(host: FakeHost) -> None:
    push(host, "main-00000aa", age=100)
    policy(host)
    result = host.run("retention", "plan")
    assert result.exit_code == 4
    assert "  held: every image would be deleted; look at the rules" in result.stdout
    assert host.run_json("retention", "plan")["packages"][0]["held"]


def test_a_plan_for_machines_has_the_promised_keys(host: FakeHost, old: ImageRef) -> None:
    policy(host)
    found = host.run_json("retention", "plan")
    assert sorted(found) == [
        "commit",
        "dry_run",
        "due",
        "enabled",
        "next_decision",
        "packages",
        "says",
    ]
    (package,) = found["packages"]
    assert sorted(package) == [
        "cost_per_month",
        "deleted",
        "freed_least",
        "freed_most",
        "held",
        "images_deleted",
        "images_kept",
        "kept",
        "kept_by",
        "name",
        "problem",
        "untag",
        "versions",
    ]
    (version,) = package["versions"]
    assert sorted(version) == ["age", "digest", "id", "reason", "rule", "size", "tags"]
    assert (version["digest"], version["age"]) == (str(old.digest), 100.0)


# --- apply, history and restore ------------------------------------------------------------------


def test_nothing_is_carried_out_before_its_time(host: FakeHost, old: ImageRef) -> None:
    del old
    policy(host)
    record(host)
    result = host.run("retention", "apply")
    assert result.exit_code == 0, result.stderr
    assert "nothing is due; 20261123T" in result.stdout
    assert "is from 2026-11-24 10:00Z on" in result.stdout
    assert host.run_json("retention", "apply")["id"] is None


def test_what_is_due_is_deleted_and_told(host: FakeHost, old: ImageRef) -> None:
    policy(host)
    made = record(host)
    pass_days(host, 1.1)
    result = host.run("retention", "apply")
    assert result.exit_code == 0, result.stderr
    assert f"{made}: 1 version deleted\n{APP}: 1 deleted\n" in result.stdout
    assert replace(old, tag=None).pin not in host.registry.pins
    assert "nothing is to be deleted" in host.run("retention", "apply").stdout


def test_where_no_decision_waits_one_is_made(host: FakeHost, old: ImageRef) -> None:
    policy(host)
    made = host.run("retention", "apply")
    assert made.exit_code == 0, made.stderr
    assert "is decided, and carried out from 2026-11-24 10:00Z on" in made.stdout
    assert replace(old, tag=None).pin in host.registry.pins
    assert "nothing is due; 20261123T" in host.run("retention", "apply").stdout
    pass_days(host, 1.1)
    assert "1 version deleted" in host.run("retention", "apply").stdout
    assert replace(old, tag=None).pin not in host.registry.pins


def test_without_a_grace_it_is_carried_out_at_once(host: FakeHost, old: ImageRef) -> None:
    policy(host, grace="0s")
    assert "1 version deleted" in host.run("retention", "apply").stdout
    assert replace(old, tag=None).pin not in host.registry.pins


def test_by_hand_a_dry_run_is_not_even_recorded(host: FakeHost, old: ImageRef) -> None:
    policy(host, enabled=False)
    result = host.run("retention", "apply")
    assert result.exit_code == 0, result.stderr
    assert "a dry run: the policy does not say enabled: true" in result.stdout
    assert host.run_json("retention", "history") == []
    assert replace(old, tag=None).pin in host.registry.pins


def test_a_policy_that_would_delete_everything_is_refused_without_force(host: FakeHost) -> None:
    image = push(host, "main-00000aa", age=200)
    policy(host)
    held = host.run("retention", "apply")
    assert held.exit_code == 4, held.stdout
    assert f"{APP}: every image would be deleted" in held.stdout
    assert host.run("retention", "apply", "--force-empty").exit_code == 0
    pass_days(host, 1.1)
    # a person has said so, and it is on record: whoever carries it out need not say it again
    done = host.run("retention", "apply")
    assert done.exit_code == 0, done.stderr
    assert replace(image, tag=None).pin not in host.registry.pins


def test_a_dry_run_is_never_carried_out(host: FakeHost, old: ImageRef) -> None:
    policy(host, enabled=False)
    record(host)
    policy(host)
    pass_days(host, 3)
    # the one that was recorded stays what it was; this is another
    assert "is decided, and carried out from" in host.run("retention", "apply").stdout
    assert replace(old, tag=None).pin in host.registry.pins


def test_a_version_that_the_registry_keeps_is_told(host: FakeHost, old: ImageRef) -> None:
    policy(host)
    record(host)
    pass_days(host, 1.1)
    why = "Publicly visible package versions with more than 5000 downloads cannot be deleted"
    host.packages.errors["delete"] = RegistryRefused(why)
    result = host.run("retention", "apply")
    assert "refused" in result.stdout
    assert "more than 5000 downloads" in result.stdout
    assert replace(old, tag=None).pin in host.registry.pins


def test_an_outcome_for_machines_has_the_promised_keys(host: FakeHost, old: ImageRef) -> None:
    policy(host)
    made = record(host)
    pass_days(host, 1.1)
    found = host.run_json("retention", "apply")
    assert sorted(found) == [
        "began",
        "ended",
        "id",
        "missing",
        "next",
        "packages",
        "sentence",
        "verified",
    ]
    assert found["id"] == made
    (package,) = found["packages"]
    assert [(each["digest"], each["result"]) for each in package["versions"]] == [
        (str(old.digest), "deleted")
    ]


def test_the_history_has_decisions_and_what_came_of_them(host: FakeHost, old: ImageRef) -> None:
    del old
    policy(host, enabled=False)
    record(host)
    policy(host)
    pass_days(host, 1)
    record(host)
    assert "may be carried out from " in host.run("retention", "history").stdout
    pass_days(host, 1.1)
    host.run("retention", "apply")
    newest, first = host.run("retention", "history").stdout.splitlines()
    assert "1 to go, 1 to stay" in newest
    assert "1 deleted" in newest
    assert first.endswith("dry run")
    found = host.run_json("retention", "history")
    assert [each["dry_run"] for each in found] == [False, True]
    assert sorted(found[0]) == [
        "applied",
        "commit",
        "decided",
        "dry_run",
        "due",
        "host",
        "id",
        "packages",
    ]
    assert found[0]["applied"]["missing"] == []
    assert len(host.run("retention", "history", "-n", "1").stdout.splitlines()) == 1


def test_no_history_is_said(host: FakeHost) -> None:
    host.remote.commit({"README.md": "empty"})
    result = host.run("retention", "history")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "retention has decided nothing yet" in result.stderr


def test_the_history_is_told_as_of_the_last_fetch(host: FakeHost, old: ImageRef) -> None:
    del old
    policy(host)
    host.run("apply", "production")  # has the mirror made
    record(host)
    host.remote.path.rename(host.folder / "away.git")
    result = host.run("retention", "history")
    assert result.exit_code == 0
    assert "1 to go" in result.stdout
    assert "as of the last fetch" in result.stderr


def test_what_was_deleted_comes_back(host: FakeHost, old: ImageRef) -> None:
    policy(host)
    record(host)
    pass_days(host, 1.1)
    host.run("retention", "apply")
    result = host.run("retention", "restore", str(old.digest))
    assert result.exit_code == 0, result.stderr
    assert "is back as main-00000aa" in result.stdout
    assert host.registry.resolve(replace(old, digest=None)) == old.digest
    assert "is back" in host.run_json("retention", "restore", str(old.digest))["sentence"]


def test_what_was_never_deleted_is_not_found(host: FakeHost) -> None:
    host.remote.commit({"README.md": "empty"})
    result = host.run("retention", "restore", f"sha256:{'0' * 64}")
    assert result.exit_code == 1
    assert "no record of retention having deleted it" in result.stderr


def test_half_a_digest_is_refused(host: FakeHost) -> None:
    result = host.run("retention", "restore", "sha256:0123")
    assert result.exit_code == 2
    assert "not a digest" in result.stderr


def test_the_last_images_of_a_package_go_only_by_force(host: FakeHost) -> None:
    images = [push(host, "main-00000aa", age=89.5), push(host, "main-00000bb", age=200)]
    policy(host)
    record(host)
    pass_days(host, 1.1)  # by now the first one is due, too
    held = host.run("retention", "apply")
    assert held.exit_code == 4, held.stderr
    assert "vetoed  every image would be deleted" in held.stdout
    assert {replace(each, tag=None).pin for each in images} <= host.registry.pins


def test_by_force_they_do(host: FakeHost) -> None:
    kept, gone = push(host, "main-00000aa", age=89.5), push(host, "main-00000bb", age=200)
    policy(host)
    record(host)
    pass_days(host, 1.1)
    forced = host.run("retention", "apply", "--force-empty")
    assert forced.exit_code == 0, forced.stderr
    # nothing goes that is not on record, by force neither
    assert replace(kept, tag=None).pin in host.registry.pins
    assert replace(gone, tag=None).pin not in host.registry.pins


# --- the group -----------------------------------------------------------------------------------


def test_the_group_lists_its_commands(host: FakeHost) -> None:
    out = host.run("retention", "--help").stdout
    assert all(word in out for word in ("plan", "apply", "history", "restore", "--config"))


@pytest.mark.parametrize("name", ["plan", "apply", "history", "restore"])
def test_each_says_what_it_returns(host: FakeHost, name: str) -> None:
    assert "Exit code" in host.run("retention", name, "--help").stdout


def test_the_state_directory_of_somebody_else_is_left_alone(
    host: FakeHost, old: ImageRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    del old
    policy(host)
    folder = host.folder / "state"
    folder.mkdir()
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    result = host.run("retention", "plan")
    assert result.exit_code == 10, result.stderr
    assert "is not this user's" in result.stderr
    assert list(folder.iterdir()) == []

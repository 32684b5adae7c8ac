import pytest

from moorline.core.image import ImageRef
from moorline.errors import RegistryUnreachable
from tests.fakes.host import FakeHost
from tests.fakes.registry import FakeRegistry

WORDS = ("rollback", "production", "--confirm", "ROLLBACK")


@pytest.fixture
def settled(host: FakeHost) -> FakeHost:
    """A host where version 1 was followed by version 2, both proven."""
    for version in ("1", "2"):
        host.push({"web": host.image(version)}, message=f"version {version}")
        assert host.run("apply", "production").exit_code == 0
    return host


def test_previous_is_committed_and_the_next_cycle_proves_it(settled: FakeHost) -> None:
    before = settled.remote.shas()
    result = settled.run(*WORDS, "--to", "previous", "--no-wait")
    commit = settled.remote.tip() or ""
    assert (result.exit_code, result.stdout) == (
        0,
        f"production: committed {commit[:7]}, back to {before[1][:7]}\n",
    )
    assert settled.file() == settled.file(before[1])
    assert settled.run("apply", "production").stdout.startswith("production is proven at")


def test_the_commit_says_what_it_takes_back_and_who_asked(settled: FakeHost) -> None:
    second, first = settled.remote.shas()
    settled.run(*WORDS, "--to", "previous", "--no-wait")
    message = settled.remote.git("log", "-1", "--format=%B", "main")
    title, body, trailers = message.split("\n\n")
    assert title == f"Roll back production to {first[:7]}"
    assert body == f"Asked for as --to previous, in place of {second[:7]}."
    assert trailers.splitlines()[:3] == [
        "Environment: production",
        f"State-Commit: {first}",
        f"Rollback-Of: {second}",
    ]
    assert trailers.splitlines()[3].startswith("Requested-By: ")


CONFIRMATIONS = [("nothing", ()), ("something else", ("--confirm", "yes"))]


@pytest.mark.parametrize("words", [c[1] for c in CONFIRMATIONS], ids=[c[0] for c in CONFIRMATIONS])
def test_without_the_confirmation_nothing_happens(
    settled: FakeHost, words: tuple[str, ...]
) -> None:
    before = settled.remote.tip()
    result = settled.run("rollback", "production", "--to", "previous", *words)
    assert result.exit_code == 2
    assert result.stderr == (
        "moorline: a rollback changes what production runs; if you mean it, add: "
        "--confirm ROLLBACK\n"
    )
    assert settled.remote.tip() == before


def test_it_is_followed_to_proven(settled: FakeHost) -> None:
    settled.clock.on_wait = lambda: settled.run("apply", "production")
    result = settled.run(*WORDS, "--to", "previous")
    assert result.exit_code == 0
    first, second = result.stdout.splitlines()
    assert first.startswith("production: committed ")
    assert second.startswith("production is proven at ")
    assert second.endswith(": web changed (on web-1)")


def test_it_is_followed_to_taken_back(settled: FakeHost) -> None:
    settled.bad_image("1")
    settled.clock.on_wait = lambda: settled.run("apply", "production")
    result = settled.run(*WORDS, "--to", "previous")
    assert result.exit_code == 3
    assert "; taken back to " in result.stdout


def test_nobody_reports_in_time(settled: FakeHost) -> None:
    result = settled.run(*WORDS, "--to", "previous", "--timeout", "10s")
    assert result.exit_code == 1
    assert "no host has reported on " in result.stdout
    assert "within 10 s; does the daemon run?" in result.stdout


def test_json_is_one_object(settled: FakeHost) -> None:
    settled.clock.on_wait = lambda: settled.run("apply", "production")
    found = settled.run_json(*WORDS, "--to", "previous")
    assert sorted(found) == [
        "branch",
        "commit",
        "environment",
        "exit_code",
        "outcome",
        "record",
        "sentence",
    ]
    assert (found["outcome"], found["commit"]) == ("proven", settled.remote.tip())


def test_a_state_that_is_proven_already_is_not_waited_for(settled: FakeHost) -> None:
    settled.push({"web": settled.bad_image("3")}, **{"x-moorline": {"on_failure": "hold"}})
    assert settled.run("apply", "production").exit_code == 3
    result = settled.run(*WORDS, "--to", "previous")
    assert result.exit_code == 0
    assert "that state is the proven one; no host has to change" in result.stdout


def test_a_branch_that_is_protected_gets_a_proposal(settled: FakeHost) -> None:
    before = settled.remote.tip()
    settled.remote.hook(
        "pre-receive", 'while read old new ref; do [ "$ref" != refs/heads/main ] || exit 1; done'
    )
    result = settled.run(*WORDS, "--to", "previous")
    assert result.exit_code == 4
    assert "the branch is protected; merge moorline/rollback/production-" in result.stdout
    branch = result.stdout.split("merge ")[1].split()[0]
    assert settled.remote.tip() == before
    assert settled.file(branch) == settled.file(settled.remote.shas()[1])


def test_the_present_state_is_nothing_to_do(settled: FakeHost) -> None:
    before = settled.remote.tip() or ""
    result = settled.run(*WORDS, "--to", before[:9])
    assert (result.exit_code, result.stdout) == (
        0,
        f"production: the file is that of {before[:7]} already\n",
    )
    assert settled.remote.tip() == before


def test_a_registry_that_is_away_refuses(settled: FakeHost) -> None:
    settled.registry.error = RegistryUnreachable("registry.example does not answer")
    before = settled.remote.tip()
    result = settled.run(*WORDS, "--to", "previous")
    assert (result.exit_code, result.stderr) == (
        1,
        (
            "moorline: registry.example does not answer; nothing was changed; try again, or "
            "'git revert' if the hosts have the image\n"
        ),
    )
    assert settled.remote.tip() == before


def test_whoever_was_quicker_wins(settled: FakeHost) -> None:
    newer: list[str] = []

    class Registry(FakeRegistry):
        def exists(self, image: ImageRef) -> bool:
            newer.append(settled.push({"web": settled.image("3")}))
            return super().exists(image)

    slow = Registry()
    slow.pins, slow.tagged = settled.registry.pins, settled.registry.tagged
    settled.registry = slow
    result = settled.run(*WORDS, "--to", "previous")
    assert result.exit_code == 1
    assert result.stderr == (
        "moorline: environments/production.yaml was changed on main by somebody else; look at "
        "what they did, then run it again\n"
    )
    assert settled.remote.tip() == newer[0]


BAD = [
    ("an unknown environment", ("rollback", "prod", "--to", "previous"), 2, "not an environment"),
    ("no target", ("rollback", "production"), 2, "Missing option '--to'"),
    ("an odd target", (*WORDS[:2], "--to", "a b"), 2, "not 'previous', a commit, a tag or a"),
    ("an odd time", (*WORDS[:2], "--to", "previous", "--timeout", "x"), 2, "must be a duration"),
]


@pytest.mark.parametrize(
    ("words", "code", "says"), [each[1:] for each in BAD], ids=[each[0] for each in BAD]
)
def test_bad_input(settled: FakeHost, words: tuple[str, ...], code: int, says: str) -> None:
    result = settled.run(*words, "--confirm", "ROLLBACK")
    assert result.exit_code == code
    assert says in result.stderr

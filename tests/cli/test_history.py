from pathlib import Path

from tests.fakes.host import FakeHost


def three_states(host: FakeHost) -> list[str]:
    """Two proven versions and a bad one that was taken back; returns their commits."""
    commits = []
    for image in (host.image("1"), host.image("2"), host.bad_image("3")):
        commits.append(host.push({"web": image}))
        host.run("apply", "production")
    return commits


def test_records_are_listed_newest_first(host: FakeHost) -> None:
    first, second, third = three_states(host)
    result = host.run("history", "production")
    assert result.exit_code == 0
    rows = [line.split(maxsplit=5) for line in result.stdout.splitlines()]
    assert [(row[2], row[3]) for row in rows] == [
        ("taken", "back"),
        ("backup", second[:7]),
        ("proven", second[:7]),
        ("backup", first[:7]),
        ("proven", first[:7]),
    ]
    assert third[:7] in result.stdout.splitlines()[0]


def test_n_limits_them(host: FakeHost) -> None:
    three_states(host)
    assert len(host.run("history", "production", "-n", "2").stdout.splitlines()) == 2


def test_json_is_a_list_with_the_promised_keys(host: FakeHost) -> None:
    _, _, third = three_states(host)
    records = host.run_json("history", "production")
    assert sorted(records[0]) == [
        "commit",
        "ended",
        "environment",
        "host",
        "id",
        "kind",
        "outcome",
        "pins",
        "pushed",
        "rollback_commit",
        "sentence",
        "started",
    ]
    assert (records[0]["outcome"], records[0]["commit"], records[0]["host"]) == (
        "taken back",
        third,
        "web-1",
    )
    assert records[0]["rollback_commit"] == host.remote.tip()


def test_records_that_could_not_be_pushed_are_listed_and_marked(host: FakeHost) -> None:
    host.remote.hook("pre-receive", "exit 1")
    commit = host.push_past_hooks({"web": host.image("1")})
    host.run("apply", "production")
    assert f"* production is proven at {commit[:7]}" in host.run("history", "production").stdout
    (record,) = host.run_json("history", "production")
    assert record["pushed"] is False


def test_what_is_known_is_told_where_the_remote_is_away(host: FakeHost) -> None:
    three_states(host)
    aside = host.remote.path.rename(host.folder / "away.git")
    result = host.run("history", "production")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 5
    assert result.stderr.startswith("moorline: as of the last fetch: ")
    aside.rename(host.remote.path)


def test_records_that_cannot_be_read_here_are_left_out(host: FakeHost) -> None:
    three_states(host)
    Path(host.config.state_dir, "outbox", "production", "no-file.yaml").mkdir()
    result = host.run("history", "production")
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 5)
    assert result.stderr.startswith("moorline: without the records that wait on this host: ")


def test_nothing_on_record_is_said(host: FakeHost) -> None:
    host.push({"web": host.image("1")})
    result = host.run("history", "production")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "moorline: production: nothing is on record yet\n"
    assert host.run_json("history", "production") == []


def test_a_remote_that_was_never_reached_is_an_error(host: FakeHost) -> None:
    host.configure(url=str(host.folder / "elsewhere.git"))
    result = host.run("history", "production")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1

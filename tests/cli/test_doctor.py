from tests.fakes.host import FakeHost


def test_a_failure_is_exit_1_and_comes_with_its_mend(host: FakeHost) -> None:
    host.engine.unreachable = True
    host.push({"web": host.image("1")})
    result = host.run("doctor")
    assert result.exit_code == 1
    assert "fail  engine         info: the Docker Engine does not answer\n" in result.stdout
    assert (
        "fail  environment staging  environments/staging.yaml is not in the state" in result.stdout
    )
    assert "                     -> nothing is removed; restore the file" in result.stdout


def test_a_host_that_has_all_is_exit_0(host: FakeHost) -> None:
    host.push({"web": host.image("1")})
    host.push({"web": host.image("1")}, environment="staging")
    result = host.run("doctor")
    assert result.exit_code == 0
    assert "ok    state repo     main is at " in result.stdout
    assert "ok    image          registry.example/acme/web:1 is there\n" in result.stdout


def test_json_is_a_list_of_findings(host: FakeHost) -> None:
    host.push({"web": host.image("1")})
    findings = host.run_json("doctor")
    assert all(sorted(each) == ["check", "mend", "says", "standing"] for each in findings)
    assert {each["standing"] for each in findings} == {"ok", "warn", "fail"}


def test_a_configuration_that_is_missing_is_the_only_finding(host: FakeHost) -> None:
    host.config_path.unlink()
    result = host.run("doctor")
    assert result.exit_code == 1
    assert result.stdout == (
        f"fail  configuration  {host.config_path} does not exist\n"
        "                     -> create it, or name another with --config\n"
    )


def test_several_problems_of_a_file_are_all_shown(host: FakeHost) -> None:
    host.push({"web": {"image": "nginx:1", "port": []}})
    assert "services.web.port: not a Compose key" in host.run("doctor").stdout

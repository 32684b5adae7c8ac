"""A file in git becomes running, proven containers."""

import pytest

from tests.e2e.stage import Stage, eventually, plain, web
from tests.parts.images import Images

pytestmark = pytest.mark.engine


def test_a_first_commit_is_deployed_proven_and_recorded(stage: Stage, images: Images) -> None:
    image = images("healthy", "1")
    stage.start()
    commit = stage.push({"web": web(image)}, "first")
    stage.wait_deployed(commit)
    assert stage.settled("web", image)
    record = stage.record(commit)
    assert record["services"]["web"]["verdict"] == "healthy"
    assert record["services"]["web"]["samples"]
    assert record["author"].startswith("Ada")
    assert record["subject"] == "first"
    assert [step["do"] for step in record["plan"]][-2:] == ["start", "prove"]
    assert stage.summaries("backup") == []


def test_the_labels_are_those_that_compose_reads(stage: Stage, images: Images) -> None:
    stage.start()
    commit = stage.deploy({"web": web(images())})
    labels = stage.container("web")["Config"]["Labels"]
    assert labels["com.docker.compose.project"] == stage.environment
    assert labels["com.docker.compose.service"] == "web"
    assert labels["com.docker.compose.container-number"] == "1"
    assert labels["com.docker.compose.oneoff"] == "False"
    assert labels["moorline.commit"] == commit
    assert labels["moorline.image"] == images().pin


def test_a_new_digest_replaces_the_old_and_leaves_a_backup(stage: Stage, images: Images) -> None:
    old, new = images("healthy", "1"), images("healthy", "2")
    stage.start()
    first = stage.deploy({"web": web(old)})
    commit = stage.deploy({"web": web(new)})
    stage.wait_settled("web", new)
    assert stage.record(commit)["services"]["web"]["previous"] == old.pin
    assert [(each.commit, dict(each.pins)) for each in stage.summaries("backup")] == [
        (first, {"web": old.pin})
    ]


def test_an_image_that_is_not_here_is_pulled(stage: Stage, images: Images) -> None:
    image = images("healthy", "pulled")
    images.remove(image)
    stage.start()
    commit = stage.deploy({"web": web(image)})
    assert stage.settled("web", image)
    assert stage.record(commit)["plan"][0]["do"] == "pull"


def test_a_changed_setting_replaces_only_its_service(stage: Stage, images: Images) -> None:
    image = images("plain")
    stage.start()
    stage.deploy({"web": plain(image), "other": plain(image)})
    before = stage.container("other")["Id"], stage.container("web")["Id"]
    stage.deploy({"web": plain(image, environment={"MODE": "new"}), "other": plain(image)})
    stage.wait_settled("web", image)
    assert "MODE=new" in stage.container("web")["Config"]["Env"]
    assert stage.container("other")["Id"] == before[0]
    assert stage.container("web")["Id"] != before[1]


def test_a_comment_is_recorded_and_touches_nothing(stage: Stage, images: Images) -> None:
    services = {"web": plain(images("plain"))}
    stage.start()
    stage.deploy(services)
    before = stage.ids()
    commit = stage.push_text(f"# a word\n{stage.text(services)}")
    stage.wait_deployed(commit)
    assert stage.ids() == before
    assert "nothing had to change" in stage.record(commit)["sentence"]


def test_a_commit_to_other_files_triggers_nothing(stage: Stage, images: Images) -> None:
    image = images("plain")
    daemon = stage.start()
    stage.deploy({"web": plain(image)})
    before = stage.ids()
    tip = stage.remote.commit({"README.md": "words"}, "unrelated")
    eventually(lambda: stage.memory()["accepted"] == tip, "the commit to be seen")
    # what it would have started comes before whatever the next change of the file starts
    commit = stage.deploy({"web": plain(image, labels={"a": "b"})})
    assert tip not in [found for found, _ in stage.deployments()]
    assert daemon.log.count("rollout begins") == 2
    assert len(stage.deployments()) == 2
    assert stage.deployments()[-1] == (commit, "proven")
    assert stage.ids() != before


def test_a_service_is_added_and_removed(stage: Stage, images: Images) -> None:
    image = images("plain")
    stage.start()
    stage.deploy({"web": plain(image)})
    web_id = stage.container("web")["Id"]
    # it says the same as web does, and is proven for itself all the same
    added = stage.deploy({"web": plain(image), "worker": plain(image)})
    assert stage.settled("worker", image)
    assert stage.record(added)["services"]["worker"]["verdict"] == "healthy"
    assert list(stage.record(added)["services"]) == ["worker"]
    stage.deploy({"web": plain(image)})
    eventually(lambda: not stage.containers("worker"), "worker to be gone")
    assert stage.container("web")["Id"] == web_id


def test_a_service_is_renamed_and_keeps_its_port(stage: Stage, images: Images, port: int) -> None:
    image = images("plain")
    published = [f"127.0.0.1:{port}:3000"]
    stage.start()
    stage.deploy({"web": plain(image, ports=published), "other": plain(image)})
    stage.deploy({"site": plain(image, ports=published), "other": plain(image)})
    stage.wait_settled("site", image)
    eventually(lambda: not stage.containers("web"), "web to be gone")
    ports = stage.container("site")["NetworkSettings"]["Ports"]
    assert ports["3000/tcp"] == [{"HostIp": "127.0.0.1", "HostPort": str(port)}]


def test_two_services_swap_their_ports(
    stage: Stage, images: Images, port: int, other_port: int
) -> None:
    image = images("plain")
    first, second = [f"127.0.0.1:{port}:1"], [f"127.0.0.1:{other_port}:1"]
    stage.start()
    stage.deploy({"a": plain(image, ports=first), "b": plain(image, ports=second)})
    stage.deploy({"a": plain(image, ports=second), "b": plain(image, ports=first)})
    stage.wait_settled("a", image)
    stage.wait_settled("b", image)
    bound = stage.container("a")["NetworkSettings"]["Ports"]["1/tcp"][0]["HostPort"]
    assert bound == str(other_port)


def test_replicas_are_scaled_up_and_down(stage: Stage, images: Images) -> None:
    image = images("plain")
    stage.start()
    stage.deploy({"web": plain(image, scale=2)})
    names = sorted(each["Names"][0] for each in stage.containers("web"))
    assert names == [f"/{stage.environment}-web-1", f"/{stage.environment}-web-2"]
    stage.deploy({"web": plain(image)})
    stage.wait_settled("web", image)


def test_a_container_name_is_used_and_kept_over_a_change(stage: Stage, images: Images) -> None:
    name = f"{stage.environment}-mine"
    stage.start()
    for version in ("1", "2"):
        image = images("healthy", version)
        stage.deploy({"web": web(image, container_name=name)})
        eventually(lambda: len(stage.containers("web")) == 1, "the old one to be gone")
        eventually(lambda: stage.container("web")["Name"] == f"/{name}", "its own name")


def test_ten_quick_pushes_converge_to_the_last(stage: Stage, images: Images) -> None:
    image = images("plain")
    stage.start()
    commits = [stage.push({"web": plain(image, labels={"n": str(n)})}) for n in range(10)]
    stage.wait_deployed(commits[-1])
    stage.wait_settled("web", image)
    assert stage.container("web")["Config"]["Labels"]["n"] == "9"
    outcomes = [outcome for _, outcome in stage.deployments()]
    assert set(outcomes) <= {"proven", "superseded"}
    found = [commit for commit, _ in stage.deployments()]
    assert len(found) == len(set(found))


def test_removing_every_service_needs_a_word_in_the_file(stage: Stage, images: Images) -> None:
    stage.start()
    stage.deploy({"web": plain(images("plain"))})
    before = stage.ids()
    refused = stage.push_text("services: {}\n")
    stage.wait_trouble("allow_empty")
    assert stage.ids() == before
    agreed = stage.push({}, **{"x-moorline": {"allow_empty": True}})
    stage.wait_deployed(agreed)
    assert stage.containers() == []
    assert dict(stage.deployments())[refused] == "failed"


def test_a_restarted_daemon_touches_nothing(stage: Stage, images: Images) -> None:
    daemon = stage.start()
    stage.deploy({"web": web(images())})
    before, records = stage.ids(), stage.deployments()
    assert daemon.stop() == 0
    again = stage.start()
    again.wait_for("is in step")
    assert stage.ids() == before
    assert stage.deployments() == records

"""What can be made to go wrong, from Python and from other programs."""

import signal
import subprocess
import sys
from pathlib import Path

import docker
import httpx
import pytest

from moorline.adapters.registry import OciRegistry
from moorline.errors import NotFound, RegistryRefused
from tests.ghcr.asking import APP, BEARER, DIRECT, VERSIONS, ref, version
from tests.ghcr.emulator import TOKEN, Ghcr, running_ghcr
from tests.parts.images import build_from_scratch


def test_what_was_pushed_may_lag_behind(ghcr: Ghcr, api: httpx.Client, oci: OciRegistry) -> None:
    ghcr.push_image(APP, "v1")
    ghcr.fault("lag", count=2)
    late = ghcr.push_image(APP, "v2")
    assert not oci.exists(ref(ghcr, f"{APP}@{late.digest}"))
    assert len(api.get(VERSIONS).json()) == 1
    assert len(api.get(VERSIONS).json()) == 2


def test_a_tag_record_may_survive_its_manifest(
    ghcr: Ghcr, api: httpx.Client, oci: OciRegistry
) -> None:
    image = ghcr.push_image(APP, "v1")
    ghcr.fault("lost", digest=str(image.digest))
    assert version(api, image.digest)["metadata"]
    with pytest.raises(NotFound):
        oci.manifest(ref(ghcr, f"{APP}@{image.digest}"))


def test_the_controls_are_there_for_other_programs(ghcr: Ghcr, api: httpx.Client) -> None:
    control = f"{ghcr.url}/_emulator"
    seeded = httpx.post(f"{control}/seed", json={"package": APP, "count": 3})
    assert seeded.json() == {"seeded": 3}
    httpx.post(f"{control}/clock", json={"advance": 60})
    httpx.post(f"{control}/faults", json={"name": "server-error", "call": "list"})
    assert [api.get(VERSIONS).status_code for _ in range(2)] == [500, 200]
    assert httpx.get(f"{control}/calls").json() == {"list": 2}
    assert httpx.get(f"{control}/faults").json() == []
    assert httpx.post(f"{control}/faults", json={"name": "unheard-of"}).status_code == 400
    manifest = '{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json"}'
    planted = {"package": APP, "versions": [{"manifest": manifest, "tags": ["planted"]}]}
    httpx.post(f"{control}/seed", json=planted)
    found = httpx.get(f"{ghcr.url}/v2/{APP}/manifests/planted", headers=DIRECT)
    assert found.text == manifest
    assert "faults" in httpx.get(control).json()


def test_it_runs_by_itself_until_told_to_stop() -> None:
    command = [sys.executable, "-m", "tests.ghcr", "--user", "monalisa"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout
        url = process.stdout.readline().split()[-1]
        try:
            answer = httpx.get(f"{url}/users/monalisa", headers=BEARER)
            assert answer.json()["type"] == "User"
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0


@pytest.mark.engine
def test_in_front_of_a_real_registry_it_is_the_same(registry: str, tmp_path: Path) -> None:
    with running_ghcr(upstream=f"http://{registry}") as ghcr:
        package = f"acme/{tmp_path.name.replace('_', '-').lower()}"
        index = ghcr.push_index(package, "v1")
        ghcr.push_image(package, "v2")
        oci = OciRegistry(docker_config=ghcr.login(tmp_path))
        image = ref(ghcr, f"{package}:v1")
        assert oci.manifest(image) == index
        assert set(oci.tags(image)) == {"v1", "v2"}
        with pytest.raises(RegistryRefused):
            oci.delete_manifest(image.pinned(index.digest))
        home = f"{ghcr.api}/orgs/acme/packages/container/{package.partition('/')[2]}/versions"
        [row] = [
            each for each in ghcr.store.packages[package].rows.values() if each.tags == ["v1"]
        ]
        assert httpx.delete(f"{home}/{row.id}", headers=BEARER).status_code == 204
        assert not oci.exists(image.pinned(index.digest))
        assert httpx.post(f"{home}/{row.id}/restore", headers=BEARER).status_code == 204
        assert oci.resolve(image) == index.digest
        oci.close()


@pytest.mark.engine
def test_a_docker_engine_pushes_to_it_and_pulls_from_it(ghcr: Ghcr) -> None:
    name = f"{ghcr.registry}/{APP}"
    build_from_scratch(f"{name}:v1", {"bin/app": b"#"}, 'CMD ["/bin/app"]\n')
    engine = docker.APIClient()
    login = {"username": "anybody", "password": TOKEN}
    try:
        engine.push(name, tag="v1", auth_config=login)
        [(digest, tags)] = ghcr.versions(APP).items()
        assert tags == ("v1",)
        engine.remove_image(f"{name}:v1")
        engine.pull(name, tag="v1", auth_config=login)
        assert engine.inspect_image(f"{name}:v1")["RepoDigests"] == [f"{name}@{digest}"]
    finally:
        engine.remove_image(f"{name}:v1")
        engine.close()

"""What GitHub does with versions and their tags; the emulator keeps to each fact."""

import httpx
import pytest

from moorline.adapters.registry import OciRegistry
from tests.ghcr.asking import APP, VERSIONS, ref, version
from tests.ghcr.emulator import Ghcr
from tests.ghcr.store import DAY


def test_every_manifest_that_is_pushed_is_a_version(ghcr: Ghcr, api: httpx.Client) -> None:
    index = ghcr.push_index(APP, "v1", children=2)
    listed = api.get(VERSIONS).json()
    assert [each["metadata"]["container"]["tags"] for each in listed] == [["v1"], [], []]
    assert listed[0]["name"] == str(index.digest)


def test_the_newest_version_comes_first(ghcr: Ghcr, api: httpx.Client) -> None:
    older = ghcr.push_image(APP, "v1")
    newer = ghcr.push_image(APP, "v2")
    assert [each["name"] for each in api.get(VERSIONS).json()] == [
        str(newer.digest),
        str(older.digest),
    ]


def test_the_times_of_a_version_never_move(ghcr: Ghcr, api: httpx.Client) -> None:
    image = ghcr.push_image(APP, "v1")
    before = version(api, image.digest)
    ghcr.clock.advance(DAY)
    ghcr.put(APP, image)  # the same again
    ghcr.put(APP, image, "v2")  # one more tag
    ghcr.push_image(APP, "v1")  # a tag that moves away
    ghcr.put(APP, image, "v1")  # and back
    after = version(api, image.digest)
    assert {**after, "metadata": None} == {**before, "metadata": None}
    assert before["created_at"] == before["updated_at"] == "2026-01-02T03:04:05Z"


def test_a_tag_moves_and_the_version_that_had_it_stays(ghcr: Ghcr) -> None:
    older = ghcr.push_image(APP, "latest", "v1")
    newer = ghcr.push_image(APP, "latest")
    assert ghcr.versions(APP) == {
        str(newer.digest): ("latest",),
        str(older.digest): ("v1",),
    }


def test_a_version_goes_with_all_its_tags_and_its_manifest(
    ghcr: Ghcr, api: httpx.Client, oci: OciRegistry
) -> None:
    image = ghcr.push_image(APP, "v1", "v2")
    ghcr.push_image(APP, "v3")
    url = f"{VERSIONS}/{version(api, image.digest)['id']}"
    assert api.delete(url).status_code == 204
    assert oci.tags(ref(ghcr, APP)) == ("v3",)
    assert not oci.exists(ref(ghcr, f"{APP}@{image.digest}"))
    assert not oci.exists(ref(ghcr, f"{APP}:v1"))
    assert api.get(url).status_code == api.delete(url).status_code == 404
    assert api.delete(url).json()["message"] == "Package version not found."


def test_the_last_tagged_version_cannot_be_deleted(ghcr: Ghcr, api: httpx.Client) -> None:
    image = ghcr.push_image(APP, "v1")
    ghcr.push_image(APP)
    answer = api.delete(f"{VERSIONS}/{version(api, image.digest)['id']}")
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("You cannot delete the last tagged version")


def test_a_public_version_with_many_downloads_cannot_be_deleted(
    ghcr: Ghcr, api: httpx.Client
) -> None:
    image = ghcr.push_image(APP)
    ghcr.publish(APP)
    ghcr.row(APP, image.digest).downloads = 5001
    answer = api.delete(f"{VERSIONS}/{version(api, image.digest)['id']}")
    assert answer.status_code == 400
    assert "more than 5000 downloads" in answer.json()["message"]


def test_a_get_of_a_manifest_is_a_download_and_a_head_is_none(
    ghcr: Ghcr, oci: OciRegistry
) -> None:
    image = ghcr.push_image(APP, "v1")
    oci.resolve(ref(ghcr, f"{APP}:v1"))
    assert ghcr.row(APP, image.digest).downloads == 0
    oci.manifest(ref(ghcr, f"{APP}@{image.digest}"))
    assert ghcr.row(APP, image.digest).downloads == 1


@pytest.mark.parametrize(("days", "status"), [(29, 204), (31, 404)])
def test_what_was_deleted_can_be_restored_for_thirty_days(
    ghcr: Ghcr, api: httpx.Client, oci: OciRegistry, days: int, status: int
) -> None:
    image = ghcr.push_image(APP, "v1", "v2")
    ghcr.push_image(APP, "v3")
    url = f"{VERSIONS}/{version(api, image.digest)['id']}"
    api.delete(url)
    ghcr.push_image(APP, "v2")  # this tag is taken in the meantime
    ghcr.clock.advance(days * DAY)
    listed = api.get(VERSIONS, params={"state": "deleted"}).json()
    assert [each["name"] for each in listed] == ([str(image.digest)] if status == 204 else [])
    assert api.post(f"{url}/restore").status_code == status
    if status == 204:
        assert ghcr.versions(APP)[str(image.digest)] == ("v1",)
        assert oci.resolve(ref(ghcr, f"{APP}:v1")) == image.digest


def test_a_version_that_was_pushed_again_is_another(ghcr: Ghcr, api: httpx.Client) -> None:
    image = ghcr.push_image(APP)
    url = f"{VERSIONS}/{version(api, image.digest)['id']}"
    api.delete(url)
    ghcr.put(APP, image)
    assert api.get(url).status_code == 404
    assert api.post(f"{url}/restore").status_code == 400

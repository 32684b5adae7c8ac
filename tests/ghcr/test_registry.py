"""The registry of GitHub: what it keeps of the specification, and what not."""

import re
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from moorline.adapters.registry import OciRegistry
from moorline.errors import AccessDenied, NotFound, RegistryRefused
from tests.ghcr.asking import APP, DIRECT, ref
from tests.ghcr.emulator import TOKEN, Ghcr


def test_the_challenge_holds_a_placeholder_for_a_scope(ghcr: Ghcr) -> None:
    answer = httpx.get(f"{ghcr.url}/v2/acme/app/manifests/latest")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == (
        f'Bearer realm="{ghcr.url}/token",service="ghcr.io",scope="repository:user/image:pull"'
    )


def test_a_token_is_for_what_was_asked_as_far_as_it_is_allowed(ghcr: Ghcr) -> None:
    reader = ghcr.token("ghp_reader", scopes=["read:packages"])
    image = ghcr.push_image(APP, "v1")

    def put(secret: str) -> int:
        scope = {"service": "ghcr.io", "scope": f"repository:{APP}:pull,push"}
        token = httpx.get(f"{ghcr.url}/token", params=scope, auth=("any user", secret)).json()
        return httpx.put(
            f"{ghcr.url}/v2/{APP}/manifests/v2",
            content=image.data,
            headers={"Authorization": f"Bearer {token['token']}"},
        ).status_code

    assert (put(TOKEN), put(reader)) == (201, 403)
    refused = httpx.get(f"{ghcr.url}/token", auth=("any user", "wrong"))
    assert refused.status_code == 403


def test_a_token_is_accepted_without_being_exchanged(ghcr: Ghcr) -> None:
    ghcr.push_image(APP, "v1")
    url = f"{ghcr.url}/v2/{APP}/manifests/v1"
    assert httpx.get(url, headers=DIRECT).status_code == 200


def test_a_public_package_is_read_by_anybody_and_a_private_one_is_not(
    ghcr: Ghcr, tmp_path: Path
) -> None:
    ghcr.push_image(APP, "v1")
    nobody = OciRegistry(docker_config=tmp_path)
    image = ref(ghcr, f"{APP}:v1")
    with pytest.raises(AccessDenied):
        nobody.resolve(image)
    ghcr.publish(APP)
    assert nobody.exists(image)
    nobody.close()


@pytest.mark.parametrize("reference", ["v1", "digest"])
def test_the_registry_deletes_nothing(ghcr: Ghcr, reference: str) -> None:
    image = ghcr.push_image(APP, "v1")
    named = reference.replace("digest", str(image.digest))
    answer = httpx.delete(f"{ghcr.url}/v2/{APP}/manifests/{named}", headers=DIRECT)
    assert answer.status_code == 405
    assert answer.json()["errors"][0]["code"] == "UNSUPPORTED"


def test_there_are_no_referrers_but_a_fallback_tag(ghcr: Ghcr, oci: OciRegistry) -> None:
    image = ghcr.push_image(APP, "v1")
    url = f"{ghcr.url}/v2/{APP}/referrers/{image.digest}"
    assert httpx.get(url, headers=DIRECT).status_code == 404
    bundle = ghcr.push_referrer(APP, image)
    assert oci.referrers(ref(ghcr, f"{APP}@{image.digest}")) == (bundle.digest,)
    put = httpx.put(
        f"{ghcr.url}/v2/{APP}/manifests/again",
        content=bundle.data,
        headers={**DIRECT, "Content-Type": bundle.media_type},
    )
    assert put.status_code == 201
    assert "oci-subject" not in put.headers


def test_a_signature_may_be_a_tag(ghcr: Ghcr, oci: OciRegistry) -> None:
    image = ghcr.push_image(APP, "v1")
    signature = ghcr.push_cosign(APP, image)
    tag = f"{image.digest.value.replace(':', '-')}.sig"
    assert oci.resolve(ref(ghcr, f"{APP}:{tag}")) == signature.digest


def test_tags_come_in_pages_and_in_no_order(ghcr: Ghcr, oci: OciRegistry) -> None:
    image = ghcr.push_image(APP, *(f"v{number}" for number in range(150, 0, -1)))
    page = httpx.get(f"{ghcr.url}/v2/{APP}/tags/list", headers=DIRECT)
    assert len(page.json()["tags"]) == 100
    assert re.fullmatch(
        r'</v2/acme/app/tags/list\?last=v51&n=100>; rel="next"', page.headers["link"]
    )
    assert set(oci.tags(ref(ghcr, APP))) == set(ghcr.versions(APP)[str(image.digest)])


def test_a_manifest_of_unknown_blobs_is_refused(ghcr: Ghcr, oci: OciRegistry) -> None:
    image = ghcr.push_image(APP, "v1")
    with pytest.raises(RegistryRefused, match="MANIFEST_BLOB_UNKNOWN"):
        oci.put_manifest(ref(ghcr, "acme/other:v1"), image)


def test_a_tag_moves_by_a_put_alone(ghcr: Ghcr, oci: OciRegistry) -> None:
    image = ref(ghcr, f"{APP}:v1")
    ghcr.push_image(APP, "v1")
    ghcr.push_image(APP, "current")
    ghcr.calls.clear()
    oci.put_manifest(replace(image, tag="current"), oci.manifest(image))
    assert oci.resolve(replace(image, tag="current")) == oci.resolve(image)
    assert ghcr.calls["put"] == 1
    assert "blob" not in ghcr.calls


def test_a_client_can_read_and_write_all_of_it(ghcr: Ghcr, oci: OciRegistry) -> None:
    data = b"a small blob"
    image = ref(ghcr, "acme/new:v1")
    digest = oci.put_blob(image, data)
    assert oci.blob(image, digest) == data
    with pytest.raises(NotFound):
        oci.manifest(image)

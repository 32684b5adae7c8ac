"""What tokens are worth to GitHub, and how often they may be used."""

import httpx
import pytest

from tests.ghcr.asking import APP, VERSIONS, version
from tests.ghcr.emulator import TOKEN, Ghcr


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        ([], (403, 403, 403)),
        (["read:packages"], (200, 404, 404)),
        (["read:packages", "delete:packages"], (200, 204, 404)),
        (["write:packages"], (200, 404, 204)),
    ],
)
def test_each_call_takes_its_scope_and_lack_of_it_looks_like_absence(
    ghcr: Ghcr, api: httpx.Client, scopes: list[str], expected: tuple[int, int, int]
) -> None:
    image, gone = ghcr.push_image(APP), ghcr.push_image(APP)
    urls = [f"{VERSIONS}/{version(api, each.digest)['id']}" for each in (image, gone)]
    api.delete(urls[1])
    api.headers["Authorization"] = f"Bearer {ghcr.token('ghp_other', scopes=scopes)}"
    answers = (api.get(VERSIONS), api.delete(urls[0]), api.post(f"{urls[1]}/restore"))
    assert tuple(each.status_code for each in answers) == expected
    refused = [each.json()["message"] for each in answers if each.status_code == 404]
    assert set(refused) <= {"Package not found."}


def test_only_an_admin_deletes(ghcr: Ghcr, api: httpx.Client) -> None:
    image = ghcr.push_image(APP)
    url = f"{VERSIONS}/{version(api, image.digest)['id']}"
    scopes = ("read:packages", "delete:packages")
    token = ghcr.token("ghp_other", scopes=scopes, admin=False)
    answer = api.delete(url, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["message"]) == (404, "Package not found.")


def test_a_token_has_to_be_known_and_of_the_classic_kind(ghcr: Ghcr, api: httpx.Client) -> None:
    ghcr.push_image(APP)
    fine = ghcr.token("github_pat_11", scopes=["read:packages"])

    def status(header: str) -> int:
        return api.get(VERSIONS, headers={"Authorization": header}).status_code

    assert [status("Bearer nonsense"), status(f"Bearer {fine}")] == [401, 403]
    assert status(f"token {TOKEN}") == 200
    assert httpx.get(f"{ghcr.api}{VERSIONS}").status_code == 401


def test_calls_are_counted_down_until_the_hour_is_over(ghcr: Ghcr, api: httpx.Client) -> None:
    ghcr.push_image(APP)
    ghcr.limit(2)
    remaining = [api.get(VERSIONS).headers["x-ratelimit-remaining"] for _ in range(2)]
    assert remaining == ["1", "0"]
    refused = api.get(VERSIONS)
    assert refused.status_code == 403
    assert float(refused.headers["x-ratelimit-reset"]) == int(ghcr.clock.now() + 3600)
    ghcr.clock.advance(3600)
    assert api.get(VERSIONS).status_code == 200


def test_what_has_not_changed_is_free(ghcr: Ghcr, api: httpx.Client) -> None:
    ghcr.push_image(APP)
    first = api.get(VERSIONS)
    used = first.headers["x-ratelimit-used"]
    again = api.get(VERSIONS, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["x-ratelimit-used"] == used
    ghcr.push_image(APP)
    changed = api.get(VERSIONS, headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200
    assert ghcr.calls == {"blob": 8, "put": 2, "list": 2, "list-unchanged": 1}


def test_asking_for_the_limit_is_free(ghcr: Ghcr, api: httpx.Client) -> None:
    ghcr.limit(1)
    for _ in range(3):
        assert api.get("/rate_limit").json()["resources"]["core"]["used"] == 0

"""How GitHub lists, and under which names."""

import httpx

from tests.ghcr.asking import APP, NESTED, VERSIONS
from tests.ghcr.emulator import Ghcr


def test_pages_are_of_at_most_a_hundred(ghcr: Ghcr, api: httpx.Client) -> None:
    ghcr.seed(APP, 230)
    assert len(api.get(VERSIONS).json()) == 30
    assert len(api.get(VERSIONS, params={"per_page": 500}).json()) == 100
    assert len(api.get(VERSIONS, params={"per_page": 100, "page": 3}).json()) == 30
    assert api.get(VERSIONS, params={"per_page": 100, "page": 4}).json() == []


def test_links_lead_through_all_pages(ghcr: Ghcr, api: httpx.Client) -> None:
    ghcr.seed(APP, 230)
    answer = api.get(VERSIONS, params={"per_page": 100})
    seen = [each["name"] for each in answer.json()]
    while following := answer.links.get("next"):
        answer = api.get(following["url"])
        seen += [each["name"] for each in answer.json()]
    assert len(seen) == len(set(seen)) == 230
    assert set(answer.links) == {"prev", "first"}


def test_what_fits_on_one_page_has_no_link(ghcr: Ghcr, api: httpx.Client) -> None:
    ghcr.seed(APP, 100)
    assert "link" not in api.get(VERSIONS, params={"per_page": 100}).headers


def test_packages_are_listed_without_a_link(ghcr: Ghcr, api: httpx.Client) -> None:
    for number in range(40):
        ghcr.store.package(f"acme/app-{number}")
    answer = api.get("/orgs/acme/packages", params={"package_type": "container"})
    assert len(answer.json()) == 30
    assert "link" not in answer.headers


def test_a_name_with_a_slash_is_one_name(ghcr: Ghcr, api: httpx.Client) -> None:
    ghcr.push_image(NESTED)
    assert len(api.get("/orgs/acme/packages/container/team%2Fapp/versions").json()) == 1
    assert api.get("/orgs/acme/packages/container/team/app/versions").status_code == 404


def test_users_and_organisations_have_paths_of_their_own(ghcr: Ghcr, api: httpx.Client) -> None:
    ghcr.push_image("octocat/app")
    ghcr.push_image(APP)
    found = {
        path: api.get(f"{path}/packages/container/app/versions").status_code
        for path in ("/users/octocat", "/orgs/octocat", "/user", "/orgs/acme", "/users/acme")
    }
    assert found == {
        "/users/octocat": 200,
        "/orgs/octocat": 404,
        "/user": 200,
        "/orgs/acme": 200,
        "/users/acme": 404,
    }

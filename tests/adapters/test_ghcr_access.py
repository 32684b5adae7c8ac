"""Tokens for GitHub's API, and its limits."""

import pytest

from moorline.adapters.ghcr import GhcrPackages
from moorline.core.image import ImageRef
from moorline.errors import (
    AccessDenied,
    NotFound,
    RateLimited,
)
from tests.adapters.ghcr_clients import APP, client_of, stub_client
from tests.ghcr.emulator import TOKEN, Ghcr
from tests.parts.stub_http import Reply, Request, serving


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (None, "no token for GitHub's API.*github.token_file.*docker login"),
        ("", "no token"),
        ("two words", "more than one word"),
        ("ghp_a\r\nX-Injected: 1", "more than one word"),
        ("ghp_unknown", "does not accept the token.*read:packages"),
        ("ghp_powerless", "may not do this.*read:packages"),
        ("github_pat_fine", "may not do this.*fine-grained ones do not work"),
    ],
)
def test_a_token_that_will_not_do_is_named_as_the_reason(
    ghcr: Ghcr, app: ImageRef, token: str | None, words: str
) -> None:
    ghcr.push_image(APP)
    ghcr.token("ghp_powerless")
    ghcr.token("github_pat_fine", scopes=["read:packages"])
    packages = client_of(ghcr, token=token)
    with pytest.raises(AccessDenied, match=words) as caught:
        packages.versions(app)
    packages.close()
    assert not token or token not in str(caught.value)


@pytest.mark.parametrize("scope", ["delete:packages", "write:packages"])
def test_lack_of_rights_is_told_from_absence_where_that_can_be_known(
    ghcr: Ghcr, client: GhcrPackages, app: ImageRef, scope: str
) -> None:
    ghcr.push_image(APP)
    [version] = client.versions(app)
    reader = client_of(ghcr, token=ghcr.token("ghp_reader", scopes=["read:packages"]))
    if scope == "delete:packages":
        with pytest.raises(AccessDenied, match=scope):
            reader.delete(app, version)
    else:
        client.delete(app, version)
        with pytest.raises(NotFound, match=scope):
            reader.restore(app, version)
    reader.close()


def test_the_token_is_read_anew_for_each_request(ghcr: Ghcr, app: ImageRef) -> None:
    ghcr.push_image(APP)
    tokens = iter(["ghp_expired", TOKEN])
    packages = GhcrPackages(api=ghcr.api, registry=ghcr.registry, token=lambda: next(tokens))
    with pytest.raises(AccessDenied):
        packages.versions(app)
    assert packages.versions(app)
    packages.close()


@pytest.mark.parametrize(
    "api", ["http://api.github.com", "ftp://127.0.0.1", "api.github.com", "http://[", ""]
)
def test_the_token_travels_over_https_only(api: str) -> None:
    packages = GhcrPackages(api=api, registry="ghcr.io", token=lambda: "ghp_secret")
    with pytest.raises(AccessDenied, match="no https address"):
        packages.versions(ImageRef.parse("ghcr.io/acme/app"))


def test_a_redirect_takes_no_token_to_another_host() -> None:
    def elsewhere(_: Request) -> Reply:
        return Reply(200, b"[]")

    with serving(elsewhere) as other:

        def redirect(_: Request) -> Reply:
            return Reply(307, b"", {"Location": f"http://{other.address}/"})

        with serving(redirect) as stub:
            packages = stub_client(stub.address)
            assert packages.versions(ImageRef.parse("ghcr.io/acme/app")) == ()
            packages.close()
    assert stub.requests[0].headers["authorization"] == "Bearer ghp_secret"
    assert "authorization" not in other.requests[0].headers


@pytest.mark.parametrize(
    ("fault", "said", "waits"),
    [
        ("secondary", 7, [7]),
        ("too-many", 7, [7]),
        ("secondary", None, [60]),
        ("too-many", None, [60]),
    ],
)
def test_a_limit_is_waited_out_as_long_as_it_asks(
    ghcr: Ghcr, app: ImageRef, fault: str, said: int | None, waits: list[float]
) -> None:
    ghcr.push_image(APP)
    ghcr.fault(fault, retry_after=said)
    waited: list[float] = []
    packages = client_of(ghcr, wait=waited.append)
    assert len(packages.versions(app)) == 1
    packages.close()
    assert waited == waits


def test_a_limit_that_lasts_is_left_alone_for_longer_each_time(ghcr: Ghcr, app: ImageRef) -> None:
    ghcr.push_image(APP)
    ghcr.fault("secondary", times=None)
    waited: list[float] = []
    packages = client_of(ghcr, wait=waited.append)
    with pytest.raises(RateLimited):
        packages.versions(app)
    packages.close()
    assert waited == [60, 120, 240]


def test_the_hourly_limit_says_when_it_ends(ghcr: Ghcr, app: ImageRef) -> None:
    ghcr.push_image(APP)
    ghcr.limit(1)
    waited: list[float] = []
    packages = client_of(ghcr, wait=waited.append)
    packages.versions(app)
    ghcr.clock.advance(1800)
    with pytest.raises(RateLimited) as caught:  # half an hour is more than a request waits
        packages.versions(app)
    assert caught.value.seconds == pytest.approx(1800, abs=2)
    ghcr.clock.advance(1750)
    waited.clear()

    def wait(seconds: float) -> None:
        waited.append(seconds)
        ghcr.clock.advance(seconds)

    patient = client_of(ghcr, wait=wait)
    assert patient.versions(app)
    assert waited == [pytest.approx(50, abs=2)]
    packages.close()
    patient.close()


def test_without_a_way_to_wait_a_limit_is_raised(
    ghcr: Ghcr, client: GhcrPackages, app: ImageRef
) -> None:
    ghcr.push_image(APP)
    ghcr.fault("secondary", retry_after=3)
    with pytest.raises(RateLimited) as caught:
        client.versions(app)
    assert caught.value.seconds == 3

"""All versions of a package on GitHub, or an error: never a part."""

import pytest

from moorline.adapters.ghcr import GhcrPackages
from moorline.core.image import ImageRef
from moorline.core.retention.model import Version
from moorline.errors import (
    RegistryUnreachable,
)
from tests.adapters.ghcr_clients import APP, digests, stub_client
from tests.ghcr.emulator import Ghcr
from tests.ghcr.store import DAY, EPOCH
from tests.parts.stub_http import Reply, serving


@pytest.mark.parametrize(
    ("count", "calls"),
    [
        (1, {"list": 1}),
        (99, {"list": 1}),
        # GitHub does not say that a full page is the only one
        (100, {"list": 2, "list-unchanged": 2}),
        (101, {"list": 2, "list-unchanged": 2}),
        (200, {"list": 2, "list-unchanged": 2}),
        (1000, {"list": 10, "list-unchanged": 2}),
    ],
)
def test_a_listing_takes_one_call_a_hundred_and_proof_is_free(
    ghcr: Ghcr, client: GhcrPackages, app: ImageRef, count: int, calls: dict[str, int]
) -> None:
    rows = ghcr.seed(APP, count)
    heard: list[int] = []
    found = client.versions(app, heard.append)
    assert digests(found) == [row.digest for row in reversed(rows)]
    assert heard[-1] == count
    assert heard == sorted(heard)
    assert ghcr.calls == calls


def test_a_version_has_its_tags_its_id_and_when_it_was_pushed(
    ghcr: Ghcr, client: GhcrPackages, app: ImageRef
) -> None:
    image = ghcr.push_image(APP, "v1", "latest")
    row = ghcr.row(APP, image.digest)
    ghcr.clock.advance(DAY)
    assert client.versions(app) == (
        Version(digest=str(image.digest), tags=("latest", "v1"), created=EPOCH, id=str(row.id)),
    )


def test_a_missing_link_ends_no_listing(ghcr: Ghcr, client: GhcrPackages, app: ImageRef) -> None:
    ghcr.seed(APP, 250)
    ghcr.fault("no-link")
    assert len(client.versions(app)) == 250
    assert ghcr.calls["list"] == 3


def test_a_link_may_be_missing_on_one_page(
    ghcr: Ghcr, client: GhcrPackages, app: ImageRef
) -> None:
    ghcr.seed(APP, 350)
    ghcr.fault("no-link", page=2)
    assert len(client.versions(app)) == 350


@pytest.mark.parametrize("page", [1, 2, 3])
def test_a_deletion_while_paging_hides_no_version(
    ghcr: Ghcr, client: GhcrPackages, app: ImageRef, page: int
) -> None:
    ghcr.seed(APP, 450)
    ghcr.fault("shift", page=page, count=3)
    found = client.versions(app)
    assert digests(found) == list(ghcr.versions(APP))


def test_a_push_while_paging_shows_no_version_twice(
    ghcr: Ghcr, client: GhcrPackages, app: ImageRef
) -> None:
    rows = ghcr.seed(APP, 450)
    ghcr.fault("arrive", page=2, count=3)
    found = digests(client.versions(app))
    assert found[3:] == [row.digest for row in reversed(rows)]
    assert found == list(ghcr.versions(APP))


@pytest.mark.parametrize(("deletions", "pushes"), [(1, 1), (3, 3), (2, 5)])
def test_pushes_do_not_hide_a_deletion(
    ghcr: Ghcr, client: GhcrPackages, app: ImageRef, deletions: int, pushes: int
) -> None:
    rows = ghcr.seed(APP, 450)
    ghcr.fault("shift", page=2, count=deletions)
    ghcr.fault("arrive", page=4, count=pushes)
    found = digests(client.versions(app))
    staying = {row.digest for row in rows[: 450 - deletions]}
    assert staying <= set(found)
    assert len(found) == len(set(found))


def test_a_package_that_never_stands_still_is_not_listed_in_part(
    ghcr: Ghcr, client: GhcrPackages, app: ImageRef
) -> None:
    ghcr.seed(APP, 450)
    ghcr.fault("shift", page=2, times=None)
    with pytest.raises(RegistryUnreachable, match="deleted while they are listed"):
        client.versions(app)


def test_a_passing_failure_in_the_middle_is_tried_again(
    ghcr: Ghcr, client: GhcrPackages, app: ImageRef
) -> None:
    ghcr.seed(APP, 250)
    ghcr.fault("server-error", page=2)
    ghcr.fault("break", page=3)
    assert len(client.versions(app)) == 250


@pytest.mark.parametrize("fault", ["server-error", "stale", "last-tagged"])
def test_a_listing_that_breaks_off_is_an_error_and_no_part(
    ghcr: Ghcr, client: GhcrPackages, app: ImageRef, fault: str
) -> None:
    ghcr.seed(APP, 250)
    ghcr.fault(fault, call="list", page=2, times=None)
    with pytest.raises(RegistryUnreachable):
        client.versions(app)


def test_what_lags_behind_is_there_next_time(
    ghcr: Ghcr, client: GhcrPackages, app: ImageRef
) -> None:
    ghcr.push_image(APP, "v1")
    ghcr.fault("lag")
    late = ghcr.push_image(APP, "v2")
    assert str(late.digest) not in digests(client.versions(app))
    assert str(late.digest) in digests(client.versions(app))


GOOD_ROW = (
    b'{"id": 1, "name": "sha256:%s", "created_at": "2026-01-02T03:04:05Z",'
    b' "metadata": {"container": {"tags": ["v1"]}}}' % (b"a" * 64)
)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[{}]",
        b"[" * 5000,
        b"[%s, null]" % GOOD_ROW,
        b"[%s]" % GOOD_ROW.replace(b'"v1"', b'"a\\nb"'),
        b"[%s]" % GOOD_ROW.replace(b'"tags": ["v1"]', b""),
        b"[%s]" % GOOD_ROW.replace(b"sha256:", b"sha512:"),
        b"[%s]" % GOOD_ROW.replace(b"2026-01-02T03:04:05Z", b"yesterday"),
        b"[%s]" % GOOD_ROW.replace(b"05Z", b"05"),
        b"[%s]" % GOOD_ROW.replace(b'"id": 1', b'"id": -1'),
    ],
)
def test_what_cannot_be_read_is_never_left_out(body: bytes) -> None:
    with serving(lambda _: Reply(200, body)) as stub:
        packages = stub_client(stub.address)
        with pytest.raises(RegistryUnreachable, match="cannot be read"):
            packages.versions(ImageRef.parse("ghcr.io/acme/app"))
        packages.close()


@pytest.mark.parametrize(
    ("link", "complaint"),
    [
        ('<https://elsewhere.example/page/2>; rel="next"', "is said to be at"),
        ('<?per_page=100>; rel="next"', "in circles"),
    ],
)
def test_a_link_leads_neither_away_nor_back(link: str, complaint: str) -> None:
    with serving(lambda _: Reply(200, b"[]", {"Link": link})) as stub:
        packages = stub_client(stub.address)
        with pytest.raises(RegistryUnreachable, match=complaint):
            packages.versions(ImageRef.parse("ghcr.io/acme/app"))
        packages.close()
    assert len(stub.requests) == 1

"""Versions on GitHub, one by one: looked at, deleted, restored."""

from dataclasses import replace

import pytest

from moorline.adapters.ghcr import GhcrPackages
from moorline.core.image import ImageRef
from moorline.core.retention.model import Version
from moorline.errors import (
    AccessDenied,
    MoorlineError,
    NotFound,
    RateLimited,
    RegistryRefused,
    RegistryUnreachable,
)
from tests.adapters.ghcr_clients import ABSENT, APP, client_of, digests
from tests.ghcr.emulator import Ghcr
from tests.ghcr.store import DAY


def test_looking_shows_tags_that_have_moved(
    ghcr: Ghcr, client: GhcrPackages, app: ImageRef
) -> None:
    ghcr.push_image(APP, "v1", "latest")
    [before] = client.versions(app)
    ghcr.push_image(APP, "latest")
    assert client.look(app, before) == replace(before, tags=("v1",))
    assert client.look(app, replace(before, id="")) == replace(before, tags=("v1",))


def test_a_version_that_github_takes_for_another_is_an_error(
    ghcr: Ghcr, client: GhcrPackages, app: ImageRef
) -> None:
    ghcr.push_image(APP, "v1")
    [version] = client.versions(app)
    with pytest.raises(RegistryUnreachable, match="answers with another"):
        client.look(app, replace(version, digest=str(ABSENT)))


def test_the_newest_is_found_in_one_call(ghcr: Ghcr, client: GhcrPackages, app: ImageRef) -> None:
    ghcr.seed(APP, 1000)
    image = ghcr.push_image(APP, "dummy")
    ghcr.calls.clear()
    found = client.find(app, image.digest)
    assert found is not None
    assert found.tags == ("dummy",)
    assert ghcr.calls == {"list": 1}
    assert client.find(app, ABSENT) is None


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("last-tagged", RegistryRefused, "last tagged version.*delete the whole package"),
        ("downloads", RegistryRefused, "5000 downloads.*make the package private"),
        ("stale", NotFound, "no such version any more"),
        ("denied", AccessDenied, "may not do this.*delete:packages.*admin"),
        ("secondary", RateLimited, "asks for patience"),
        ("server-error", RegistryUnreachable, "500: Server Error"),
    ],
)
def test_a_deletion_that_is_refused_says_what_helps(
    ghcr: Ghcr, app: ImageRef, fault: str, error: type[MoorlineError], words: str
) -> None:
    client = client_of(ghcr)
    ghcr.push_image(APP, "v1")
    version = client.versions(app)[0]
    ghcr.fault(fault, call="delete", times=None)
    with pytest.raises(error, match=words):
        client.delete(app, version)
    assert client.look(app, version) == version
    client.close()


def test_what_others_have_deleted_is_gone(ghcr: Ghcr, client: GhcrPackages, app: ImageRef) -> None:
    ghcr.push_image(APP)
    [version] = client.versions(app)
    client.delete(app, version)
    with pytest.raises(NotFound, match="no such version any more"):
        client.delete(app, version)
    with pytest.raises(NotFound, match="no such version any more"):
        client.delete(app, replace(version, id=""))


def test_a_deletion_that_failed_is_not_sent_again_by_itself(
    ghcr: Ghcr, client: GhcrPackages, app: ImageRef
) -> None:
    ghcr.push_image(APP)
    [version] = client.versions(app)
    ghcr.fault("server-error", call="delete")
    with pytest.raises(RegistryUnreachable):
        client.delete(app, version)
    assert ghcr.calls["delete"] == 1


def test_a_connection_that_breaks_is_opened_again(
    ghcr: Ghcr, client: GhcrPackages, app: ImageRef
) -> None:
    ghcr.push_image(APP)
    [version] = client.versions(app)
    ghcr.fault("break", call="delete")
    client.delete(app, version)
    assert client.versions(app) == ()


@pytest.mark.parametrize("known", [True, False])
def test_a_deleted_version_comes_back_with_its_tags(
    ghcr: Ghcr, client: GhcrPackages, app: ImageRef, *, known: bool
) -> None:
    image = ghcr.push_image(APP, "v1", "v2")
    ghcr.push_image(APP, "v3")
    version = client.versions(app)[1]
    client.delete(app, version)
    client.restore(app, version if known else replace(version, id=""))
    assert ghcr.versions(APP)[str(image.digest)] == ("v1", "v2")


def test_a_restoration_whose_answer_was_lost_can_be_repeated(
    ghcr: Ghcr, client: GhcrPackages, app: ImageRef
) -> None:
    ghcr.push_image(APP)
    [version] = client.versions(app)
    client.delete(app, version)
    client.restore(app, version)
    client.restore(app, version)
    assert client.look(app, version) == version


@pytest.mark.parametrize("known", [True, False])
def test_after_thirty_days_nothing_is_restored(
    ghcr: Ghcr, client: GhcrPackages, app: ImageRef, *, known: bool
) -> None:
    ghcr.push_image(APP)
    [version] = client.versions(app)
    client.delete(app, version)
    ghcr.clock.advance(31 * DAY)
    with pytest.raises(NotFound, match="for 30 days"):
        client.restore(app, version if known else replace(version, id=""))


def test_what_was_pushed_again_is_not_restored(
    ghcr: Ghcr, client: GhcrPackages, app: ImageRef
) -> None:
    image = ghcr.push_image(APP)
    [version] = client.versions(app)
    client.delete(app, version)
    ghcr.put(APP, image)
    with pytest.raises(RegistryRefused):
        client.restore(app, version)


@pytest.mark.parametrize(
    "hostile", ["../../../user", "1/restore", "\N{FULLWIDTH DIGIT ONE}", "-1", "1?a=b"]
)
def test_an_id_is_a_number(client: GhcrPackages, app: ImageRef, hostile: str) -> None:
    with pytest.raises(NotFound, match="no id of a version"):
        client.delete(app, Version(digest=str(ABSENT), id=hostile))


def test_a_user_s_packages_are_found_as_well(ghcr: Ghcr, client: GhcrPackages) -> None:
    image = ghcr.push_image("octocat/team/app", "v1")
    named = ImageRef.parse(f"{ghcr.registry}/octocat/team/app")
    assert digests(client.versions(named)) == [str(image.digest)]
    ghcr.calls.clear()
    client.versions(named)
    assert ghcr.calls == {"list": 1}  # whose it is, is not asked again


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("acme/other", "not there, or not for this token"),
        ("nobody/app", "no nobody on GitHub"),
        ("app", "OWNER/NAME"),
        ("acme/../../user", "not a repository name"),
        ("acme/a?b#c", "not a repository name"),
        ("acme/a\nb", "not a repository name"),
        ("../app", "not a repository name"),
        ("acme/app:v1", "not a repository name"),
    ],
)
def test_what_is_no_package_is_not_found(
    client: GhcrPackages, app: ImageRef, name: str, complaint: str
) -> None:
    with pytest.raises(NotFound, match=complaint):
        client.versions(replace(app, repository=name))


def test_other_registries_are_not_asked_for(client: GhcrPackages) -> None:
    with pytest.raises(RegistryRefused):
        client.versions(ImageRef.parse("quay.io/acme/app"))

"""References are read as the distribution specification and the Docker CLI read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorline.core.image import Digest, ImageRef

HEX = "0123456789abcdef" * 4
DIGEST = f"sha256:{HEX}"


@pytest.mark.parametrize(
    ("text", "registry", "repository", "tag"),
    [
        ("nginx", "docker.io", "library/nginx", None),
        ("nginx:1.27", "docker.io", "library/nginx", "1.27"),
        ("grafana/grafana", "docker.io", "grafana/grafana", None),
        ("docker.io/nginx", "docker.io", "library/nginx", None),
        ("index.docker.io/nginx", "docker.io", "library/nginx", None),
        ("index.docker.io/grafana/grafana", "docker.io", "grafana/grafana", None),
        ("ghcr.io/acme/web:main-047b82e", "ghcr.io", "acme/web", "main-047b82e"),
        ("ghcr.io/web", "ghcr.io", "web", None),
        ("localhost/web", "localhost", "web", None),
        ("localhost:5000/web:2", "localhost:5000", "web", "2"),
        ("registry:5000/a/b/c", "registry:5000", "a/b/c", None),
        ("[::1]:5000/web:2", "[::1]:5000", "web", "2"),
        ("127.0.0.1:5000/web", "127.0.0.1:5000", "web", None),
        ("HOST/web", "HOST", "web", None),
        ("localhost:5000", "docker.io", "library/localhost", "5000"),
        ("a__b/c-d.e", "docker.io", "a__b/c-d.e", None),
    ],
)
def test_a_reference_is_normalised(
    text: str, registry: str, repository: str, tag: str | None
) -> None:
    assert ImageRef.parse(text) == ImageRef(registry=registry, repository=repository, tag=tag)
    pinned = ImageRef.parse(f"{text}@{DIGEST}")
    assert pinned == ImageRef.parse(text).pinned(Digest(DIGEST))
    assert ImageRef.parse(str(pinned)) == pinned


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "not a repository name"),
        ("Nginx", "not a repository name"),
        ("nginx:", "not a tag"),
        ("nginx:-x", "not a tag"),
        ("nginx:" + "x" * 129, "not a tag"),
        ("nginx:1.27\n", "not a tag"),
        ("nginx@", "not a digest"),
        ("nginx@sha256:abc", "not a digest"),
        (f"nginx@{DIGEST}\n", "not a digest"),
        (f"nginx@sha512:{HEX}", "not a digest"),
        (f"nginx@{DIGEST.upper()}", "not a digest"),
        ("a..b/c", "not a registry"),
        ("-a.b/c", "not a registry"),
        ("ghcr.io/", "not a repository name"),
        ("ghcr.io//web", "not a repository name"),
        ("ghcr.io/web/", "not a repository name"),
        ("ghcr.io/ä", "not a repository name"),
        ("host:123456/web", "not a registry"),
        ("https://ghcr.io/web", "not a registry"),
        ("ghcr.io/" + "a" * 248, "longer than 255"),
    ],
)
def test_what_is_no_reference_is_refused_with_the_part_that_is_wrong(
    text: str, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        ImageRef.parse(text)


def test_the_longest_name_is_accepted() -> None:
    assert len(ImageRef.parse("ghcr.io/" + "a" * 247).name) == 255


def test_a_pin_is_name_and_digest_without_the_tag() -> None:
    assert ImageRef.parse(f"nginx:1.27@{DIGEST}").pin == f"docker.io/library/nginx@{DIGEST}"


def test_without_a_digest_there_is_no_pin() -> None:
    with pytest.raises(ValueError, match="nginx:1 has no digest"):
        _ = ImageRef.parse("nginx:1").pin


def test_an_image_is_turned_to_another_tag_or_digest_of_its_repository() -> None:
    one, two = Digest(f"sha256:{'1' * 64}"), Digest(f"sha256:{'2' * 64}")
    image = ImageRef.parse(f"ghcr.io/acme/app:main@{one}")
    assert str(image.tagged("latest")) == "ghcr.io/acme/app:latest"
    assert str(image.unpinned) == "ghcr.io/acme/app:main"
    assert str(image.pinned(two)) == f"ghcr.io/acme/app:main@{two}"
    assert str(image.at(two)) == f"ghcr.io/acme/app@{two}"


def test_a_digest_has_a_short_form_for_people() -> None:
    assert Digest(DIGEST).short == "0123456789ab"
    assert str(Digest(DIGEST)) == DIGEST


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_and_what_is_read_prints_as_itself(text: str) -> None:
    try:
        image = ImageRef.parse(text)
    except ValueError:
        return
    assert ImageRef.parse(str(image)) == image

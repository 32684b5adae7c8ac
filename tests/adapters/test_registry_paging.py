"""Listings: complete, or an error."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from moorline.adapters.registry import OciRegistry
from moorline.core.image import ImageRef
from moorline.core.manifest import OCI_INDEX
from moorline.errors import MoorlineError, NotFound, RegistryRefused, RegistryUnreachable
from tests.parts.stub_http import Reply, Request, Stub, serving

SUBJECT = f"sha256:{'1' * 64}"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[OciRegistry]:
    registry = OciRegistry(docker_config=tmp_path, timeout=5)
    yield registry
    registry.close()


def image(stub: Stub) -> ImageRef:
    return ImageRef.parse(f"{stub.address}/team/web@{SUBJECT}")


def page(*tags: str, link: str = "") -> Reply:
    body = json.dumps({"name": "team/web", "tags": tags}).encode()
    return Reply(200, body, {"Link": link} if link else {})


def scripted(pages: dict[str, Reply]) -> Callable[[Request], Reply]:
    """Answers by the query's `p`."""

    def respond(request: Request) -> Reply:
        return pages[parse_qs(urlsplit(request.path).query).get("p", [""])[0]]

    return respond


@pytest.mark.parametrize(
    "link",
    [
        "</v2/team/web/tags/list?p=2>; rel=next",
        '<list?p=2>; rel="next"',
        '<?p=2>;rel="next"',
        '<http://{host}/v2/team/web/tags/list?p=2>; rel="next"',
        '</v2/>; rel="prev", </v2/team/web/tags/list?p=2>; title="x"; REL="NEXT"',
    ],
)
def test_every_form_of_link_is_followed(registry: OciRegistry, link: str) -> None:
    def respond(request: Request) -> Reply:
        first = page("a", "b", link=link.replace("{host}", stub.address))
        return scripted({"": first, "2": page("c")})(request)

    with serving(respond) as stub:
        assert registry.tags(image(stub)) == ("a", "b", "c")


@pytest.mark.parametrize("body", [b'{"tags": null}', b'{"tags": []}'])
def test_a_repository_may_have_no_tags(registry: OciRegistry, body: bytes) -> None:
    with serving(lambda _: Reply(200, body)) as stub:
        assert registry.tags(image(stub)) == ()


@pytest.mark.parametrize(
    ("pages", "words"),
    [
        ({"": page("a", link='<?p=1>; rel="next"'), "1": Reply(404)}, "breaks off"),
        ({"": page("a", link='<?p=1>; rel="next"'), "1": Reply(400)}, "breaks off"),
        ({"": page("a", link='<?p=1>; rel="next"'), "1": Reply(500)}, "answers 500"),
        ({"": page("a", link='<?p=1>; rel="next"'), "1": Reply(200, b"<html>")}, "nonsense"),
        (
            {
                "": page("a", link='<?p=1>; rel="next"'),
                "1": page("b", link='<?p=1>; rel="next"'),
            },
            "in circles",
        ),
        (
            {"": page("a", link='<?p=1>; rel="next"'), "1": page("a", link='<?p=2>; rel="next"')},
            "in circles",
        ),
        ({"": page("a", link='<http://other.example/>; rel="next"')}, "other.example"),
        ({"": page("a", link='<//other.example/>; rel="next"')}, "other.example"),
        ({"": page("a", link='<https://127.0.0.1/>; rel="next"')}, "said to be at https"),
        ({"": page("a", link='<http://[/>; rel="next"')}, "said to be at"),
        ({"": Reply(200, b"[]")}, "nonsense"),
        ({"": Reply(200, b"{}")}, "nonsense"),
        ({"": Reply(200, b'{"tags": 7}')}, "nonsense"),
        ({"": page("a", "b c")}, "a tag that cannot be: b c"),
        ({"": page("a", "../x")}, "a tag that cannot be"),
        ({"": Reply(200, b'{"tags": [1.5e3, null]}')}, "nonsense"),
        ({"": Reply(200, b'{"tags": "abc"}')}, "nonsense"),
        ({"": Reply(200, b'{"tags": {"a": 1}}')}, "nonsense"),
    ],
)
def test_a_listing_that_is_not_whole_is_an_error(
    registry: OciRegistry, pages: dict[str, Reply], words: str
) -> None:
    with serving(scripted(pages)) as stub, pytest.raises(RegistryUnreachable, match=words):
        registry.tags(image(stub))


@pytest.mark.parametrize(("status", "error"), [(404, NotFound), (405, RegistryRefused)])
def test_a_listing_that_does_not_begin_says_why(
    registry: OciRegistry, status: int, error: type[MoorlineError]
) -> None:
    with serving(lambda _: Reply(status)) as stub, pytest.raises(error):
        registry.tags(image(stub))


ALL = tuple(f"t{number:05}" for number in range(2500))


@pytest.mark.parametrize("knows_last", [True, False])
def test_a_link_that_was_left_out_hides_nothing(
    registry: OciRegistry, *, knows_last: bool
) -> None:
    def respond(request: Request) -> Reply:
        query = parse_qs(urlsplit(request.path).query)
        if not knows_last:
            return page(*ALL[:1000])  # all there are, and as many as a page holds
        after = [tag for tag in ALL if tag > query.get("last", [""])[0]]
        return page(*after[: int(query["n"][0])])

    with serving(respond) as stub:
        assert registry.tags(image(stub)) == (ALL if knows_last else ALL[:1000])


def test_a_registry_that_wants_smaller_pages_chooses_their_size(registry: OciRegistry) -> None:
    def respond(request: Request) -> Reply:
        refused = Reply(400, b'{"errors": [{"code": "PAGINATION_NUMBER_INVALID"}]}')
        return refused if "n=" in request.path else page("a", "b")

    with serving(respond) as stub:
        assert registry.tags(image(stub)) == ("a", "b")


def test_referrers_are_followed_from_page_to_page(registry: OciRegistry) -> None:
    def listed(number: int, link: str = "") -> Reply:
        entry = {"mediaType": OCI_INDEX, "digest": f"sha256:{number:064x}", "size": 1}
        body = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
        return Reply(200, body, {"Link": link} if link else {})

    pages = {"": listed(7, '<?p=2>; rel="next"'), "2": listed(8)}
    with serving(scripted(pages)) as stub:
        found = [str(each) for each in registry.referrers(image(stub))]
    assert found == [f"sha256:{7:064x}", f"sha256:{8:064x}"]

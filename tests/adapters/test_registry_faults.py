"""Registries that lie, break off, or say no: what the client makes of it."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from moorline.adapters.registry import OciRegistry
from moorline.core.image import Digest, ImageRef
from moorline.core.manifest import OCI_INDEX, OCI_MANIFEST, Manifest
from moorline.errors import (
    AccessDenied,
    MoorlineError,
    NotFound,
    RateLimited,
    RegistryRefused,
    RegistryUnreachable,
)
from tests.parts.dialects import DIALECTS, PASSWORD, USER, Server, speaking
from tests.parts.manifests import push_image
from tests.parts.registry import write_login
from tests.parts.stub_http import Reply, Request, Stub, serving

MANIFEST = Manifest(OCI_MANIFEST, b'{"schemaVersion": 2, "layers": []}')
OTHER = Digest(f"sha256:{'1' * 64}")
ZOT = next(each for each in DIALECTS if each.name == "zot")
GITLAB = next(each for each in DIALECTS if each.name == "gitlab")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[OciRegistry]:
    registry = OciRegistry(docker_config=tmp_path, timeout=5)
    yield registry
    registry.close()


def image(stub: Stub, reference: str = ":main") -> ImageRef:
    return ImageRef.parse(f"{stub.address}/team/web{reference}")


def served(data: bytes = MANIFEST.data, named: object = MANIFEST.digest) -> Reply:
    return Reply(200, data, {"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": str(named)})


# --- digests ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "reply", "words"),
    [
        (f"@{MANIFEST.digest}", served(b"{}"), "its answer has"),
        (f"@{MANIFEST.digest}", served(named=OTHER), "its answer has"),
        (f"@{MANIFEST.digest}", Reply(200, b"{}"), "answers with digest"),
        (f"@{OTHER}", served(), "answers with digest"),
    ],
)
def test_bytes_that_are_not_the_digests_are_not_believed(
    registry: OciRegistry, reference: str, reply: Reply, words: str
) -> None:
    with serving(lambda _: reply) as stub, pytest.raises(RegistryUnreachable, match=words):
        registry.manifest(image(stub, reference))


def test_a_tag_is_read_by_the_digest_that_it_names(registry: OciRegistry) -> None:
    with serving(lambda _: served()) as stub:
        assert registry.manifest(image(stub)) == MANIFEST
    assert [each.path.rpartition("/")[2] for each in stub.requests] == [
        "main",
        str(MANIFEST.digest),
    ]


@pytest.mark.parametrize(
    ("body", "served_as", "media_type"),
    [
        (b'{"mediaType": "application/vnd.x+json"}', OCI_MANIFEST, "application/vnd.x+json"),
        (b"{}", f"{OCI_INDEX}; charset=utf-8", OCI_INDEX),
        (b"{}", "text/plain", OCI_MANIFEST),
        (b'{"manifests": [], "mediaType": 7}', "", OCI_INDEX),
        (b"no json", OCI_INDEX, OCI_INDEX),
        (b"[" * 100_000, "", OCI_MANIFEST),
    ],
)
def test_the_type_that_the_digest_covers_comes_first(
    registry: OciRegistry, body: bytes, served_as: str, media_type: str
) -> None:
    with serving(lambda _: Reply(200, body, {"Content-Type": served_as})) as stub:
        assert registry.manifest(image(stub)) == Manifest(media_type, body)


def test_exactly_the_bytes_are_put_with_exactly_their_type(registry: OciRegistry) -> None:
    odd = Manifest("application/vnd.odd+json", b'{ "b":1,"a" :2 }\n')
    with serving(lambda _: Reply(201)) as stub:
        registry.put_manifest(image(stub), odd)
    [put] = stub.requests
    assert (put.body, put.headers["content-type"]) == (odd.data, odd.media_type)


def test_a_registry_that_stored_something_else_is_not_believed(registry: OciRegistry) -> None:
    stored = Reply(201, headers={"Docker-Content-Digest": str(OTHER)})
    with serving(lambda _: stored) as stub, pytest.raises(RegistryUnreachable, match="names dig"):
        registry.put_manifest(image(stub), MANIFEST)


def test_a_blob_with_other_bytes_is_not_believed(registry: OciRegistry) -> None:
    with (
        serving(lambda _: Reply(200, b"x")) as stub,
        pytest.raises(RegistryUnreachable, match="other bytes"),
    ):
        registry.blob(image(stub), OTHER)


# --- refusals -----------------------------------------------------------------------------------

SAID = b'{"errors": [{"code": "DENIED", "message": "no\\u001b[1m\\nway", "detail": "x"}]}'


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (Reply(400, SAID), RegistryRefused, r"refuses \(400: DENIED: no \[1m way: x\)$"),
        (Reply(405), RegistryRefused, r"refuses \(405\)$"),
        (Reply(413), RegistryRefused, "413"),
        (Reply(415, b"[]"), RegistryRefused, "415"),
        (Reply(400, b'{"errors": {}}'), RegistryRefused, "400"),
        (Reply(400, b'{"errors": [1, {"detail": {}}]}'), RegistryRefused, r"\(400\)"),
        (Reply(403, SAID), AccessDenied, r"may not push there \(403: DENIED"),
        (Reply(404), NotFound, "not in the registry"),
        (Reply(408), RegistryUnreachable, "answers 408"),
        (Reply(500, SAID), RegistryUnreachable, "answers 500: DENIED"),
        (Reply(204), RegistryUnreachable, "answers 204"),
        (Reply(307, headers={"Location": "http://a.example/"}), RegistryUnreachable, "307"),
        (Reply(429, SAID, {"Retry-After": "7"}), RateLimited, "retry after 7 s"),
    ],
)
def test_a_refused_put_is_sorted(
    registry: OciRegistry, reply: Reply, error: type[MoorlineError], words: str
) -> None:
    with serving(lambda _: reply) as stub, pytest.raises(error, match=words) as caught:
        registry.put_manifest(image(stub), MANIFEST)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("status", [400, 405, 501])
def test_a_tag_that_cannot_be_deleted_is_refused_or_failed(
    registry: OciRegistry, status: int
) -> None:
    expected = RegistryRefused if status < 500 else RegistryUnreachable
    with serving(lambda _: Reply(status)) as stub, pytest.raises(expected):
        registry.delete_tag(image(stub))


def test_a_404_for_a_tag_that_is_there_means_that_tags_cannot_be_deleted(
    registry: OciRegistry,
) -> None:
    def respond(request: Request) -> Reply:
        return served() if request.method == "HEAD" else Reply(404)

    with serving(respond) as stub, pytest.raises(RegistryRefused, match="cannot delete one tag"):
        registry.delete_tag(image(stub))


def test_a_part_of_an_index_is_shielded_by_some(registry: OciRegistry) -> None:
    with speaking(ZOT) as server:
        one = push_image(registry, image(server.stub, ""), "one")
        registry.put_manifest(image(server.stub, ":multi"), index(one))
        with pytest.raises(RegistryRefused, match="DENIED: referenced by an index"):
            registry.delete_manifest(image(server.stub, f"@{one.digest}"))


def index(*children: Manifest) -> Manifest:
    entries = [
        {"mediaType": each.media_type, "digest": str(each.digest), "size": len(each.data)}
        for each in children
    ]
    return Manifest(OCI_INDEX, json.dumps({"schemaVersion": 2, "manifests": entries}).encode())


def test_a_registrys_warning_is_passed_on_in_one_line(tmp_path: Path) -> None:
    heard: list[str] = []
    warned = served()
    headers = {**warned.headers, "Warning": '299 - "going away \x1b[31m soon", 110 - "stale"'}
    registry = OciRegistry(docker_config=tmp_path, remark=heard.append)
    with serving(lambda _: Reply(200, warned.body, headers)) as stub:
        registry.resolve(image(stub))
    registry.close()
    assert heard == [f"{stub.address} warns: going away [31m soon"]


# --- GitHub's words -----------------------------------------------------------------------------


@contextmanager
def github(
    folder: Path, respond: Callable[[Request], Reply]
) -> Iterator[tuple[OciRegistry, Stub]]:
    """A registry that is known to be GitHub's."""
    with serving(respond) as stub:
        registry = OciRegistry(docker_config=folder, github=stub.address)
        yield registry, stub
        registry.close()


def test_github_says_404_to_who_may_not_look(tmp_path: Path) -> None:
    unknown = Reply(404, b'{"errors": [{"code": "NAME_UNKNOWN"}]}')
    absent = Reply(404, b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}')
    replies = iter((unknown, absent))
    with github(tmp_path, lambda _: next(replies)) as (registry, stub):
        with pytest.raises(NotFound, match="or the token may not see it"):
            registry.tags(image(stub))
        with pytest.raises(NotFound, match=r"not in the registry$"):
            registry.manifest(image(stub, f"@{OTHER}"))


def test_github_is_told_which_scope_is_missing(tmp_path: Path) -> None:
    with github(tmp_path, lambda _: Reply(403)) as (registry, stub):
        with pytest.raises(AccessDenied, match=r"may not push there.*needs write:packages"):
            registry.put_manifest(image(stub), MANIFEST)
        with pytest.raises(AccessDenied, match=r"may not delete there.*needs delete:packages"):
            registry.delete_manifest(image(stub, f"@{OTHER}"))


# --- scopes -------------------------------------------------------------------------------------


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Server]:
    with speaking(GITLAB) as server:
        write_login(tmp_path, server.address, USER, PASSWORD)
        yield server


def scopes(server: Server) -> list[str]:
    """What tokens were asked for, in order."""
    asked = [each.path for each in server.stub.asked("/auth/token")]
    return [path.rpartition("%3A")[2].replace("%2C", ",") for path in asked]


def test_a_token_is_asked_for_what_is_done_and_kept(
    registry: OciRegistry, guarded: Server
) -> None:
    manifest = push_image(registry, image(guarded.stub), "one")
    registry.resolve(image(guarded.stub))
    registry.tags(image(guarded.stub))
    registry.delete_manifest(image(guarded.stub, f"@{manifest.digest}"))
    assert not registry.exists(image(guarded.stub))
    assert scopes(guarded) == ["pull", "pull,push", "pull,push,delete"]


def test_tokens_of_two_repositories_are_not_mixed_up(
    registry: OciRegistry, guarded: Server
) -> None:
    for name in ("one", "two", "one"):
        push_image(registry, ImageRef.parse(f"{guarded.address}/{name}:1"), name)
    assert len(scopes(guarded)) == 4


@pytest.mark.parametrize(
    ("may", "missing"), [({"pull"}, "push"), ({"pull", "push"}, "delete"), (set(), "read")]
)
def test_a_token_that_silently_lacks_a_right_is_told_of(
    registry: OciRegistry, tmp_path: Path, guarded: Server, may: set[str], missing: str
) -> None:
    manifest = push_image(registry, image(guarded.stub), "one")
    fresh = OciRegistry(docker_config=tmp_path)
    guarded.may = frozenset(may)
    calls: dict[str, Callable[[], object]] = {
        "push": lambda: fresh.put_manifest(image(guarded.stub, ":two"), manifest),
        "delete": lambda: fresh.delete_manifest(image(guarded.stub, f"@{manifest.digest}")),
        "read": lambda: fresh.tags(image(guarded.stub)),
    }
    words = "denies access" if missing == "read" else f"may not {missing} there"
    with pytest.raises(AccessDenied, match=words):
        calls[missing]()
    fresh.close()


# --- where blobs are ----------------------------------------------------------------------------


def test_a_blob_elsewhere_is_fetched_without_our_token(
    registry: OciRegistry, guarded: Server
) -> None:
    with serving(lambda _: Reply(200, b"config")) as elsewhere:
        digest = registry.put_blob(image(guarded.stub), b"config")
        away = Reply(307, headers={"Location": f"http://{elsewhere.address}/cdn?sig=1"})
        guarded.intercept = lambda request: away if request.method == "GET" else None
        assert registry.blob(image(guarded.stub), digest) == b"config"
    [asked] = elsewhere.requests
    assert asked.path == "/cdn?sig=1"
    assert "authorization" not in asked.headers


def test_credentials_do_not_go_where_a_redirect_leads(
    registry: OciRegistry, guarded: Server
) -> None:
    demand = Reply(401, headers={"WWW-Authenticate": "Basic realm=x"})
    with serving(lambda _: demand) as elsewhere:
        digest = registry.put_blob(image(guarded.stub), b"config")
        away = Reply(307, headers={"Location": f"http://{elsewhere.address}/cdn"})
        guarded.intercept = lambda request: away if request.method == "GET" else None
        with pytest.raises(AccessDenied):
            registry.blob(image(guarded.stub), digest)
    assert len(elsewhere.requests) == 1


def test_an_upload_elsewhere_takes_the_bytes_and_not_our_token(
    registry: OciRegistry, guarded: Server
) -> None:
    with serving(lambda _: Reply(201)) as elsewhere:
        where = f"http://{elsewhere.address}/bucket?sig=a%2Fb"
        away = Reply(202, headers={"Location": where})
        guarded.intercept = lambda request: away if request.method == "POST" else None
        digest = registry.put_blob(image(guarded.stub), b"config")
    [put] = elsewhere.requests
    assert put.path == f"/bucket?sig=a%2Fb&digest={digest}"
    assert (put.body, "authorization" in put.headers) == (b"config", False)


@pytest.mark.parametrize(
    "reply", [Reply(202), Reply(201), Reply(200, headers={"Location": "/x"}), Reply(500)]
)
def test_an_upload_that_does_not_start_is_an_error(registry: OciRegistry, reply: Reply) -> None:
    def respond(request: Request) -> Reply:
        return Reply(404) if request.method == "HEAD" else reply

    with serving(respond) as stub, pytest.raises(RegistryUnreachable):
        registry.put_blob(image(stub), b"x")


def test_an_upload_that_does_not_end_well_is_an_error(registry: OciRegistry) -> None:
    answers = {"HEAD": Reply(404), "POST": Reply(202, headers={"Location": "/up"})}
    with (
        serving(lambda request: answers.get(request.method, Reply(400))) as stub,
        pytest.raises(RegistryRefused),
    ):
        registry.put_blob(image(stub), b"x")


# --- referrers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "refusal",
    [Reply(404), Reply(405), Reply(501), Reply(400, b'{"errors": [{"code": "UNSUPPORTED"}]}')],
)
def test_without_an_api_the_fallback_tag_is_asked(registry: OciRegistry, refusal: Reply) -> None:
    def respond(request: Request) -> Reply:
        if "/referrers/" in request.path:
            return refusal
        listed = index(MANIFEST)
        return served(listed.data, listed.digest)

    with serving(respond) as stub:
        assert registry.referrers(image(stub, f"@{OTHER}")) == (MANIFEST.digest,)
    asked = {each.path for each in stub.requests}
    assert f"/v2/team/web/manifests/sha256-{'1' * 64}" in asked


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(200, b"<html>"), RegistryUnreachable),
        (Reply(200, b'{"schemaVersion": 2, "manifests": [{}]}'), RegistryUnreachable),
        (Reply(403), AccessDenied),
        (Reply(400), RegistryRefused),
        (Reply(500), RegistryUnreachable),
    ],
)
def test_referrers_that_cannot_be_known_are_not_none(
    registry: OciRegistry, reply: Reply, error: type[MoorlineError]
) -> None:
    with serving(lambda _: reply) as stub, pytest.raises(error):
        registry.referrers(image(stub, f"@{OTHER}"))


def test_a_fallback_tag_that_is_no_index_is_an_error(registry: OciRegistry) -> None:
    def respond(request: Request) -> Reply:
        return Reply(404) if "/referrers/" in request.path else Reply(200, b"[]")

    with serving(respond) as stub, pytest.raises(RegistryUnreachable, match="cannot be read"):
        registry.referrers(image(stub, f"@{OTHER}"))


def test_connections_cut_for_good_are_unreachable(registry: OciRegistry) -> None:
    with ExitStack() as stack:
        stub = stack.enter_context(serving(lambda _: None))
        for call in (registry.tags, registry.manifest, registry.referrers):
            with pytest.raises(RegistryUnreachable):
                call(image(stub, f"@{OTHER}"))

"""What only the real registry adapter can get wrong, against a scripted server."""

import base64
import hashlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from moorline.adapters.http import Answer, Transport
from moorline.adapters.registry import OciRegistry
from moorline.adapters.registry.auth import Authorizer, parse_challenge
from moorline.adapters.registry.failures import Failures
from moorline.adapters.registry.session import base_url
from moorline.core.image import ImageRef
from moorline.errors import AccessDenied, NotFound, RateLimited, RegistryUnreachable
from tests.parts.images import build, push, remove
from tests.parts.registry import login, running_registry
from tests.parts.stub_http import Reply, Request, Stub, serving

MANIFEST = b'{"schemaVersion": 2}'
DIGEST = f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}"
FOUND = Reply(200, MANIFEST, {"Docker-Content-Digest": DIGEST})
PATH = "/v2/team/web/manifests/main"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[OciRegistry]:
    registry = OciRegistry(docker_config=tmp_path, timeout=5)
    yield registry
    registry.close()


def image(stub: Stub, reference: str = ":main") -> ImageRef:
    return ImageRef.parse(f"{stub.address}/team/web{reference}")


def store(folder: Path, auths: dict[str, dict[str, str]]) -> None:
    (folder / "config.json").write_text(json.dumps({"auths": auths}))


def pair(username: str, password: str) -> str:
    return base64.b64encode(f"{username}:{password}".encode()).decode()


# --- manifests ----------------------------------------------------------------------------------


def test_one_head_request_resolves_a_tag(registry: OciRegistry) -> None:
    with serving(lambda _: FOUND) as stub:
        assert str(registry.resolve(image(stub))) == DIGEST
    [asked] = stub.requests
    assert (asked.method, asked.path) == ("HEAD", PATH)
    for kind in ("oci.image.index.v1", "oci.image.manifest.v1", "manifest.list.v2"):
        assert kind in asked.headers["accept"]


def test_a_server_that_names_no_digest_is_asked_for_the_manifest(registry: OciRegistry) -> None:
    with serving(lambda _: Reply(200, MANIFEST)) as stub:
        assert str(registry.resolve(image(stub))) == DIGEST
    assert [each.method for each in stub.requests] == ["HEAD", "GET"]


def test_a_digest_that_is_not_the_bodys_is_not_believed(registry: OciRegistry) -> None:
    def lying(request: Request) -> Reply:
        named = {} if request.method == "HEAD" else {"Docker-Content-Digest": f"sha256:{'1' * 64}"}
        return Reply(200, MANIFEST, named)

    with serving(lying) as stub, pytest.raises(RegistryUnreachable, match="its answer has"):
        registry.resolve(image(stub))


def test_another_manifest_than_the_pinned_one_is_not_believed(registry: OciRegistry) -> None:
    with serving(lambda _: FOUND) as stub, pytest.raises(RegistryUnreachable, match=DIGEST):
        registry.exists(image(stub, f"@sha256:{'1' * 64}"))


def test_an_endless_manifest_is_not_read(registry: OciRegistry) -> None:
    endless = Reply(200, (b"x" * 65536 for _ in range(1000)))
    with (
        serving(lambda request: Reply() if request.method == "HEAD" else endless) as stub,
        pytest.raises(RegistryUnreachable, match="more than 4194304 bytes"),
    ):
        registry.resolve(image(stub))


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (Reply(404), NotFound, "not in the registry"),
        (Reply(403), AccessDenied, "docker login 127.0.0.1"),
        (Reply(401), AccessDenied, "without saying how to log in"),
        (Reply(429, headers={"Retry-After": "17"}), RegistryUnreachable, "retry after 17 s"),
        (Reply(429), RegistryUnreachable, "asks for patience"),
        (Reply(403, headers={"Retry-After": "5"}), RateLimited, "retry after 5 s"),
        (Reply(500), RegistryUnreachable, "answers 500"),
        (Reply(302, headers={"Location": "/v2/"}), RegistryUnreachable, "redirect"),
    ],
)
def test_refusals_are_sorted(
    registry: OciRegistry, reply: Reply, error: type[Exception], words: str
) -> None:
    with serving(lambda _: reply) as stub, pytest.raises(error, match=words):
        registry.resolve(image(stub))


def test_a_connection_that_breaks_is_tried_again(registry: OciRegistry) -> None:
    replies = iter((None, None, FOUND))
    with serving(lambda _: next(replies)) as stub:
        assert str(registry.resolve(image(stub))) == DIGEST


def test_a_registry_that_is_down_is_unreachable(registry: OciRegistry) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(RegistryUnreachable, match="refused"):
            registry.resolve(ImageRef.parse(f"{address}/web:1"))


def test_a_registry_that_hangs_is_unreachable(tmp_path: Path) -> None:
    released = threading.Event()

    def hang(_: Request) -> None:
        released.wait(60)

    registry = OciRegistry(docker_config=tmp_path, timeout=0.2)
    with serving(hang) as stub:
        with pytest.raises(RegistryUnreachable, match="in time"):
            registry.resolve(image(stub))
        released.set()
    registry.close()


def test_a_port_that_cannot_be_is_unreachable(registry: OciRegistry) -> None:
    with pytest.raises(RegistryUnreachable):
        registry.resolve(ImageRef.parse("localhost:99999/web:1"))


@pytest.mark.parametrize(
    ("name", "insecure", "base"),
    [
        ("nginx", (), "https://registry-1.docker.io"),
        ("ghcr.io/a/b", (), "https://ghcr.io"),
        ("localhost/a", (), "http://localhost"),
        ("127.1.2.3:5000/a", (), "http://127.1.2.3:5000"),
        ("[::1]:5000/a", (), "http://[::1]:5000"),
        ("[2001:db8::1]:5000/a", (), "https://[2001:db8::1]:5000"),
        ("registry.lan:5000/a", ("registry.lan:5000",), "http://registry.lan:5000"),
        ("localhost.example.org/a", (), "https://localhost.example.org"),
    ],
)
def test_only_this_machine_and_what_is_named_is_spoken_to_without_tls(
    name: str, insecure: tuple[str, ...], base: str
) -> None:
    assert base_url(ImageRef.parse(name).registry, insecure) == base


# --- logging in ---------------------------------------------------------------------------------


def guarded(
    stub_of: Callable[[], Stub], token: Callable[[Request], Reply]
) -> Callable[..., Reply]:
    """A registry that wants the token "granted", and a token server beside it."""

    def respond(request: Request) -> Reply:
        if request.path.startswith("/token"):
            return token(request)
        if request.headers.get("authorization") == "Bearer granted":
            return FOUND
        realm = f'realm="http://{stub_of().address}/token"'
        scope = 'scope="repository:user/image:pull"'
        return Reply(401, headers={"WWW-Authenticate": f'Bearer {realm},service="reg",{scope}'})

    return respond


@pytest.mark.parametrize("key", ["token", "access_token"])
def test_an_anonymous_token_is_fetched_once(registry: OciRegistry, key: str) -> None:
    def token(request: Request) -> Reply:
        assert "authorization" not in request.headers
        return Reply(200, json.dumps({key: "granted", "expires_in": 300}).encode())

    with serving(guarded(lambda: stub, token)) as stub:
        for _ in range(3):
            assert str(registry.resolve(image(stub))) == DIGEST
    [asked] = stub.asked("/token")
    query = parse_qs(urlsplit(asked.path).query)
    assert query == {"service": ["reg"], "scope": ["repository:team/web:pull"]}


def test_an_expired_token_is_fetched_anew(registry: OciRegistry) -> None:
    answer = Reply(200, b'{"token": "granted", "expires_in": -1}')
    with serving(guarded(lambda: stub, lambda _: answer)) as stub:
        for _ in range(2):
            registry.resolve(image(stub))
    assert len(stub.asked("/token")) == 2


def test_a_password_goes_to_the_token_server_only(registry: OciRegistry, tmp_path: Path) -> None:
    answer = Reply(200, b'{"token": "granted"}')
    with serving(guarded(lambda: stub, lambda _: answer)) as stub:
        store(tmp_path, {stub.address: {"auth": pair("robot", "secret")}})
        registry.resolve(image(stub))
    [asked] = stub.asked("/token")
    assert asked.headers["authorization"] == f"Basic {pair('robot', 'secret')}"
    seen = [each.headers.get("authorization") for each in stub.asked(PATH)]
    assert seen == [None, "Bearer granted"]


def test_an_identity_token_is_traded_for_an_access_token(
    registry: OciRegistry, tmp_path: Path
) -> None:
    answer = Reply(200, b'{"access_token": "granted"}')
    with serving(guarded(lambda: stub, lambda _: answer)) as stub:
        store(tmp_path, {stub.address: {"identitytoken": "mine"}})
        registry.resolve(image(stub))
    [asked] = stub.asked("/token")
    form = parse_qs(asked.body.decode())
    assert asked.method == "POST"
    assert (form["grant_type"], form["refresh_token"]) == (["refresh_token"], ["mine"])


def test_credentials_are_read_afresh(registry: OciRegistry, tmp_path: Path) -> None:
    def token(request: Request) -> Reply:
        if request.headers.get("authorization") == f"Basic {pair('robot', 'new')}":
            return Reply(200, b'{"token": "granted"}')
        return Reply(401)

    with serving(guarded(lambda: stub, token)) as stub:
        store(tmp_path, {stub.address: {"auth": pair("robot", "old")}})
        with pytest.raises(AccessDenied, match="does not accept the credentials"):
            registry.resolve(image(stub))
        store(tmp_path, {stub.address: {"auth": pair("robot", "new")}})
        assert str(registry.resolve(image(stub))) == DIGEST


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (Reply(403), AccessDenied, "gives no token"),
        (Reply(500), RegistryUnreachable, "token server answers 500"),
        (Reply(200, b"<html>"), RegistryUnreachable, "nonsense"),
        (Reply(200, b"[]"), RegistryUnreachable, "nonsense"),
        (Reply(200, b'{"token": "useless"}'), AccessDenied, "denies access"),
    ],
)
def test_token_servers_fail_in_their_own_ways(
    registry: OciRegistry, reply: Reply, error: type[Exception], words: str
) -> None:
    with (
        serving(guarded(lambda: stub, lambda _: reply)) as stub,
        pytest.raises(error, match=words),
    ):
        registry.resolve(image(stub))


def test_a_refresh_token_does_not_follow_a_redirect(registry: OciRegistry, tmp_path: Path) -> None:
    with (
        serving(lambda _: Reply(200, b'{"token": "granted"}')) as elsewhere,
        serving(guarded(lambda: stub, lambda _: moved)) as stub,
    ):
        moved = Reply(307, headers={"Location": f"http://{elsewhere.address}/token"})
        store(tmp_path, {stub.address: {"identitytoken": "mine"}})
        with pytest.raises(RegistryUnreachable, match="answers 307"):
            registry.resolve(image(stub))
    assert elsewhere.requests == []


def test_a_redirect_does_not_carry_the_token_to_another_host(registry: OciRegistry) -> None:
    def elsewhere(request: Request) -> Reply:
        return Reply(500) if "authorization" in request.headers else FOUND

    answer = Reply(200, b'{"token": "granted"}')

    def respond(request: Request) -> Reply:
        if request.headers.get("authorization") == "Bearer granted":
            return Reply(307, headers={"Location": f"http://localhost:{other.port}{PATH}"})
        return guarded(lambda: stub, lambda _: answer)(request)

    with serving(elsewhere) as other, serving(respond) as stub:
        assert str(registry.resolve(image(stub))) == DIGEST
    assert len(other.requests) == 1


@pytest.mark.parametrize("credentials", [{}, {"identitytoken": "mine"}])
def test_a_basic_challenge_needs_a_password(
    registry: OciRegistry, tmp_path: Path, credentials: dict[str, str]
) -> None:
    wants = Reply(401, headers={"WWW-Authenticate": 'Basic realm="reg"'})
    with serving(lambda _: wants) as stub:
        store(tmp_path, {stub.address: credentials})
        with pytest.raises(AccessDenied, match="user name and password"):
            registry.resolve(image(stub))


def test_credentials_are_not_sent_without_tls_where_the_registry_has_it() -> None:
    url = httpx.URL("https://registry.example/v2/web/manifests/1")
    challenge = {"WWW-Authenticate": 'Bearer realm="http://plain.example/token"'}
    refused = Answer(status=401, headers=httpx.Headers(challenge), body=b"", asked=url, url=url)
    authorizer = Authorizer(Transport(headers={}), Failures(), docker_config=None)
    with pytest.raises(AccessDenied, match="not https"):
        authorizer.answer(ImageRef.parse("registry.example/web:1"), "pull", refused)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], None),
        (["Negotiate"], None),
        (['Basic realm="a, b"'], ("basic", {"realm": "a, b"})),
        (["basic realm=bare"], ("basic", {"realm": "bare"})),
        (
            ['Bearer realm="https://t/\\"q\\"",service="s",scope="a:b:pull,push"'],
            ("bearer", {"realm": 'https://t/"q"', "service": "s", "scope": "a:b:pull,push"}),
        ),
        (['Basic realm="Bearer x"', 'Bearer realm="r"'], ("bearer", {"realm": "r"})),
        (
            ['Basic realm="b", Bearer realm="r", service=s'],
            ("bearer", {"realm": "r", "service": "s"}),
        ),
        (["Bearer"], ("bearer", {})),
        (["Bearer " + " ," * 20_000 + "!"], ("bearer", {})),
    ],
)
def test_challenges_are_read(
    headers: list[str], expected: tuple[str, dict[str, str]] | None
) -> None:
    found = parse_challenge(httpx.Headers([("www-authenticate", each) for each in headers]))
    assert (found and (found.scheme, found.parameters)) == expected


@pytest.mark.engine
def test_a_registry_with_passwords_is_asked_with_them(
    registry: OciRegistry, tmp_path: Path
) -> None:
    with running_registry(guarded=True) as address:
        mine = ImageRef.parse(f"{address}/moorline-test/guarded:1")
        with pytest.raises(AccessDenied, match="user name and password"):
            registry.resolve(mine)
        login(tmp_path, address)
        build(str(mine), variant="plain")
        digest = push(str(mine), docker_config=tmp_path)
        assert registry.resolve(mine) == digest
        assert registry.exists(mine.pinned(digest))
        remove(mine.pinned(digest))

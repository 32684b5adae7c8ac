"""What the clients of registries and of GitHub's API share."""

from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import httpx
import pytest

from moorline.adapters.http import Answer, Transport, asked_patience, one_line
from moorline.errors import RateLimited, RegistryUnreachable
from tests.parts.certificate import make_certificate, serving_with
from tests.parts.stub_http import Reply, Request, Stub, serving

NOW = 1_795_000_000.0
FINE = Reply(200, b"fine")
BUSY = Reply(429, headers={"Retry-After": "20"})


@pytest.fixture
def transport() -> Iterator[Transport]:
    transport = Transport(headers={"Accept": "a/b"}, timeout=5)
    yield transport
    transport.close()


def url(stub: Stub, path: str = "/x") -> str:
    return f"http://{stub.address}{path}"


# --- patience -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "headers", "body", "seconds"),
    [
        (200, {"Retry-After": "5"}, b"", None),
        (404, {"x-ratelimit-remaining": "0"}, b"", None),
        (403, {}, b"", None),
        (403, {"x-ratelimit-remaining": "17"}, b"no rights", None),
        (503, {}, b"", None),
        (429, {"Retry-After": "5"}, b"", 5),
        (503, {"Retry-After": "5"}, b"", 5),
        (403, {"Retry-After": "5"}, b"", 5),
        (429, {"Retry-After": formatdate(NOW + 90, usegmt=True)}, b"", 90),
        (429, {"Retry-After": formatdate(NOW - 90, usegmt=True)}, b"", 1),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW) + 40)}, b"", 40),
        (403, {"x-ratelimit-remaining": "0"}, b"", 60),
        (403, {}, b"You have exceeded a secondary rate limit.", 60),
        (429, {}, b"", 60),
        (429, {"Retry-After": "soon"}, b"", 60),
        (429, {"Retry-After": "nan"}, b"", 60),
        (429, {"Retry-After": "-5"}, b"", 1),
        (429, {"Retry-After": "1e300"}, b"", 86400),
        (429, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "nan"}, b"", 60),
    ],
)
def test_patience_is_read_from_whatever_says_it(
    status: int, headers: dict[str, str], body: bytes, seconds: float | None
) -> None:
    where = httpx.URL("https://api.example/")
    dated = {"Date": formatdate(NOW, usegmt=True), **headers}
    answer = Answer(status=status, headers=httpx.Headers(dated), body=body, asked=where, url=where)
    assert asked_patience(answer) == seconds


def test_a_limit_is_raised_with_its_seconds(transport: Transport) -> None:
    with serving(lambda _: BUSY) as stub, pytest.raises(RateLimited, match="after 20 s") as caught:
        transport.ask("GET", url(stub), what="it")
    assert caught.value.seconds == 20
    assert len(stub.requests) == 1


def test_short_waits_are_waited_out() -> None:
    waited: list[float] = []
    replies = iter((BUSY, BUSY, FINE))
    transport = Transport(headers={}, wait=waited.append)
    with serving(lambda _: next(replies)) as stub:
        assert transport.ask("PUT", url(stub), what="it", content=b"x").body == b"fine"
    transport.close()
    assert waited == [20, 20]
    assert [each.body for each in stub.requests] == [b"x"] * 3


def test_waiting_has_an_end() -> None:
    waited: list[float] = []
    transport = Transport(headers={}, wait=waited.append, patience=60)
    with serving(lambda _: BUSY) as stub, pytest.raises(RateLimited):
        transport.ask("GET", url(stub), what="it")
    transport.close()
    assert sum(waited) == 60


# --- what passes by itself ----------------------------------------------------------------------


@pytest.mark.parametrize("passing", [None, Reply(500), Reply(502), Reply(503), Reply(504)])
def test_a_failure_that_passes_is_not_seen(transport: Transport, passing: Reply | None) -> None:
    replies = iter((passing, passing, FINE))
    with serving(lambda _: next(replies)) as stub:
        assert transport.ask("GET", url(stub), what="it").body == b"fine"


def test_a_body_that_breaks_off_is_fetched_again(transport: Transport) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise BrokenPipeError

    replies = iter((Reply(200, broken()), FINE))
    with serving(lambda _: next(replies)) as stub:
        assert transport.ask("GET", url(stub), what="it").body == b"fine"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_a_server_failed_to_carry_out_is_not_sent_again(
    transport: Transport, method: str
) -> None:
    with serving(lambda _: Reply(500)) as stub:
        assert transport.ask(method, url(stub), what="it").status == 500
    assert len(stub.requests) == 1


def test_a_failure_that_stays_is_an_answer(transport: Transport) -> None:
    with serving(lambda _: Reply(500)) as stub:
        assert transport.ask("GET", url(stub), what="it").status == 500
    assert len(stub.requests) == 3


# --- what a server cannot do to us --------------------------------------------------------------


def test_an_endless_answer_is_not_read(transport: Transport) -> None:
    endless = Reply(200, (b"x" * 1000 for _ in range(1000)))
    with (
        serving(lambda _: endless) as stub,
        pytest.raises(RegistryUnreachable, match="more than 5000 bytes"),
    ):
        transport.ask("GET", url(stub), what="it", limit=5000)


def test_an_answer_that_takes_for_ever_is_not_waited_for() -> None:
    impatient = Transport(headers={}, timeout=5, longest=0)
    with serving(lambda _: FINE) as stub, pytest.raises(RegistryUnreachable, match="does not end"):
        impatient.ask("GET", url(stub), what="it")
    impatient.close()


def test_a_cookie_is_not_sent_back(transport: Transport) -> None:
    with serving(lambda _: Reply(200, headers={"Set-Cookie": "sid=1"})) as stub:
        for _ in range(2):
            transport.ask("GET", url(stub), what="it")
    assert all("cookie" not in each.headers for each in stub.requests)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_only_what_looks_follows_a_redirect(transport: Transport, method: str) -> None:
    with serving(lambda _: Reply(307, headers={"Location": "/y"})) as stub:
        assert transport.ask(method, url(stub), what="it", content=b"x").status == 307
    assert [each.path for each in stub.requests] == ["/x"]


def test_the_address_after_a_redirect_is_known(transport: Transport) -> None:
    def respond(request: Request) -> Reply:
        return FINE if request.path == "/y" else Reply(307, headers={"Location": "/y"})

    with serving(respond) as stub:
        answer = transport.ask("GET", url(stub), what="it")
    assert (answer.asked.path, answer.url.path) == ("/x", "/y")


@pytest.mark.parametrize(
    "address", ["http://[::::]/", "http://a:99999/", "ftp://a/", "nonsense", "http://\udcff/"]
)
def test_an_address_that_cannot_be_is_unreachable(transport: Transport, address: str) -> None:
    with pytest.raises(RegistryUnreachable):
        transport.ask("GET", address, what="it")


@pytest.mark.parametrize("value", ["a\r\nb", "\u2028", "ä"])
def test_a_header_that_cannot_be_sent_is_an_error_like_others(
    transport: Transport, value: str
) -> None:
    with serving(lambda _: FINE) as stub, pytest.raises(RegistryUnreachable):
        transport.ask("GET", url(stub), what="it", headers={"Authorization": value})


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\r\n\x1b[31mb\u202ec", "a [31mb c"),
        ("  a \t b ", "a b"),
        ("x" * 300, "x" * 199 + "…"),
        ("x" * 1_000_000, "x" * 199 + "…"),
    ],
)
def test_a_strangers_words_are_one_line(text: str, line: str) -> None:
    assert one_line(text) == line


# --- TLS ----------------------------------------------------------------------------------------


def test_a_private_ca_is_trusted_once_it_is_named(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    trusting = Transport(headers={}, timeout=5, ca_file=certificate)
    strict = Transport(headers={}, timeout=5)
    with serving(lambda _: FINE, tls=serving_with(certificate)) as stub:
        secure = f"https://{stub.address}/"
        assert trusting.ask("GET", secure, what="it").body == b"fine"
        with pytest.raises(RegistryUnreachable, match=r"name it in registry\.ca_file"):
            strict.ask("GET", secure, what="it")
    trusting.close()
    strict.close()


def test_tls_to_a_plain_server_says_what_to_do(transport: Transport) -> None:
    with (
        serving(lambda _: FINE) as stub,
        pytest.raises(RegistryUnreachable, match=r"name it in registry\.insecure"),
    ):
        transport.ask("GET", f"https://{stub.address}/", what="it")


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_a_ca_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    transport = Transport(headers={}, ca_file=path)
    with pytest.raises(RegistryUnreachable, match=r"registry\.ca_file: .*ca\.pem: "):
        transport.ask("GET", "https://127.0.0.1:1/", what="it")
    transport.close()


def test_a_redirect_does_not_leave_tls(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    transport = Transport(headers={}, timeout=5, ca_file=certificate)
    with serving(lambda _: FINE) as plain:
        away = Reply(307, headers={"Location": f"http://{plain.address}/"})
        with (
            serving(lambda _: away, tls=serving_with(certificate)) as stub,
            pytest.raises(RegistryUnreachable, match="redirects to plain HTTP"),
        ):
            transport.ask("GET", f"https://{stub.address}/", what="it")
    transport.close()

"""Answers in the form that GitHub gives them."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlencode

from tests.parts.stub_http import Reply, Request

DOCS = "https://docs.github.com/rest/packages/packages"


def as_json(value: object, headers: Mapping[str, str] | None = None, status: int = 200) -> Reply:
    kind = {"Content-Type": "application/json; charset=utf-8"}
    return Reply(status, json.dumps(value).encode(), {**kind, **(headers or {})})


def problem(status: int, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    """An error of the API."""
    value = {"message": message, "documentation_url": DOCS, "status": str(status)}
    return as_json(value, headers, status)


def refusal(
    status: int, code: str, message: str = "", headers: Mapping[str, str] | None = None
) -> Reply:
    """An error of the registry."""
    error = {"code": code, "message": message or code.lower().replace("_", " ")}
    return as_json({"errors": [error]}, headers, status)


def conditional(request: Request, reply: Reply) -> Reply:
    """With an ETag; and no body where the client has it already."""
    if request.method != "GET" or reply.status != 200 or not isinstance(reply.body, bytes):
        return reply
    etag = f'W/"{hashlib.sha256(reply.body).hexdigest()}"'
    headers = {**reply.headers, "ETag": etag, "Cache-Control": "private, max-age=60, s-maxage=60"}
    if request.headers.get("if-none-match") == etag:
        return Reply(304, b"", headers)
    return Reply(200, reply.body, headers)


def links(url: str, query: Mapping[str, str], page: int, pages: int) -> Mapping[str, str]:
    """The Link header of a listing; what fits on one page has none."""
    named = {"prev": page - 1, "next": page + 1, "last": pages, "first": 1}
    if page == 1:
        del named["prev"], named["first"]
    if page >= pages:
        del named["next"], named["last"]
    written = [
        f'<{url}?{urlencode({**query, "page": number})}>; rel="{rel}"'
        for rel, number in named.items()
    ]
    return {"Link": ", ".join(written)} if written else {}


def moment(seconds: float) -> str:
    """As the API writes times: whole seconds, UTC."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

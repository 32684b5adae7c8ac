"""What a request to the API asks for, and of whose package."""

import zlib
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, unquote

from tests.ghcr.access import Pat
from tests.ghcr.store import Store
from tests.parts.stub_http import Request


@dataclass(frozen=True)
class Call:
    """One request, understood: `kind` is what the counters and the faults call it."""

    kind: str
    request: Request
    pat: Pat | None
    owner: str = ""
    package: str = ""
    version: int = 0

    @property
    def name(self) -> str:
        return f"{self.owner}/{self.package}" if self.package else ""

    @property
    def query(self) -> dict[str, str]:
        _, _, query = self.request.path.partition("?")
        return {key: values[0] for key, values in parse_qs(query).items()}

    @property
    def page(self) -> int:
        return int(self.query.get("page", 1))

    @property
    def per_page(self) -> int:
        return min(int(self.query.get("per_page", 30)), 100)


def understood(store: Store, request: Request, pat: Pat | None) -> Call | None:
    """None is a path that there is not."""
    path, _, _ = request.path.partition("?")
    # a slash within a name is %2F, and is no separator
    parts = [unquote(part) for part in path.split("/")[1:]]
    match request.method, *parts:
        case "GET", "rate_limit":
            return Call("rate_limit", request, pat)
        case "GET", "user":
            return Call("user", request, pat, pat.user if pat else "")
        case "GET", "users", owner:
            return Call("user", request, pat, owner)
        case _, "user", "packages", *rest:
            return _of_packages(request, pat, pat.user if pat else "", rest)
        case _, ("orgs" | "organizations" | "users") as kind, named, "packages", *rest:
            owner = _owner(store, kind, named)
            return _of_packages(request, pat, owner, rest) if owner else None
        case _:
            return None


def _of_packages(request: Request, pat: Pat | None, owner: str, rest: list[str]) -> Call | None:
    match request.method, *rest:
        case ["GET"]:
            return Call("packages", request, pat, owner)
        case "GET", "container", name:
            return Call("package", request, pat, owner, name)
        case "GET", "container", name, "versions":
            return Call("list", request, pat, owner, name)
        case method, "container", name, "versions", version, *below if version.isdecimal():
            kind = {
                ("GET",): "look",
                ("DELETE",): "delete",
                ("POST", "restore"): "restore",
            }.get((method, *below))
            return Call(kind, request, pat, owner, name, int(version)) if kind else None
        case _:
            return None


def _owner(store: Store, kind: str, named: str) -> str:
    """Who is meant; "" where users and organisations are confused."""
    if kind == "organizations":
        return next((each for each in store.owners if str(number(each)) == named), "")
    wanted = "User" if kind == "users" else "Organization"
    return named if store.owners.get(named) == wanted else ""


def number(login: str) -> int:
    """An owner's id: the same for the same name."""
    return zlib.crc32(login.encode())


def listing_url(root: str, store: Store, call: Call) -> str:
    """Where a listing goes on: GitHub names organisations by their number then."""
    is_user = store.owners[call.owner] == "User"
    home = f"users/{call.owner}" if is_user else f"organizations/{number(call.owner)}"
    return f"{root}/{home}/packages/container/{quote(call.package, safe='')}/versions"

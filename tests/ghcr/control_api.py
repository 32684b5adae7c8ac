"""The emulator's own controls, below /_emulator, for tools that are not written in Python.

GET    /_emulator           what there is here
GET    /_emulator/calls     how often each kind of call was made
DELETE /_emulator/calls     count from nothing
GET    /_emulator/faults    those that are armed
POST   /_emulator/faults    {"name": "server-error", "page": 3, "times": 5}
DELETE /_emulator/faults    none any more
POST   /_emulator/clock     {"now": 1767323045} or {"advance": 86400}
POST   /_emulator/owners    {"login": "octocat", "type": "User"}
POST   /_emulator/tokens    {"secret": "…", "user": "…", "scopes": ["read:packages"]}
POST   /_emulator/packages  {"name": "acme/app", "visibility": "public"}
POST   /_emulator/seed      {"package": "acme/app", "count": 100000, "every": 60} or
                            {"package": "acme/app", "versions": [{"digest": "…", "tags": []}]}
                            with "created", and "manifest" (its text) instead of "digest"
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from tests.ghcr.access import SCOPES, Access, Pat
from tests.ghcr.content import Content
from tests.ghcr.faults import NAMED, Faults
from tests.ghcr.seeding import seed_many, seed_one
from tests.ghcr.store import Row, Store
from tests.ghcr.wire import as_json, problem
from tests.parts.stub_http import Reply, Request


class ControlApi:
    """See above."""

    def __init__(
        self,
        store: Store,
        content: Content,
        access: Access,
        faults: Faults,
        calls: Counter[str],
    ) -> None:
        self._store = store
        self._content = content
        self._access = access
        self._faults = faults
        self._calls = calls

    def respond(self, request: Request) -> Reply:
        what = request.path.partition("?")[0].removeprefix("/_emulator").strip("/")
        work = self._routes().get((request.method, what))
        if work is None:
            return problem(404, "no such control; GET /_emulator lists them")
        try:
            return as_json(work(json.loads(request.body or b"{}")))
        except (ValueError, TypeError, KeyError) as error:
            return problem(400, repr(error))

    def _routes(self) -> Mapping[tuple[str, str], Callable[[dict[str, Any]], object]]:
        return {
            ("GET", ""): lambda _: {"help": (__doc__ or "").splitlines(), "faults": NAMED},
            ("GET", "calls"): lambda _: dict(self._calls),
            ("DELETE", "calls"): lambda _: self._calls.clear(),
            ("GET", "faults"): lambda _: [asdict(each) for each in self._faults.armed],
            ("POST", "faults"): lambda said: asdict(self._faults.arm(**said)),
            ("DELETE", "faults"): lambda _: self._faults.armed.clear(),
            ("POST", "clock"): self._clock,
            ("POST", "owners"): self._owner,
            ("POST", "tokens"): self._token,
            ("POST", "packages"): self._package,
            ("POST", "seed"): self._seed,
        }

    def _clock(self, said: dict[str, Any]) -> object:
        clock = self._store.clock
        clock.set(float(said.get("now", clock.now())) + float(said.get("advance", 0)))
        return {"now": clock.now()}

    def _owner(self, said: dict[str, Any]) -> object:
        self._store.owners[said["login"]] = said["type"]
        return said

    def _token(self, said: dict[str, Any]) -> object:
        scopes = frozenset(said.get("scopes", SCOPES))
        pat = Pat(said["secret"], said["user"], scopes, bool(said.get("admin", True)))
        self._access.pats[pat.secret] = pat
        return {"user": pat.user, "scopes": sorted(scopes)}

    def _package(self, said: dict[str, Any]) -> object:
        self._store.package(said["name"]).visibility = said["visibility"]
        return said

    def _seed(self, said: dict[str, Any]) -> object:
        package = said["package"]
        if "count" in said:
            rows = seed_many(
                self._store, package, int(said["count"]), float(said.get("every", 60))
            )
        else:
            rows = [self._seed_one(package, **each) for each in said["versions"]]
        return {"seeded": len(rows)}

    def _seed_one(self, package: str, *, manifest: str = "", **said: Any) -> Row:  # noqa: ANN401
        if manifest:
            media_type = json.loads(manifest)["mediaType"]
            said["digest"] = self._content.plant(package, media_type, manifest.encode())
        return seed_one(self._store, package, **said)

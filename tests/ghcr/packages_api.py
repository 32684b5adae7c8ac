"""The REST API of packages, as api.github.com answers it."""

from collections.abc import Callable

from tests.ghcr.access import Access, Limits, Pat
from tests.ghcr.calls import Call, listing_url, number, understood
from tests.ghcr.faults import Fault, Faults
from tests.ghcr.objects import package_object, public_user, version
from tests.ghcr.store import Package, Row, Store
from tests.ghcr.wire import as_json, conditional, links, problem
from tests.parts.stub_http import Reply, Request

_NO_PACKAGE = "Package not found."
_NO_VERSION = "Package version not found."
_MOST_DOWNLOADS = 5000


class PackagesApi:
    """Everything below the API's root."""

    def __init__(self, store: Store, access: Access, limits: Limits, faults: Faults) -> None:
        self.root = ""
        self._store = store
        self._access = access
        self._limits = limits
        self._faults = faults

    def respond(self, request: Request, count: Callable[[str], None]) -> Reply:
        try:
            pat = self._access.of_api(request.headers)
        except (KeyError, ValueError):
            count("unknown-token")
            return problem(401, "Bad credentials")
        call = understood(self._store, request, pat)
        if call is None:
            count("unknown")
            self._limits.spend(pat)
            return self._with_limits(problem(404, "Not Found"), pat)
        reply = conditional(request, self._limited(call))
        count(f"{call.kind}-unchanged" if reply.status == 304 else call.kind)
        if reply.status != 304 and call.kind != "rate_limit":
            self._limits.spend(pat)
        return self._with_limits(reply, pat)

    # --- what comes before the answer ---

    def _limited(self, call: Call) -> Reply:
        if call.kind != "rate_limit" and not self._limits.state(call.pat)["remaining"]:
            return problem(403, f"API rate limit exceeded for user ID {number(call.owner)}.")
        package = self._store.packages.get(call.name)
        row = package.rows.get(call.version) if package else None
        digest = row.digest if row else ""
        fault = self._faults.answer(call.kind, package=call.name, digest=digest, page=call.page)
        return _faulty(fault) if fault else self._allowed(call)

    def _allowed(self, call: Call) -> Reply:
        if call.kind == "rate_limit":
            return as_json(self._rates(call.pat))
        if call.kind == "user":
            return self._user(call)
        refused = _refused(call)
        if refused:
            return refused
        if call.kind == "packages":
            return self._packages(call)
        package = self._store.packages.get(call.name)
        if package is None or not _may(call):
            return problem(404, _NO_PACKAGE)
        return self._answer(call, package)

    def _answer(self, call: Call, package: Package) -> Reply:
        if call.kind == "package":
            return as_json(package_object(self.root, self._kind(package.owner), package))
        if call.kind == "list":
            return self._list(call, package)
        row = package.rows.get(call.version)
        if row is None:
            return problem(404, _NO_VERSION)
        work = {"look": self._look, "delete": self._delete, "restore": self._restore}
        return work[call.kind](package, row)

    # --- answers ---

    def _list(self, call: Call, package: Package) -> Reply:
        is_deleted = call.query.get("state") == "deleted"
        now = self._store.clock.now()
        rows = package.deleted(now) if is_deleted else package.listing()
        start = (call.page - 1) * call.per_page
        kind = self._kind(package.owner)
        page = rows[start : start + call.per_page]
        shown = [version(self.root, kind, package, row) for row in page]
        bare = self._faults.take("no-link", "list", package=call.name, page=call.page)
        url = listing_url(self.root, self._store, call)
        pages = -(-len(rows) // call.per_page)
        headers = {} if bare else links(url, call.query, call.page, pages)
        self._move(call, package)
        return as_json(shown, headers)

    def _move(self, call: Call, package: Package) -> None:
        """What happens behind a reader's back, once this page was served."""
        shift = self._faults.take("shift", "list", package=call.name, page=call.page)
        for row in package.listing()[: shift.count] if shift else ():
            package.delete(row, self._store.clock.now())
        arrive = self._faults.take("arrive", "list", package=call.name, page=call.page)
        for _ in range(arrive.count if arrive else 0):
            self._store.push(call.name, f"sha256:{self._store.new_id():064x}")

    def _look(self, package: Package, row: Row) -> Reply:
        if row.deleted is not None or package.find(row.digest) is None:
            return problem(404, _NO_VERSION)
        return as_json(version(self.root, self._kind(package.owner), package, row))

    def _delete(self, package: Package, row: Row) -> Reply:
        if row.deleted is not None:
            return problem(404, _NO_VERSION)
        if package.visibility == "public" and row.downloads > _MOST_DOWNLOADS:
            return _faulty(Faults().arm("downloads"))
        if package.is_last_tagged(row):
            return _faulty(Faults().arm("last-tagged"))
        package.delete(row, self._store.clock.now())
        return Reply(204)

    def _restore(self, package: Package, row: Row) -> Reply:
        if not self._store.restorable(row):
            return problem(404, _NO_VERSION)
        if row.digest in package.active:
            return problem(400, "The package version is in use.")
        package.restore(row)
        return Reply(204)

    def _packages(self, call: Call) -> Reply:
        found = list(self._store.of(call.owner))
        start = (call.page - 1) * call.per_page
        kind = self._kind(call.owner)
        page = found[start : start + call.per_page]
        # organisations' packages were seen to be listed without a Link
        return as_json([package_object(self.root, kind, each) for each in page])

    def _user(self, call: Call) -> Reply:
        if not call.owner:
            return problem(401, "Requires authentication")
        if call.owner not in self._store.owners:
            return problem(404, "Not Found")
        return as_json(public_user(self.root, self._kind(call.owner), call.owner))

    def _rates(self, pat: Pat | None) -> dict[str, object]:
        core = self._limits.state(pat)
        return {"resources": {"core": core, "search": {**core, "limit": 30}}, "rate": core}

    def _with_limits(self, reply: Reply, pat: Pat | None) -> Reply:
        state = self._limits.state(pat)
        headers = {f"x-ratelimit-{key}": str(value) for key, value in state.items()}
        headers["x-ratelimit-resource"] = "core"
        return Reply(reply.status, reply.body, {**headers, **reply.headers})

    def _kind(self, owner: str) -> str:
        return self._store.owners[owner]


def _refused(call: Call) -> Reply | None:
    """What a token lacks altogether."""
    if call.pat is None:
        return problem(401, "Requires authentication")
    if call.pat.is_fine_grained:
        return problem(403, "Resource not accessible by personal access token")
    if not call.pat.may("read:packages"):
        return problem(403, "You need at least read:packages scope to get a package.")
    return None


def _may(call: Call) -> bool:
    """What somebody may not do is said not to be there."""
    scope = {"delete": "delete:packages", "restore": "write:packages"}.get(call.kind)
    return scope is None or (call.pat is not None and call.pat.admin and call.pat.may(scope))


def _faulty(fault: Fault) -> Reply:
    return problem(fault.status or 0, fault.message, fault.headers)

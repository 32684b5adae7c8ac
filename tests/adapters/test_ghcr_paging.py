"""Whatever is pushed and deleted while a package is listed: what was there all along is listed."""

import hashlib
import json
from collections.abc import Sequence
from typing import Literal

import httpx
from hypothesis import example, given
from hypothesis import strategies as st

from moorline.adapters.answer import Answer
from moorline.adapters.ghcr.listing import list_versions
from moorline.core.image import ImageRef
from moorline.errors import RegistryUnreachable

IMAGE = ImageRef.parse("ghcr.io/acme/app")
HOME = "https://api.github.com/versions"
Step = tuple[Literal["push", "delete"], int]


class Shifting:
    """Stands in for `Api`: after each answer, one step of the script happens."""

    def __init__(
        self,
        count: int,
        script: Sequence[Sequence[Step]] = (),
        *,
        linked: bool = True,
    ) -> None:
        self.ids = list(range(count, 0, -1))
        self.calls = 0
        self.sent = 0
        """Answers with a body."""
        self._script = list(script)
        self._linked = linked
        self._next = count + 1

    def of_package(self, *_: object, etag: str = "") -> Answer:
        return self._answer(f"{HOME}?per_page=100", etag)

    def at(self, url: str, _: object, *, etag: str = "") -> Answer:
        return self._answer(url, etag)

    def _answer(self, url: str, known: str) -> Answer:
        self.calls += 1
        asked = httpx.URL(url)
        page = int(asked.params.get("page", "1"))
        start = 100 * (page - 1)
        body = json.dumps([_row(number) for number in self.ids[start : start + 100]]).encode()
        etag = hashlib.sha256(body).hexdigest()
        headers = httpx.Headers({"etag": etag})
        if self._linked and len(self.ids) > 100:
            headers["link"] = f'<{HOME}?page=1>; rel="first"'
            if start + 100 < len(self.ids):
                last = -(-len(self.ids) // 100)
                headers["link"] = ", ".join(
                    f'<{HOME}?per_page=100&page={number}>; rel="{rel}"'
                    for number, rel in ((page + 1, "next"), (last, "last"))
                )
        self._move()
        is_known = known == etag
        self.sent += not is_known
        status = 304 if is_known else 200
        return Answer(
            status=status, headers=headers, body=b"" if is_known else body, asked=asked, url=asked
        )

    def _move(self) -> None:
        for what, where in self._script.pop(0) if self._script else ():
            if what == "push":
                self.ids.insert(0, self._next)
                self._next += 1
            elif self.ids:
                del self.ids[where % len(self.ids)]


def _row(number: int) -> dict[str, object]:
    return {
        "id": number,
        "name": f"sha256:{number:064x}",
        "created_at": "2026-01-02T03:04:05Z",
        "metadata": {"container": {"tags": []}},
    }


STEPS = st.lists(st.tuples(st.sampled_from(["push", "delete"]), st.integers(0, 600)), max_size=4)


@given(count=st.integers(0, 520), script=st.lists(STEPS, max_size=9), linked=st.booleans())
@example(count=301, script=[[], [("delete", 100)]], linked=False)
@example(count=450, script=[[], [], [("delete", 150)]], linked=True)
@example(count=450, script=[[], [], [("push", 0)], [("delete", 150)]], linked=True)
@example(count=450, script=[[("delete", 50)], [], [("delete", 250), ("push", 0)]], linked=True)
@example(
    count=301,
    script=[[], [], [("push", 0)], [], [], [], [("delete", 0)]],
    linked=True,
)
@example(count=159, script=[[("delete", 99)], [], [("push", 0)]], linked=False)
def test_what_was_there_all_along_is_listed_or_nothing_is(
    count: int, script: list[list[Step]], *, linked: bool
) -> None:
    api = Shifting(count, script, linked=linked)
    before = set(api.ids)
    try:
        found = list_versions(api, IMAGE)
    except RegistryUnreachable:
        return
    listed = [int(each.id) for each in found]
    assert before & set(api.ids) <= set(listed)
    assert len(listed) == len(set(listed))


@given(count=st.integers(0, 520), linked=st.booleans())
def test_in_calm_nothing_is_sent_twice(count: int, *, linked: bool) -> None:
    api = Shifting(count, linked=linked)
    assert [int(each.id) for each in list_versions(api, IMAGE)] == api.ids
    # where no link says so, a full page is not known to be the last
    empty = 1 if count and count % 100 == 0 and (not linked or count == 100) else 0
    assert api.sent == max(-(-count // 100), 1) + empty


@given(count=st.integers(0, 520), pushes=st.lists(st.integers(0, 3), max_size=12))
def test_pushes_alone_cost_one_more_reading_at_most(count: int, pushes: list[int]) -> None:
    api = Shifting(count, [[("push", 0)] * number for number in pushes])
    before = set(api.ids)
    assert before <= {int(each.id) for each in list_versions(api, IMAGE)}
    assert api.calls <= 2 * (len(api.ids) // 100 + 1) + 2

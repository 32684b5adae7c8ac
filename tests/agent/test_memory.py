"""What stays of the states that were proven before."""

from pathlib import Path

import msgspec

from moorline.agent.durable.journal import Entry, Journal
from moorline.agent.durable.memory import EARLIER_LENGTH, Hold, Memory, MemoryFile, Proven


def proven(commit: str, spec: str = "", at: str = "") -> Proven:
    specs = {"web": spec or commit}
    return Proven(commit=commit, blob=commit, specs=specs, pins={}, deployment="d", at=at)


def chain(*states: Proven) -> Memory:
    memory = Memory()
    for state in states:
        memory = memory.proven_anew(state)
    return memory


def commits(memory: Memory) -> list[str]:
    return [each.commit for each in memory.earlier]


def test_what_was_proven_before_stays_newest_first() -> None:
    memory = chain(proven("a"), proven("b"), proven("c"))
    assert memory.proven == proven("c")
    assert commits(memory) == ["b", "a"]


def test_the_same_state_proven_again_is_no_other_one() -> None:
    assert commits(chain(proven("a"), proven("b"), proven("b"))) == ["a"]


def test_a_state_that_comes_back_is_not_its_own_past() -> None:
    assert commits(chain(proven("a"), proven("b"), proven("a"))) == ["b"]


def test_only_so_many_are_kept() -> None:
    memory = chain(*(proven(f"c{number}") for number in range(EARLIER_LENGTH + 5)))
    assert len(memory.earlier) == EARLIER_LENGTH
    assert memory.earlier[0].commit == f"c{EARLIER_LENGTH + 3}"


def test_other_words_for_the_same_containers_do_not_prove_them_anew() -> None:
    memory = chain(proven("a"), proven("b", "s", at="1"), proven("c", "s", at="2"))
    assert memory.proven == proven("c", "s", at="1")
    assert commits(memory) == ["b", "a"]
    assert memory.refuge() == proven("a")


def test_a_proof_ends_a_hold_and_what_went_with_it() -> None:
    hold = Hold(commit="b", reason="why", deployment="d")
    held = msgspec.structs.replace(
        chain(proven("a")), hold=hold, forward_only="web/migrate", restarts={"web": 2}
    )
    memory = held.proven_anew(proven("c"))
    assert (memory.hold, memory.forward_only, memory.restarts) == (None, "", {})


def test_going_back_forgets_what_was_proven_since() -> None:
    memory = chain(proven("a"), proven("b"), proven("c"), proven("d"))
    back = memory.gone_back(proven("b"))
    assert (back.proven, commits(back)) == (proven("b"), ["a"])
    # also where that is what was proven last: the rollout that failed never was
    same = memory.gone_back(proven("d"))
    assert (same.proven, commits(same)) == (proven("d"), ["c", "b", "a"])


def test_there_is_nothing_to_go_back_to_at_first() -> None:
    assert Memory().refuge() is None
    assert chain(proven("a")).refuge() is None
    assert chain(proven("a", "s"), proven("b", "s")).refuge() is None


def test_files_of_the_version_before_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "environments").mkdir()
    (tmp_path / "journal").mkdir()
    old = '{"commit":"a","blob":"b","specs":{},"pins":{},"replicas":{},"deployment":"d"}'
    (tmp_path / "environments" / "production.json").write_text(
        f'{{"accepted":"a","proven":{old},"quarantine":[],"pending_rollback":null,'
        '"last_record":"","last_event":"","last_event_at":"","trouble":""}'
    )
    (tmp_path / "journal" / "production.json").write_text(
        '{"id":"i","environment":"production","commit":"c","blob":"b","author":"a","subject":"s",'
        f'"started":"2026-11-23T10:00:00+00:00","previous":{old},"on_failure":"revert",'
        '"phase":"touching","plan":[],"timings":{},"services":{},"reason":"","record":null}'
    )
    memory = MemoryFile(tmp_path, "production").load()
    entry = Journal(tmp_path, "production").load()
    assert memory.proven is not None
    assert (memory.proven.at, memory.earlier, memory.hold) == ("", (), None)
    assert isinstance(entry, Entry)
    assert (entry.canaries, entry.jobs, entry.forward_only) == ({}, {}, "")

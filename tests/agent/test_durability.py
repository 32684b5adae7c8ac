"""Memory, journal, lock: what must survive, and who may write."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from moorline.adapters.storage import write_durably
from moorline.agent.durable.acceptance import Acceptance
from moorline.agent.durable.journal import Entry, Journal, RecordFile
from moorline.agent.durable.lock import state_lock
from moorline.agent.durable.memory import Failure, Memory, MemoryFile, Proven
from moorline.errors import Locked, StorageFailed, UsageError

PROVEN = Proven(commit="a" * 40, blob="b" * 40, specs={"web": "c"}, pins={"web": "x@sha256:d"})


def _entry() -> Entry:
    return Entry(
        id="20261123T101500Z-production-aaaaaaa",
        environment="production",
        commit="a" * 40,
        blob="b" * 40,
        author="Ada",
        subject="change",
        started="2026-11-23T10:15:00+00:00",
        previous=PROVEN,
        on_failure="revert",
        services={"web": {"image": "x", "samples": [{"at": 0.1, "state": "running"}]}},
        record=RecordFile(path="p", data="d", message="m"),
    )


def test_an_environment_never_seen_has_an_empty_memory(tmp_path: Path) -> None:
    assert MemoryFile(tmp_path, "production").load() == Memory()


def test_what_is_remembered_comes_back_whole(tmp_path: Path) -> None:
    memory = Memory(accepted="a" * 40, proven=PROVEN, last_event="said")
    MemoryFile(tmp_path, "production").save(memory)
    assert MemoryFile(tmp_path, "production").load() == memory
    assert MemoryFile(tmp_path, "staging").load() == Memory()


def test_a_quarantine_stays_bounded_and_keeps_the_newest(tmp_path: Path) -> None:
    failures = tuple(
        Failure(commit=f"{number:040}", blob="b", reason="r", deployment="d")
        for number in range(50)
    )
    file = MemoryFile(tmp_path, "production")
    file.save(Memory(quarantine=failures))
    kept = file.load().quarantine
    assert len(kept) == 20
    assert kept[-1] == failures[-1]


def test_a_damaged_memory_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    file = MemoryFile(tmp_path, "production")
    file.save(Memory())
    path = tmp_path / "environments" / "production.json"
    path.write_text("{")
    with pytest.raises(StorageFailed, match="is damaged"):
        file.load()


def test_a_journal_entry_comes_back_whole_and_is_gone_after_clearing(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "production")
    assert journal.load() is None
    journal.save(_entry())
    assert journal.load() == _entry()
    journal.clear()
    journal.clear()
    assert journal.load() is None


def test_an_acceptance_is_read_back(tmp_path: Path) -> None:
    acceptance = Acceptance(tmp_path, "production")
    assert not acceptance.read()
    acceptance.write("a" * 40)
    assert acceptance.read() == "a" * 40


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    target = tmp_path / "file"
    write_durably(target, b"old")
    (tmp_path / ".file.new").mkdir()
    with pytest.raises(StorageFailed, match="free some space"):
        write_durably(target, b"new")
    assert target.read_bytes() == b"old"


def test_a_second_process_is_refused_by_name_and_a_dead_one_holds_nothing(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from moorline.agent.durable.lock import state_lock\n"
        "with state_lock(pathlib.Path(sys.argv[1]), 'run'):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    with holder, holder.stdin, holder.stdout:
        assert holder.stdout.readline() == b"held\n"
        with (
            pytest.raises(Locked, match=rf"moorline run \(pid {holder.pid}\) is working"),
            state_lock(tmp_path, "apply"),
        ):
            pytest.fail("two at once")
        holder.kill()
        holder.wait()
    with state_lock(tmp_path, "apply"):
        assert str(os.getpid()) in (tmp_path / "lock").read_text()


def test_root_does_not_mix_its_files_into_a_daemons_directory(tmp_path: Path) -> None:
    assert os.geteuid() == 0, "run as root, as CI does: who else could own another user's folder"
    os.chown(tmp_path, 65534, 65534)
    with (
        pytest.raises(UsageError, match="belongs to nobody; run this as that user"),
        state_lock(tmp_path, "apply"),
    ):
        pytest.fail("root's files among nobody's")
    assert list(tmp_path.iterdir()) == []

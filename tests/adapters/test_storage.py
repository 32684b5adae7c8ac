from pathlib import Path

import pytest

from moorline.adapters.storage import read_if_there, remove_durably, write_durably
from moorline.errors import StorageFailed


def test_what_was_written_is_read_and_removed_again(tmp_path: Path) -> None:
    path = tmp_path / "folder/file"
    write_durably(path, b"bytes")
    assert read_if_there(path) == b"bytes"
    remove_durably(path)
    assert not path.exists()


@pytest.mark.parametrize("name", ["missing", "missing/deeper", "file/deeper"])
def test_what_is_not_there_is_nothing_and_no_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"a file where a folder would be")
    assert read_if_there(tmp_path / name) is None
    remove_durably(tmp_path / name)


def test_an_empty_file_is_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert read_if_there(tmp_path / "file") == b""


def test_what_cannot_be_read_is_an_error_with_a_mend(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="Is a directory; free some space"):
        read_if_there(tmp_path)

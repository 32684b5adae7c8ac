"""Amounts of bytes, read and written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorline.core.sizes import parse_size, size_text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("17", 17),
        ("17b", 17),
        ("1k", 1024),
        ("1KB", 1024),
        ("512MiB", 512 * 1024**2),
        ("1.5 GiB", 3 * 1024**3 // 2),
        ("2t", 2 * 1024**4),
    ],
)
def test_a_size_is_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "GiB", "-1", "1 GiB ", "1,5G", "1ib", "1e3", "many", "1GB\n"]
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a size such as 1GiB"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "like", "up", "text"),
    [
        (0, 0, False, "0 B"),
        (900, 1000, False, "900 B"),
        (1024**3, 1024**3, False, "1 GiB"),
        (429_496_730, 1024**3, False, "0.4 GiB"),
        (1024**3 - 1, 1024**3, False, "0.99 GiB"),
        (1, 1024**3, True, "0.01 GiB"),
        (123_456 * 1024**4, 1024**3, False, "126418944 GiB"),
    ],
)
def test_a_size_is_written(size: int, like: int, up: bool, text: str) -> None:  # noqa: FBT001
    assert size_text(size, like=like, up=up) == text


@given(st.integers(1, 2**50), st.data())
def test_what_is_almost_enough_never_reads_as_enough(needed: int, data: st.DataObject) -> None:
    free = data.draw(st.integers(0, needed - 1))
    written = parse_size(size_text(free, like=needed))
    assert written <= free
    assert parse_size(size_text(needed - free, like=needed, up=True)) >= 0
    assert size_text(needed - free, like=needed, up=True)[0:2] != "0 "

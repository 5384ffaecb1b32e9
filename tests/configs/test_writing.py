"""Small files are whole or not there, whatever others have placed beside them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from configs.writing import replace_file


def test_a_file_is_replaced_and_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "mine"
    replace_file(path, b"one")
    path.chmod(0o600)
    replace_file(path, b"two")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"two", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_no_link_is_followed(tmp_path: Path) -> None:
    other, path = tmp_path / "other", tmp_path / "mine"
    other.write_text("another's")
    for name in ("mine", "mine.part"):
        (tmp_path / name).symlink_to(other)
    replace_file(path, b"one")
    assert (other.read_text(), path.read_bytes()) == ("another's", b"one")
    assert not path.is_symlink()


def test_what_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine"
    replace_file(path, b"one")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        replace_file(path, b"two")
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_as_long_as_a_name_may_be_serves(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    replace_file(path, b"one")
    assert path.read_bytes() == b"one"

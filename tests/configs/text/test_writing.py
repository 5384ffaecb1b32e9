"""Small files are whole or not there, whatever others have placed beside them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from configs.text.writing import draft_of, is_draft, write_whole


def test_a_file_is_replaced_and_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "mine"
    write_whole(path, b"one")
    path.chmod(0o600)
    write_whole(path, b"two")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"two", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_no_link_is_followed(tmp_path: Path) -> None:
    other, path = tmp_path / "other", tmp_path / "mine"
    other.write_text("another's")
    for name in ("mine", "mine.part"):
        (tmp_path / name).symlink_to(other)
    write_whole(path, b"one")
    assert (other.read_text(), path.read_bytes()) == ("another's", b"one")
    assert not path.is_symlink()


def test_what_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine"
    write_whole(path, b"one")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"two")
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_as_long_as_a_name_may_be_serves(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    write_whole(path, b"one")
    assert path.read_bytes() == b"one"


@pytest.mark.parametrize("name", ["x" * 255, "ä" * 127, "a\nb"])
def test_every_draft_is_known_by_its_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    assert is_draft(draft_of(path))
    assert not is_draft(path)
    write_whole(path, b"one")
    assert [each.name for each in tmp_path.iterdir()] == [name]

"""Files and folders that are whole or not there at all."""

import os
from pathlib import Path

import pytest

from hil_app.files import whole_folder, write_whole

CUT_OFF = pytest.mark.parametrize("error", [OSError(28, "No space left"), KeyboardInterrupt()])


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_swapped_and_never_written_over(tmp_path):
    path = tmp_path / "summary.json"
    write_whole(path, b"a longer first text")
    with path.open("rb") as reader:
        write_whole(path, b"second")
        assert reader.read() == b"a longer first text"
    assert path.read_bytes() == b"second"
    assert names(tmp_path) == ["summary.json"]


@CUT_OFF
def test_a_file_that_is_cut_off_leaves_the_old_one_and_nothing_else(tmp_path, monkeypatch, error):
    path = tmp_path / "summary.json"
    write_whole(path, b"old")

    def refuse(_):
        assert names(tmp_path) == ["summary.json", "summary.json.part"]
        raise error

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(type(error)):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["summary.json"]


def test_a_folder_takes_the_place_of_the_old_one_only_when_it_is_whole(tmp_path):
    folder = tmp_path / "deep" / "checkpoint"
    with whole_folder(folder) as draft:
        (draft / "old").write_text("1")
        assert not folder.exists()
    with whole_folder(folder) as draft:
        (draft / "new").write_text("2")
        assert names(folder) == ["old"]
    assert names(folder) == ["new"]
    assert names(folder.parent) == ["checkpoint"]


@CUT_OFF
def test_a_folder_that_is_cut_off_leaves_the_old_one_and_nothing_else(tmp_path, error):
    folder = tmp_path / "checkpoint"
    with whole_folder(folder) as draft:
        (draft / "old").write_text("1")

    def write():
        with whole_folder(folder) as draft:
            (draft / "new").write_text("2")
            raise error

    with pytest.raises(type(error)):
        write()
    assert names(folder) == ["old"]
    assert names(tmp_path) == ["checkpoint"]


def test_the_old_folder_comes_back_if_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    folder, rename = tmp_path / "checkpoint", Path.rename
    with whole_folder(folder) as draft:
        (draft / "old").write_text("1")

    def refuse_drafts(path, target):
        if path.name.endswith(".part"):
            raise OSError(5, "Input/output error")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse_drafts)
    with pytest.raises(OSError, match="Input/output"), whole_folder(folder) as draft:
        (draft / "new").write_text("2")
    assert names(folder) == ["old"]
    assert names(tmp_path) == ["checkpoint"]


def test_what_a_killed_run_left_behind_is_swept_away(tmp_path):
    folder = tmp_path / "checkpoint"
    for left in ("checkpoint.part", "checkpoint.old"):
        (tmp_path / left).mkdir()
        (tmp_path / left / "stale").write_text("x")
    with whole_folder(folder) as draft:
        (draft / "new").write_text("1")
    assert names(folder) == ["new"]
    assert names(tmp_path) == ["checkpoint"]

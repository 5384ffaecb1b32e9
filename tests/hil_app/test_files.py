"""Files and folders that are whole or not there at all."""

import os
import shutil
from contextlib import suppress

import pytest

from hil_app import files
from hil_app.files import new_folder, remove_folder, write_whole

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


def test_a_folder_is_there_only_when_it_is_whole(tmp_path, monkeypatch):
    folder, synced, sync = tmp_path / "deep" / "one", [], files.sync

    def noting(path):
        synced.append((path.name, folder.exists()))
        sync(path)

    monkeypatch.setattr(files, "sync", noting)
    with new_folder(folder) as draft:
        (draft / "inner").mkdir()
        (draft / "inner" / "file").write_text("1")
        assert not folder.exists()
    assert (folder / "inner" / "file").read_text() == "1"
    assert names(folder.parent) == ["one"]
    # everything has reached the disk before the name has, and the name at last
    assert sorted(synced[:-1]) == [("file", False), ("inner", False), ("one.part", False)]
    assert synced[-1] == ("deep", True)


@CUT_OFF
def test_a_folder_that_is_cut_off_leaves_nothing(tmp_path, error):
    def write():
        with new_folder(tmp_path / "one") as draft:
            (draft / "file").write_text("1")
            raise error

    with pytest.raises(type(error)):
        write()
    assert names(tmp_path) == []


def test_a_folder_never_takes_the_place_of_another(tmp_path):
    for text in ("first", "second"):
        with suppress(OSError), new_folder(tmp_path / "one") as draft:
            (draft / "file").write_text(text)
    assert (tmp_path / "one" / "file").read_text() == "first"
    assert names(tmp_path) == ["one"]


def test_what_a_killed_run_left_behind_is_swept_away(tmp_path):
    for left in ("one.part", "other.part"):
        (tmp_path / left).mkdir()
        (tmp_path / left / "stale").write_text("x")
    with new_folder(tmp_path / "one") as draft:
        (draft / "new").write_text("1")
    assert names(tmp_path / "one") == ["new"]
    assert names(tmp_path) == ["one"]


def test_a_folder_loses_its_name_before_its_files(tmp_path, monkeypatch):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "file").write_text("1")
    remove, seen = shutil.rmtree, []

    def noting(path, **options):
        seen.append(names(tmp_path))
        remove(path, **options)

    monkeypatch.setattr(shutil, "rmtree", noting)
    remove_folder(tmp_path / "one")
    assert seen == [["one.part"]]
    assert names(tmp_path) == []

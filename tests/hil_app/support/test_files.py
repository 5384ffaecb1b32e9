"""Files and folders that are whole or not there at all."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from configs.text.writing import draft_of, is_draft, write_whole
from hil_app.support import files
from hil_app.support.files import (
    check_room,
    check_writable,
    claimed,
    new_folder,
    remove_folder,
    sweep,
)

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
        there, draft = names(tmp_path)
        assert there == "summary.json"
        assert is_draft(tmp_path / draft)
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
    *inner, (whole, there), last = [item for item in synced if item[0] != tmp_path.name]
    assert sorted(inner) == [("file", False), ("inner", False)]
    assert is_draft(folder.with_name(whole))
    assert not there
    assert last == ("deep", True)


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


def test_what_a_killed_run_left_behind_is_swept_away_and_nothing_else(tmp_path):
    theirs = tmp_path / "elsewhere"
    for folder in (theirs, tmp_path / "download.part", draft_of(tmp_path / "one")):
        folder.mkdir()
        (folder / "file").write_text("theirs")
    link = draft_of(tmp_path / "link")
    link.symlink_to(theirs)
    sweep(tmp_path)
    assert names(tmp_path) == sorted(["download.part", "elsewhere", link.name])
    assert (theirs / "file").read_text() == "theirs"


def test_a_folder_is_claimed_by_one_and_must_be_empty(tmp_path):
    folder = tmp_path / "deep" / "one"
    with claimed(folder):
        with pytest.raises(FileExistsError, match="by another process"), claimed(folder):
            pass
        with new_folder(folder) as draft:
            (draft / "file").write_text("1")
    assert (folder / "file").read_text() == "1"
    with pytest.raises(FileExistsError, match="not empty"), claimed(folder):
        pass
    assert names(folder) == ["file"]
    with pytest.raises(ZeroDivisionError), claimed(tmp_path / "two"):
        raise ZeroDivisionError
    assert names(tmp_path) == ["deep"]


def test_room_is_looked_for_before_it_is_needed(tmp_path):
    check_room(tmp_path, 1000)
    with pytest.raises(OSError, match=r"No space left|File too large"):
        check_room(tmp_path, 1 << 60)
    assert names(tmp_path) == []


def test_a_link_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "theirs").write_text("precious")
    (tmp_path / "summary.json").symlink_to(tmp_path / "theirs")
    (tmp_path / "summary.json.part").symlink_to(tmp_path / "theirs")
    write_whole(tmp_path / "summary.json", b"new")
    assert (tmp_path / "theirs").read_text() == "precious"
    assert (tmp_path / "summary.json").read_text() == "new"
    assert not (tmp_path / "summary.json").is_symlink()


def test_a_folder_loses_its_name_before_its_files(tmp_path, monkeypatch):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "file").write_text("1")
    remove, seen = shutil.rmtree, []

    def noting(path, **options):
        seen.append(names(tmp_path))
        remove(path, **options)

    monkeypatch.setattr(shutil, "rmtree", noting)
    remove_folder(tmp_path / "one")
    ((draft,),) = seen
    assert is_draft(tmp_path / draft)
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["new.json", "folder/below/new.json", "x" * 200])
def test_what_can_be_written_is_tried_without_a_trace(tmp_path: Path, name: str) -> None:
    check_writable(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["x" * 260, "y" * 260 + "/new", ".", "file/new", "file/a/b"])
def test_what_cannot_be_written_is_known_before(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(OSError, match=r"."):
        check_writable(tmp_path / name)
    assert (tmp_path / "file").read_text() == "kept"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_takes_nothing_is_known_before() -> None:
    with pytest.raises(OSError, match=r"."):
        check_writable(Path("/proc/new.json"))


def test_what_a_killed_command_left_of_a_folder_is_named_and_stays(tmp_path, capsys):
    mine, others = draft_of(tmp_path / "one"), draft_of(tmp_path / "two")
    for folder in (mine, others, tmp_path / "one.part"):
        folder.mkdir()
    with claimed(tmp_path / "one"):
        pass
    assert capsys.readouterr().err == (
        f"hil-app: {mine} is left of a command that was cut short: remove it at will\n"
    )
    assert names(tmp_path) == sorted([mine.name, others.name, "one.part"])


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "file").write_text("precious")
    (tmp_path / "one").symlink_to(tmp_path / "theirs")
    remove_folder(tmp_path / "one")
    assert names(tmp_path) == ["theirs"]
    assert (tmp_path / "theirs" / "file").read_text() == "precious"

"""Mappings of joysticks: what is saved, what is refused, and what a damaged file leads to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from virtual_pads import isolate

from teleop.base import TeleopError
from teleop.gamepad import mappings as gamepad_mappings
from teleop.gamepad.mappings import check_mapping, mappings_file, save_mapping, saved_mappings
from teleop.gamepad.sdl import gamepads, pygame

ONE = "03000000790000000600000010abcd00,Twin USB Joystick,a:b2,b:b1,leftx:a0,dpup:h0.1,"
TWO = "0300fa676d04000016c2000010010000,Mine,-lefty:-a1,+lefty:+a1,x:a3~,righttrigger:b7,"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    isolate(monkeypatch, tmp_path)
    yield
    assert not pygame.joystick.get_init()


def test_mappings_are_kept_beside_the_user_s_other_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert mappings_file() == tmp_path / "hil-app" / "gamepads.txt"
    monkeypatch.setenv("XDG_CONFIG_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert mappings_file() == tmp_path / "home" / ".config" / "hil-app" / "gamepads.txt"


def test_each_model_has_one_mapping_and_what_else_is_in_the_file_stays() -> None:
    assert saved_mappings() == []
    file = save_mapping(ONE)
    file.write_text(f"# my pads\n{file.read_text()}")
    save_mapping(TWO)
    newer = f"{ONE[:32].upper()},Old,a:b9,"
    assert save_mapping(f"{newer}\n") == file == mappings_file()
    assert saved_mappings() == [TWO, newer]
    assert file.read_text() == f"# my pads\n{TWO}\n{newer}\n"
    assert [path.name for path in file.parent.iterdir()] == ["gamepads.txt"]


def test_a_mapping_takes_the_place_of_a_damaged_one_of_the_same_model() -> None:
    file = save_mapping(ONE)
    file.write_text(f"{ONE}a:b,\n{TWO}\n")
    with pytest.raises(TeleopError, match=r"line 1: a: 'b' is no axis"):
        saved_mappings()
    save_mapping(ONE)
    assert saved_mappings() == [TWO, ONE]


def test_mappings_for_other_systems_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gamepad_mappings, "_PLATFORM", "Linux")
    save_mapping(f"{ONE}platform:Windows,")
    save_mapping(f"{TWO}platform:Linux,")
    assert saved_mappings() == [f"{TWO}platform:Linux,"]


def test_what_editors_of_other_systems_leave_does_not_matter() -> None:
    mappings_file().parent.mkdir()
    mappings_file().write_bytes(f"\ufeff{ONE}\r\n\r\n  \r\n{TWO}\r\n".encode())
    assert saved_mappings() == [ONE, TWO]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "32 hexadecimal digits"),
        (ONE[1:], "32 hexadecimal digits, not '3000000790000000600000010abcd00'"),
        (ONE.replace("Twin USB Joystick", ""), "name is missing"),
        (ONE[:32], "name is missing"),
        (ONE[:50], "it assigns nothing"),
        (f"{ONE}fire:b3,", "a pad has no 'fire'; it has: leftx"),
        (f"{ONE}{'fire' * 999}:b3,", r"a pad has no 'firefire\S{30,34}'; it has: leftx"),
        (f"{ONE}y:{'b3' * 999},", r"y: 'b3b3\S{30,38}' is no axis"),
        (f"{ONE}y:,", "y: '' is no axis"),
        (f"{ONE}y:b,", "y: 'b' is no"),
        (f"{ONE}y:h0.3,", "y: 'h0.3' is no"),
        (f"{ONE}y:b3~,", "y: 'b3~' is no"),
        (f"{ONE}\n{TWO}", "no line of text"),
        (ONE.replace("Twin", "\0"), "no line of text"),
    ],
)
def test_what_is_no_mapping_is_refused_and_not_saved(line: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        check_mapping(line)
    with pytest.raises(ValueError, match=why):
        save_mapping(line)
    assert not mappings_file().exists()


def test_a_file_that_is_no_text_is_a_line_with_the_remedy() -> None:
    mappings_file().parent.mkdir()
    mappings_file().write_bytes(b"\xff\xfe\x00")
    for read in (saved_mappings, lambda: save_mapping(ONE)):
        with pytest.raises(TeleopError, match=r"gamepads\.txt is not text: byte .*: delete it"):
            read()


def test_a_file_that_cannot_be_read_or_written_is_a_line_that_says_why(tmp_path: Path) -> None:
    mappings_file().mkdir(parents=True)
    with pytest.raises(TeleopError, match=r"cannot be read: .*it is a folder"):
        saved_mappings()
    mappings_file().rmdir()
    mappings_file().parent.rmdir()
    (tmp_path / "hil-app").write_text("a file where the folder would be")
    with pytest.raises(TeleopError, match="cannot be"):
        save_mapping(ONE)


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), st.integers(0, len(ONE)))
@example("\0", 40)
@example(",platform:", len(ONE))
def test_whatever_is_in_the_file_sdl_starts_or_a_line_says_why(damage: str, place: int) -> None:
    file = mappings_file()
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"{ONE[:place]}{damage}{ONE[place:]}\n{TWO}", encoding="utf-8")
    said = ", line 1: "
    try:
        with gamepads():
            assert pygame.joystick.get_init()
            assert saved_mappings()[-1] == TWO
    except TeleopError as error:
        said = str(error)
    assert re.search(r", line \d+: ", said)

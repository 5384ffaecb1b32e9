"""``hil-app gamepad`` as an operator runs it, with a pad that is moved through a socket."""

from __future__ import annotations

import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from types import MappingProxyType
from typing import Any

import pytest
from attended_sessions import remote
from guided import Guided, guided

from teleop.virtual.remote import Remote

TWIN = {"name": "Twin, Stick", "axes": 7, "buttons": 12, "hats": 1, "triggers": [4]}
XBOX = "030000005e0400008e02000014010000"
HOLD_S = 0.15  # that a finger stays where it is


@pytest.fixture(autouse=True)
def _own_mappings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@contextmanager
def watching(
    tmp_path: Path, *options: str, terminal: bool = False
) -> Iterator[tuple[Guided, Remote]]:
    """``gamepad test`` with a virtual pad, ready."""
    socket = tmp_path / "pad"
    virtual = f"--teleop.virtual={socket}"
    with guided("gamepad", "test", virtual, *options, terminal=terminal) as running:
        running.until("Watching Virtual Gamepad, read by SDL")
        with remote(socket, running.process) as pad:
            yield running, pad


def presses(running: Guided) -> dict[str, int]:
    """The summary at the end."""
    rows = re.findall(r"^│ (.+?) +│ (.+?) +│ +(\d+) │$", running.text, re.MULTILINE)
    return {name: int(count) for name, _, count in rows}


# test


def test_buttons_sticks_and_triggers_are_shown_by_name_with_what_they_do(tmp_path: Path) -> None:
    with watching(tmp_path) as (running, pad):
        pad.tell(tap="y", seconds=0.001)
        running.until("Y: success (1)")
        pad.tell(axis="lefty", value=-0.9)
        running.until("left stick up: forward")
        pad.tell(axis="rightx", value=0.9)
        running.until("right stick right: nothing")
        pad.tell(axis="righttrigger", value=0.8)
        running.until("RT: open gripper (1)")
        pad.tell(button="rightshoulder", down=True)
        running.until("the operator acts")
        pad.tell(button="rightshoulder", down=False)
        running.until("the policy acts")
        pad.tell(tap="back", seconds=0.001)
        running.until("Back: stop the run (1)")  # and the view goes on
        pad.tell(tap="start", seconds=0.001)
        running.until("Start: pause (1)")
        running.interrupt()
        assert running.end() == 0
    assert presses(running) == {"Y": 1, "RT": 1, "RB": 1, "Back": 1, "Start": 1}
    heard = "A run would have heard: success, take over, stop the run, pause"
    assert heard in running.words.replace("open gripper, ", "")


def test_a_thousand_taps_of_a_millisecond_are_all_counted(tmp_path: Path) -> None:
    with watching(tmp_path) as (running, pad):
        for tap in range(1000):
            pad.tell(tap="y" if tap % 2 else "x", seconds=0.001)
        running.until("Y: success (500)")
        running.interrupt()
        assert running.end() == 0
    assert presses(running) == {"X": 500, "Y": 500}


def test_a_pad_that_is_unplugged_and_comes_back_is_reported_and_works_again(tmp_path: Path) -> None:
    with watching(tmp_path) as (running, pad):
        pad.tell(button="rightshoulder", down=True)
        running.until("the operator acts")
        pad.tell(plug=False)
        running.until("Virtual Gamepad is gone: the arm holds")
        running.until("the policy acts")
        pad.tell(plug=True)
        running.until("Virtual Gamepad is back")
        pad.tell(tap="a", seconds=0.001)
        running.until("A: failure (1)")
        running.interrupt()
        assert running.end() == 0
    assert "The device was lost 1×, back 1×." in running.words


def test_options_change_what_controls_do_and_the_wrist_has_motions_of_its_own(
    tmp_path: Path,
) -> None:
    options = ("--teleop.controls.success=dpup", "--processor.wrist={}", "--seconds=20")
    with watching(tmp_path, *options) as (running, pad):
        pad.tell(tap="dpup", seconds=0.001)
        running.until("D-pad up: success (1)")
        pad.tell(axis="righty", value=-0.9)
        running.until("right stick up: tilt up")
        pad.tell(tap="y", seconds=0.001)
        running.until("Y: nothing (1)")


def test_in_a_terminal_an_image_lives_until_q(tmp_path: Path) -> None:
    with watching(tmp_path, terminal=True) as (running, pad):
        running.until("left stick")
        pad.tell(axis="leftx", value=0.5)
        pad.tell(button="rightshoulder", down=True)
        running.until("THE OPERATOR ACTS")
        running.until("+0.50")
        pad.tell(plug=False)
        running.until("is gone: plug it in again")
        pad.tell(plug=True)
        running.until("PAUSED")
        running.enter("q")
        assert running.end() == 0
        assert presses(running) == {"RB": 1}


def test_so_many_seconds_are_enough(tmp_path: Path) -> None:
    with watching(tmp_path, "--seconds=0.2") as (running, _):
        assert running.end() == 0
    assert "No press." in running.words


@pytest.mark.parametrize("command", ["test", "setup"])
def test_without_a_gamepad_it_ends_in_a_line(command: str) -> None:
    with guided("gamepad", command) as running:
        assert running.end() == 1
    assert running.words.startswith("hil-app: No gamepad is plugged in: plug one in")
    assert len(running.text.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["test", "--teleop.type=scripted"],
            "teleop.type: scripted has neither sticks nor keys",
        ),
        (["test", "--teleop=null"], "teleop.type: null has neither sticks nor keys"),
        (["test", "--seconds=0"], "--seconds is above 0"),
        (["test", "--seconds=nan"], "--seconds is above 0"),
        (
            ["layout", "--teleop.type=keyboard", "--svg=x.svg"],
            "--svg: only a gamepad can be drawn",
        ),
        (["layout", "--svg=/nowhere/x.svg"], "--svg: cannot write /nowhere/x.svg"),
        (["setup", "--pat=x"], "unrecognized arguments: --pat=x"),
        (["trial"], "unknown command 'gamepad trial'; commands: test, setup, layout"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(
    arguments: list[str],
    line: str,
    tmp_path: Path,
    here: Callable[..., CompletedProcess[str]],
) -> None:
    done = here("gamepad", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert line in done.stderr
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)


# setup


class Hand:
    """An operator who does what is asked for, by the numbers of a plain joystick's driver."""

    def __init__(self, running: Guided, pad: Remote) -> None:
        self.running, self.pad = running, pad

    def button(self, number: int) -> None:
        self.pad.tell(tap=number, seconds=HOLD_S)

    def axis(self, number: int, value: float, rest: float = 0.0) -> None:
        self.pad.tell(axis=number, value=value)
        time.sleep(HOLD_S)
        self.pad.tell(axis=number, value=rest)

    def hat(self, right: int, up: int) -> None:
        self.pad.tell(hat=0, to=[right, up])
        time.sleep(HOLD_S)
        self.pad.tell(hat=0, to=[0, 0])


@contextmanager
def teaching(
    tmp_path: Path, *options: str, model: Mapping[str, Any] = MappingProxyType(TWIN)
) -> Iterator[Hand]:
    socket = tmp_path / "joystick"
    setup = guided("gamepad", "setup", f"--virtual={socket}", *options)
    with setup as running, remote(socket, running.process) as pad:
        pad.tell(plug=dict(model))
        yield Hand(running, pad)


def begin(hand: Hand) -> None:
    hand.running.until("Let go of all of it")
    hand.running.enter()


def steps(hand: Hand) -> list[tuple[str, Callable[[], None], str]]:
    """What is asked for, what the hand does then, and where that is."""
    return [
        ("Press A", lambda: hand.button(2), "b2"),
        ("Press B", lambda: hand.button(1), "b1"),
        ("Press X", lambda: hand.button(3), "b3"),
        ("Press Y", lambda: hand.button(0), "b0"),
        ("left shoulder", lambda: hand.button(4), "b4"),
        ("right shoulder", lambda: hand.button(5), "b5"),
        ("left trigger", lambda: hand.axis(4, 1.0, rest=-1.0), "a4"),
        ("right trigger", lambda: hand.axis(5, -1.0), "-a5"),
        ("left stick to the right", lambda: hand.axis(0, 1.0), "a0"),
        ("left stick towards", lambda: hand.axis(1, -1.0), "a1~"),
        ("right stick to the right", lambda: hand.axis(2, 0.8), "a2"),
        ("right stick towards", lambda: hand.axis(3, 1.0), "a3"),
        ("Press Back", lambda: hand.button(8), "b8"),
        ("Press Start", lambda: hand.button(9), "b9"),
        ("D-pad up", lambda: hand.hat(0, 1), "h0.1"),
        ("D-pad down", lambda: hand.hat(0, -1), "h0.4"),
        ("D-pad to the left", lambda: hand.hat(-1, 0), "h0.8"),
        ("D-pad to the right", lambda: hand.hat(1, 0), "h0.2"),
        ("left stick down", lambda: hand.button(10), "b10"),
        ("right stick down", lambda: hand.button(11), "b11"),
    ]


def test_a_plain_joystick_is_taught_and_then_known_by_the_right_names(tmp_path: Path) -> None:
    file = tmp_path / "config/hil-app/gamepads.txt"
    with teaching(tmp_path) as hand:
        begin(hand)
        for number, (asked, do, where) in enumerate(steps(hand), 1):
            hand.running.until(f"{number}/21")
            hand.running.until(asked)
            do()
            hand.running.until(f": {where}")
        hand.running.until("21/21 Press the button in the middle")
        hand.running.enter()
        hand.running.until("That is all: 20 of 21 controls.")
        hand.running.until("Save it?")
        assert not file.exists()
        hand.running.enter()
        hand.running.until("hil-app gamepad test")
        assert hand.running.end() == 0
    _, name, *fields = file.read_text().strip().split(",")
    assert name == "Twin Stick"
    assert fields[:4] == ["a:b2", "b:b1", "x:b3", "y:b0"]
    with watching(tmp_path) as (running, pad):
        pad.tell(plug=TWIN)
        running.until("takes its place")
        pad.tell(tap=0, seconds=0.001)
        running.until("Y: success (1)")
        pad.tell(axis=1, value=0.9)  # the wrong way round
        running.until("left stick up: forward")
        pad.tell(axis=4, value=0.9)
        running.until("LT: close gripper (1)")
        pad.tell(axis=5, value=-0.9)
        running.until("RT: open gripper (1)")
        pad.tell(hat=0, to=[-1, 0])
        running.until("D-pad left: nothing (1)")
    with teaching(tmp_path) as hand:
        hand.running.until("Twin, Stick is known already: nothing is to be done.")
        assert hand.running.end() == 0


def test_steps_are_skipped_taken_back_and_never_assigned_twice(tmp_path: Path) -> None:
    file = tmp_path / "config/hil-app/gamepads.txt"
    with teaching(tmp_path) as hand:
        begin(hand)
        hand.running.until("Press A")
        hand.button(7)
        hand.running.until("2/21 Press B")
        hand.button(7)
        hand.running.until("That is A already.")
        hand.running.enter("b")
        hand.running.until("1/21 Press A")
        hand.button(6)
        hand.running.until("A: b6")
        hand.running.until("2/21 Press B")
        hand.button(7)
        hand.running.until("B: b7")
        for number in range(3, 22):
            hand.running.until(f"{number}/21")
            if number == 9:
                hand.button(3)
                hand.running.until("That is a button; a stick is asked for.")
            hand.running.enter()
            hand.running.until("skipped")
        hand.running.until("nothing does: left, right, forward, back, up, down")
        hand.running.until("Save it?")
        hand.running.enter("n")
        hand.running.until("Nothing was saved.")
        assert hand.running.end() == 1
    assert ",a:b6,b:b7," in hand.running.text
    assert not file.exists()


def test_a_pad_that_is_known_is_taught_again_if_asked_to_and_named(tmp_path: Path) -> None:
    known = {"name": "Virtual Gamepad", "axes": 6, "buttons": 21, "known_as": XBOX}
    with teaching(tmp_path, model=known) as hand:
        hand.running.until("Virtual Gamepad is known already: nothing is to be done.")
        assert hand.running.end() == 0
    with teaching(tmp_path, "--again", "--pad=virtual g", model=known) as hand:
        begin(hand)
        hand.running.until("1/21 Press A")
        hand.button(20)
        hand.running.until("A: b20")
    with teaching(tmp_path, "--pad=dual") as hand:
        assert hand.running.end() == 1
        assert "no joystick is called 'dual'; there are: Twin, Stick" in hand.running.words


def test_ctrl_c_the_end_of_input_and_a_lost_pad_save_nothing(tmp_path: Path) -> None:
    with teaching(tmp_path) as hand:
        begin(hand)
        hand.running.until("Press A")
        hand.button(1)
        hand.running.until("2/21")
        hand.running.interrupt()
        assert hand.running.end() == 130
        assert "Stopped: nothing was saved." in hand.running.words
    with teaching(tmp_path) as hand:
        begin(hand)
        hand.running.until("Press A")
        hand.running.hang_up()
        assert hand.running.end() == 1
        assert "Nothing was saved." in hand.running.words
    with teaching(tmp_path) as hand:
        begin(hand)
        hand.running.until("Press A")
        hand.pad.tell(plug=False)
        assert hand.running.end() == 1
        assert "Twin, Stick is gone: plug it in and begin again." in hand.running.words
    assert not (tmp_path / "config").exists()


# layout


def test_the_layout_is_listed_and_drawn(tmp_path: Path) -> None:
    with guided("gamepad", "layout", "--teleop.type=keyboard") as running:
        assert running.end() == 0
    assert "space emergency stop" in running.words
    file = tmp_path / "mine.svg"
    with guided("gamepad", "layout", "--teleop.controls.stop=guide", f"--svg={file}") as running:
        assert running.end() == 0
    words = [element.text for element in ET.parse(file).findall(".//{*}text")]
    assert "Guide: stop the run" in words


# keyboard


def test_a_keyboard_is_tried_in_its_window_until_that_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    socket = tmp_path / "keys"
    options = ("--teleop.type=keyboard", f"--teleop.virtual={socket}")
    with guided("gamepad", "test", *options) as running:
        running.until("Watching the keyboard, while its window has the focus")
        with remote(socket, running.process) as keys:
            keys.tell(key="leftshift", down=True)
            running.until("the operator acts")
            keys.tell(tap="s")
            running.until("s: success (1)")
            keys.tell(focus=False)
            running.until("the policy acts")
            keys.tell(close=True)
        assert running.end() == 0
    assert presses(running) == {"leftshift": 1, "s": 1}

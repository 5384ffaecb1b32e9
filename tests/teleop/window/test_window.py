"""The operator's window as a process: what it is shown arrives, and nobody waits for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pygame
import pytest
from sample_window import KEYS
from waiting import until
from windows import Open, open_window

from robots import isolated
from robots.base import U8
from teleop.base import TeleopError
from teleop.window.client import KeyChange, Window
from teleop.window.look import MOODS, Colour
from teleop.window.shown import KeyHelp, Shown

RED, GREEN = (230, 20, 20), (20, 230, 20)


@pytest.fixture(scope="module")
def shared() -> Iterator[Open]:
    with open_window() as it:
        yield it


def plain(colour: Colour, height: int = 480, width: int = 640) -> U8:
    return np.full((height, width, 3), colour, np.uint8)


def shows(it: Open, colour: Colour, folder: Path, top: int = 0) -> bool:
    """Whether something in the window, ``top`` pixels down or more, has this colour now."""
    path = folder / "shown.png"
    it.operator.tell(save=str(path))
    pixels = pygame.surfarray.array3d(pygame.image.load(path))[:, top:].astype(int)
    return bool((np.abs(pixels - colour).max(axis=-1) <= 2).sum() > 20)


def gone(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def test_what_is_shown_arrives(shared: Open, tmp_path: Path) -> None:
    shared.window.show(Shown("YOU", "you", {"front": plain(RED), "wrist": plain(GREEN, 30, 40)}))
    until(lambda: shows(shared, MOODS["you"], tmp_path))
    assert shows(shared, RED, tmp_path)
    assert shows(shared, GREEN, tmp_path)
    shared.window.show(Shown("PAUSED", "paused", {"front": plain(GREEN)}))
    until(lambda: shows(shared, MOODS["paused"], tmp_path))
    assert not shows(shared, RED, tmp_path)
    assert not shows(shared, MOODS["you"], tmp_path)


def test_the_newest_of_many_is_what_stays(shared: Open, tmp_path: Path) -> None:
    for _ in range(300):
        shared.window.show(Shown("POLICY", "policy", {"front": plain(RED)}))
    shared.window.show(Shown("NO PAD", "alarm", {"front": plain(GREEN)}))
    until(lambda: shows(shared, MOODS["alarm"], tmp_path))
    assert shows(shared, GREEN, tmp_path)


def test_keys_come_in_order_and_a_held_one_comes_once(shared: Open) -> None:
    shared.operator.tell(key="up", down=True)
    shared.operator.tell(key="up", down=True)  # as auto-repeat would
    shared.operator.tell(tap="s")
    shared.operator.tell(key="up", down=False)
    shared.operator.tell(key="up", down=False)
    expected = [("up", True), ("s", True), ("s", False), ("up", False)]
    assert shared.window.changes() == [KeyChange(*change) for change in expected]
    assert shared.window.changes() == []


def test_a_lost_focus_lets_go_of_every_key(shared: Open) -> None:
    shared.operator.tell(key="leftshift", down=True)
    shared.operator.tell(key="left", down=True)
    shared.operator.tell(focus=False)
    shared.operator.tell(key="left", down=False)  # comes late
    changes = shared.window.changes()
    assert changes[:2] == [("leftshift", True), ("left", True)]
    assert set(changes[2:]) == {("leftshift", False), ("left", False)}
    assert len(changes) == 4


def test_keys_that_are_down_are_lit(shared: Open, tmp_path: Path) -> None:
    def lit() -> bool:
        return shows(shared, MOODS["policy"], tmp_path, top=400)  # below the badge

    shared.window.show(Shown("POLICY", "policy", {"front": plain(RED)}))
    until(lambda: shows(shared, MOODS["policy"], tmp_path))
    assert not lit()
    shared.operator.tell(key="g", down=True)
    until(lit)
    shared.operator.tell(key="g", down=False)
    until(lambda: not lit())
    shared.window.changes()


@pytest.mark.parametrize(
    "message",
    [{"key": "ä", "down": True}, {"tap": "shift"}, {"focus": True}, {"key": "a"}, {"close": 1}],
)
def test_what_is_no_virtual_key_is_refused(shared: Open, message: dict[str, object]) -> None:
    with pytest.raises(TeleopError, match=r"no key '|wants key and down"):
        shared.operator.tell(**message)
    assert shared.window.changes() == []


def test_a_window_without_keys_takes_none() -> None:
    with open_window(keys=None) as it:
        it.operator.tell(tap="s")
        assert it.window.changes() == []
        it.operator.tell(close=True)
        assert it.window.changes() == []
        assert it.window.closed


def test_a_closed_window_is_no_error_and_takes_what_it_is_shown() -> None:
    with open_window() as it:
        it.operator.tell(key="up", down=True)
        it.operator.tell(close=True)
        assert not it.window.closed  # nobody has asked yet
        assert it.window.changes() == [("up", True)]
        assert it.window.closed
        for _ in range(3):
            it.window.show(Shown("YOU", "you", {"front": plain(RED)}))
            assert it.window.changes() == []
    assert gone(it.process)


def test_nobody_waits_for_a_window_that_is_stuck_and_nothing_piles_up() -> None:
    with open_window() as it:
        os.kill(it.process, signal.SIGSTOP)
        made: list[weakref.ref[U8]] = []
        for _ in range(100):
            image = plain(RED)
            made.append(weakref.ref(image))
            it.window.show(Shown("YOU", "you", {"front": image}))
        del image
        assert (
            sum(image() is not None for image in made) <= 2
        )  # the newest, and the one that is under way
        until(lambda: it.window.changes() == [] and it.window.silent)
    assert gone(it.process)


def test_a_window_that_was_stuck_is_heard_again() -> None:
    with open_window() as it:
        os.kill(it.process, signal.SIGSTOP)
        until(lambda: it.window.changes() == [] and it.window.silent)
        os.kill(it.process, signal.SIGCONT)
        until(lambda: it.window.changes() == [] and not it.window.silent)


def test_a_window_that_dies_is_an_error_in_one_line() -> None:
    with open_window() as it:
        os.kill(it.process, signal.SIGKILL)
        with pytest.raises(TeleopError, match=r"^The window has ended by itself \(status -9: .*$"):
            until(it.window.changes)
        it.window.show(Shown("YOU", "you"))


def test_ctrl_c_in_the_terminal_is_not_for_it() -> None:
    with open_window() as it:
        assert os.getsid(it.process) != os.getsid(0)
        os.kill(it.process, signal.SIGINT)
        it.operator.tell(tap="s")
        assert it.window.changes() == [("s", True), ("s", False)]


PARENT = """
import time
from teleop.window.client import Window
with Window("orphan", {}) as window:
    print(window._child.pid, flush=True)
    time.sleep(60)
"""


def test_it_ends_when_the_program_that_opened_it_is_killed() -> None:
    command = [sys.executable, "-c", PARENT]
    environment = {**os.environ, "SDL_VIDEODRIVER": "dummy"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        process = int(parent.stdout.readline())
        assert not gone(process)
        parent.kill()
    until(lambda: gone(process))


@pytest.mark.parametrize("driver", ["x11", None])
@pytest.mark.parametrize(
    ("keys", "instead"),
    [(KEYS, r"use a gamepad .* browser \(--teleop.type=page\)"), (None, "go without a window")],
)
def test_where_there_is_no_screen_the_error_says_so_and_what_helps(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    driver: str | None,
    keys: KeyHelp | None,
    instead: str,
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))  # else Wayland is found without a name
    if driver is not None:
        monkeypatch.setenv("SDL_VIDEODRIVER", driver)
    window = Window("nowhere", keys)
    with pytest.raises(TeleopError, match=rf"^No window can be opened \(.*ssh -X, or {instead}\.$"):
        window.__enter__()
    assert gone(window._child.pid)


def test_a_program_that_does_not_start_is_an_error_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refuses = [sys.executable, "-c", "import sys; sys.exit('no screen')"]
    monkeypatch.setattr(isolated, "command", lambda *_: refuses)
    window = Window("never", None)
    with pytest.raises(TeleopError, match=r"^The window has ended by itself \(status 1: .*$"):
        window.__enter__()


def test_a_socket_that_cannot_be_made_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    window = Window("test", KEYS, tmp_path / "no such folder" / "keys")
    with pytest.raises(TeleopError, match=r"teleop\.virtual: cannot listen on .*no such folder"):
        window.__enter__()


def test_started_by_hand_it_says_what_it_is() -> None:
    command = [sys.executable, "-m", "teleop.window"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("This is the program behind the operator's window")

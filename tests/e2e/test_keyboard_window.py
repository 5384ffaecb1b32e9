"""The real command with an operator at the keys of its window: real key events, on no screen."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from attended_sessions import stretches, teleoperate
from recordings import recorded

from hil_app.recording.format.layout import JOURNAL

KEYBOARD = ("--teleop.type=keyboard", "--teleoperate.record=true")
CAMERA = '--robot.cameras={"front": {"height": 48, "width": 64}}'


@pytest.fixture(autouse=True)
def _no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


def test_held_keys_move_the_arm_until_the_focus_is_lost_and_closing_ends_the_run(
    tmp_path: Path,
) -> None:
    with teleoperate(tmp_path, *KEYBOARD, CAMERA) as running:
        for key in ("leftshift", "up"):
            running.remote.tell(key=key, down=True)
        running.wait((running.folder / "dataset" / JOURNAL).exists)  # the reset is over
        time.sleep(0.5)
        running.remote.tell(focus=False)  # somebody typed elsewhere: everything is let go
        time.sleep(0.5)
        image = tmp_path / "window.png"
        running.remote.tell(save=str(image))
        running.remote.tell(close=True)
        status, output, errors = running.end()
    assert (status, errors) == (0, ""), output
    assert "stopped by the operator" in output
    (done,) = recorded(running.folder)
    is_intervention = done["complementary_info.is_intervention"]
    assert stretches(is_intervention) == [True, False]
    moved = done["action"][:, 0]
    assert set(moved[is_intervention].tolist()) <= {1.0}
    assert not moved[~is_intervention].any()
    assert (~is_intervention).sum() >= 5
    shown = cv2.imread(str(image))
    assert shown is not None
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 50  # a camera's image, among others


def test_no_screen_is_one_line_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "x11")
    monkeypatch.delenv("DISPLAY", raising=False)
    with teleoperate(tmp_path, *KEYBOARD, wait=False) as running:
        status, _, errors = running.end()
    assert status == 1
    (line,) = errors.splitlines()
    assert line.startswith("hil-app: ")
    assert "gamepad" in line  # what to use instead
    assert not running.folder.exists()

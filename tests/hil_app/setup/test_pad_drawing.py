"""The drawing of the pad: it says what the config says, legibly, and the committed one is it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import combinations
from pathlib import Path

import pytest

from configs.manual import GamepadConfig
from hil_app.setup.pad_drawing import HEIGHT, WIDTH, drawing

COMMITTED = Path(__file__).parents[3] / "docs/images/gamepad.svg"
OTHER = GamepadConfig(
    take_over="toggle",
    controls={
        "z": "dpup-dpdown",
        "emergency_stop": "dpleft",
        "pause": "dpright",
        "toggle_gripper": "a",
        "take_over": "b",
        "success": "paddle1",
        "failure": "misc1",
        "stop": None,
    },
)
LAYOUTS = [
    pytest.param(GamepadConfig(), False, id="default"),
    pytest.param(GamepadConfig(), True, id="wrist"),
    pytest.param(OTHER, False, id="other"),
]


def texts(config: GamepadConfig, wrist: bool) -> list[ET.Element]:
    return ET.fromstring(drawing(config, wrist=wrist)).findall(".//{*}text")


def said(config: GamepadConfig, wrist: bool) -> list[str]:
    return [element.text or "" for element in texts(config, wrist)]


def box(element: ET.Element) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of a text, in a wide font [px]."""
    size = float(element.get("font-size", 14))
    x, y = float(element.attrib["x"]), float(element.attrib["y"])
    width = size * sum(
        0.36 if letter in "iljtfrI/ .·,()'" else 0.66 for letter in element.text or ""
    )
    left = x - width * {"middle": 0.5, "end": 1.0}.get(element.get("text-anchor", ""), 0.0)
    return left, y - 0.8 * size, left + width, y + 0.2 * size


def test_the_committed_drawing_is_that_of_the_default_layout() -> None:
    assert COMMITTED.read_text() == drawing(GamepadConfig()), (
        "draw it again: hil-app gamepad layout --svg docs/images/gamepad.svg"
    )


def test_it_says_what_every_control_does_by_default() -> None:
    lines = said(GamepadConfig(), False)
    for control, deed in {
        "LT": "close gripper",
        "RT": "open gripper",
        "LB": "slow (hold)",
        "RB": "take over (hold)",
        "Back": "stop the run",
        "Start": "pause",
        "D-pad": "not used",
    }.items():
        after = lines[lines.index(control) + 1 :]
        assert deed in after[:2]
    rows = lines[lines.index("success") - 1 :]
    assert rows[:2] == ["Y", "success"]
    assert rows[3:5] == ["X", "record again"]
    assert rows[6:8] == ["B", "emergency stop"]
    assert rows[9:11] == ["A", "failure"]
    left = lines.index("Left stick")
    assert lines[left + 1 : left + 3] == ["↑ ↓  forward / back", "← →  left / right"]
    assert lines[lines.index("Right stick") + 1] == "↑ ↓  up / down"


def test_it_follows_the_config_and_the_action_space() -> None:
    lines = said(OTHER, False)
    for text in ("↑  up", "↓  down", "←  emergency stop", "→  pause", "take over (on / off)"):
        assert text in lines
    assert "Share: failure · paddle 1: success" in lines
    assert "stop the run" not in lines
    wrist = said(GamepadConfig(), True)
    stick = wrist.index("Right stick")
    assert wrist[stick + 1].startswith("↑ ↓  tilt ")
    assert wrist[stick + 2] == "← →  roll left / roll right"
    assert "pressed: slow (hold)" in wrist


@pytest.mark.parametrize(("config", "wrist"), LAYOUTS)
def test_no_words_touch_each_other_or_the_edge(config: GamepadConfig, wrist: bool) -> None:
    boxes = [(element.text, box(element)) for element in texts(config, wrist)]
    assert len(boxes) > 20
    edge = 480 - WIDTH / 2
    for _, (left, top, right, bottom) in boxes:
        assert edge + 10 < left < right < edge + WIDTH - 10
        assert 10 < top < bottom < HEIGHT - 10
    for (one, a), (other, b) in combinations(boxes, 2):
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert apart, f"{one!r} touches {other!r}"

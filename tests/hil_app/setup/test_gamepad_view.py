"""What ``hil-app gamepad test`` shows, state by state, without a device."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Self

import pytest
from rich.console import Console, RenderableType

from configs.manual import GamepadConfig, KeyboardConfig, ManualConfig
from hil_app.cli.gamepad.view import image, summary
from hil_app.cli.gamepad.watch import Watch
from teleop.device import DeviceState

COMMITTED = Path(__file__).parents[3] / "docs/images/gamepad_test.svg"


class Played:
    """A device whose states are those it is given, one a poll."""

    name = "Xbox Wireless Controller"

    def __init__(self) -> None:
        self.next: DeviceState | None = DeviceState()
        self.rumbles: list[tuple[float, float]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None: ...

    def poll(self) -> DeviceState | None:
        return self.next

    def rumble(self, strength: float, seconds: float) -> None:
        self.rumbles.append((strength, seconds))


class Bench:
    """A watch, the device that it watches, and its clock."""

    def __init__(self, config: ManualConfig | None = None, wrist: bool = False) -> None:
        self.device = Played()
        self.watch = Watch(config or GamepadConfig(), self.device, wrist=wrist)
        self.now = 100.0
        self.news: list[str] = []

    def look(
        self, axes: dict[str, float] | None = None, held: str = "", pressed: str = ""
    ) -> list[str]:
        self.device.next = DeviceState(
            axes or {}, frozenset(held.split()), tuple(pressed.split() or held.split())
        )
        return self.poll()

    def poll(self) -> list[str]:
        self.now += 1 / 30
        newest = self.watch.look(self.now)
        self.news += newest
        return newest

    def shown(self, width: int = 100) -> str:
        return text(image(self.watch, self.news, self.now, width), width)


def text(thing: RenderableType, width: int = 100) -> str:
    console = Console(file=StringIO(), width=width, highlight=False)
    with console.capture() as captured:
        console.print(thing)
    return captured.get()


def line(shown: str, word: str) -> str:
    return next(line for line in shown.splitlines() if word in line)


def test_every_press_is_reported_and_counted_even_several_in_one_poll() -> None:
    bench = Bench()
    assert bench.look(pressed="y y dpup y")[:4] == [
        "Y: success (1)",
        "Y: success (2)",
        "D-pad up: nothing (1)",
        "Y: success (3)",
    ]
    assert bench.look(pressed="y") == ["Y: success (4)"]
    assert re.search(r"● Y +success +4×", bench.shown())
    shown = text(summary(bench.watch))
    assert re.search(r"│ Y +│ success +│ +4 │", shown)
    assert re.search(r"│ D-pad up +│ nothing +│ +1 │", shown)
    assert "A run would have heard: success." in shown


def test_a_stick_is_shown_raw_and_as_it_counts_and_told_once_a_push() -> None:
    bench = Bench(GamepadConfig(dead_zone=0.2))
    assert bench.look({"leftx": 0.1}) == []
    shown = bench.shown()
    assert "○ +0.10 +0.00" in shown
    assert "● +0.00 +0.00" in shown
    assert bench.look({"leftx": 0.6}) == ["left stick right: right"]
    assert bench.look({"leftx": 0.45}) == []  # not let go yet
    assert bench.look({"leftx": 0.6}) == []
    assert "● +0.50 +0.00" in bench.shown()
    assert re.search(r"y .* -0.35 right", bench.shown())  # 0.5 to the power of 1.5
    bench.look({})
    assert bench.look({"leftx": -0.6}) == ["left stick left: left"]


def test_a_stick_s_place_is_where_it_is_drawn() -> None:
    bench = Bench()
    bench.look({"leftx": 1.0, "righty": -1.0})
    rows = bench.shown().splitlines()
    left, right = [row[:33] for row in rows], [row[33:65] for row in rows]
    assert left[4].index("●") == left[2].index("·") + 7  # in the middle line, at its right end
    assert right[2].index("●") == right[3].index("·")  # in the highest line, in its middle


def test_a_trigger_has_a_bar_and_moves_the_gripper_while_the_operator_acts() -> None:
    bench = Bench()
    bench.look({"righttrigger": 0.56}, held="righttrigger")
    assert re.search(r"RT +█████░░░░ 0.56 +→ 0.50", bench.shown())
    assert "open" not in bench.watch.events  # the policy has the arm
    bench.look({"righttrigger": 0.56}, held="righttrigger rightshoulder", pressed="rightshoulder")
    assert bench.watch.events["open"] == 1
    assert re.search(r"grip +open", bench.shown())


def test_the_gripper_s_toggle_closes_what_it_has_opened() -> None:
    bench = Bench(wrist=True)
    bench.look(held="rightshoulder")
    for _ in range(4):
        bench.look(held="rightshoulder leftshoulder", pressed="leftshoulder")
        bench.look(held="rightshoulder", pressed="start start")
    assert (bench.watch.events["open"], bench.watch.events["close"]) == (2, 2)


def test_who_acts_a_pause_and_events_are_lit_for_a_moment() -> None:
    bench = Bench()
    assert "the policy acts" in bench.shown()
    assert bench.look(held="rightshoulder")[-1] == "the operator acts"
    assert "THE OPERATOR ACTS" in bench.shown()
    assert bench.device.rumbles
    bench.look(pressed="b")
    assert "emergency stop" in "".join(bench.shown().splitlines()[1:12])
    bench.now += 1
    assert "emergency stop" not in "".join(bench.shown().splitlines()[1:12])
    bench.look(pressed="start")
    assert "PAUSED" in bench.shown()


def test_a_loss_and_a_return_are_shown_told_and_counted() -> None:
    bench = Bench()
    bench.look({"leftx": 0.5}, held="rightshoulder")
    bench.device.next = None
    reported = bench.poll()
    assert reported == ["Xbox Wireless Controller is gone: the arm holds", "the policy acts"]
    shown = bench.shown()
    assert "Xbox Wireless Controller is gone: plug it in again" in shown
    assert "○ +0.00 +0.00" in shown
    assert bench.poll() == []
    assert bench.look()[0].startswith("Xbox Wireless Controller is back")
    assert "The device was lost 1×, back 1×." in text(summary(bench.watch))


def test_controls_that_do_nothing_are_shown_once_they_were_pressed() -> None:
    bench = Bench()
    assert "paddle 1" not in bench.shown()
    bench.look(pressed="paddle1")
    assert re.search(r"● paddle 1 +1×", bench.shown())
    moved = Bench(GamepadConfig(controls={"success": "guide"}))
    assert re.search(r"○ Guide +success", moved.shown())


def test_a_keyboard_has_its_keys_and_no_sticks() -> None:
    bench = Bench(KeyboardConfig())
    assert bench.look(held="leftshift up", pressed="leftshift up g")[:3] == [
        "leftshift: take over (hold) (1)",
        "up: forward (1)",
        "g: toggle gripper (1)",
    ]
    shown = bench.shown()
    assert "stick" not in shown
    assert re.search(r"● leftshift +take over \(hold\) +1×", shown)
    assert re.search(r"x .* \+1.00 forward", shown)


@pytest.mark.parametrize("wrist", [False, True])
@pytest.mark.parametrize(("width", "most"), [(80, 80), (100, 100), (140, 100)])
def test_it_fits_into_a_common_terminal(width: int, most: int, wrist: bool) -> None:
    bench = Bench(wrist=wrist)
    bench.look({"rightx": 0.4}, held="rightshoulder", pressed="rightshoulder y a")
    rows = bench.shown(width).splitlines()
    assert {len(row) for row in rows} == {most}
    assert len(rows) <= 24


def sample() -> Bench:
    """A moment in which much happens."""
    bench = Bench()
    for taps in ("y", "a a", "y y y"):
        bench.look(pressed=taps)
    bench.now += 1
    bench.look({"leftx": -0.35, "lefty": -0.7}, held="rightshoulder")
    axes = {"leftx": -0.35, "lefty": -0.7, "rightx": 0.06, "righty": 0.4, "righttrigger": 0.8}
    bench.look(axes, held="rightshoulder righttrigger", pressed="righttrigger y")
    return bench


def test_the_committed_image_is_what_it_looks_like() -> None:
    texts = ET.parse(COMMITTED).findall(".//{*}text")
    drawn = "".join(element.text or "" for element in texts)
    assert squeezed(drawn).endswith(squeezed(sample().shown()))


def squeezed(words: str | Sequence[str]) -> str:
    return re.sub(r"\s", "", "".join(words))


def draw() -> None:
    """Make the committed image again: python tests/hil_app/setup/test_gamepad_view.py."""
    bench = sample()
    console = Console(record=True, width=100, file=StringIO(), highlight=False, force_terminal=True)
    console.print(image(bench.watch, bench.news, bench.now))
    console.save_svg(str(COMMITTED), title="hil-app gamepad test")


if __name__ == "__main__":
    draw()

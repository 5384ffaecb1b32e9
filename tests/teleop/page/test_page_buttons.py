"""The page's buttons beside any teleoperator: latched, and as good as the terminal's keys."""

from __future__ import annotations

from typing import Self

import pytest

from teleop.base import NO_INPUT, TeleopSample
from teleop.keys import Attended
from teleop.page.buttons import PRESSES, PageButtons


class Other:
    """Another operator, who does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def read(self) -> TeleopSample:
        return NO_INPUT

    def idle(self) -> TeleopSample:
        return NO_INPUT


class Pauser(Other):
    """One who keeps pauses."""

    pauses = 0

    def pause(self) -> None:
        self.pauses += 1


@pytest.mark.parametrize("what", sorted(set(PRESSES) - {"pause", "ready"}))
def test_a_press_counts_once(what: str) -> None:
    buttons = PageButtons()
    beside = Attended(Other(), buttons)
    buttons.press(what)
    assert getattr(beside.read(), what) is True
    assert beside.read() == NO_INPUT


def test_between_episodes_only_stops_and_ready_count() -> None:
    buttons = PageButtons()
    beside = Attended(Other(), buttons)
    for what in ("success", "rerecord", "ready", "stop"):
        buttons.press(what)
    sample = beside.idle()
    assert (sample.success, sample.rerecord) == (False, False)
    assert (sample.ready, sample.stop) == (True, True)


def test_a_pause_lasts_until_the_next_press() -> None:
    buttons = PageButtons()
    beside = Attended(Other(), buttons)
    buttons.press("pause")
    assert beside.read().paused
    assert beside.idle().paused
    buttons.press("pause")
    assert not beside.read().paused


def test_two_presses_of_pause_between_two_ticks_are_two() -> None:
    buttons = PageButtons()
    beside = Attended(Other(), buttons)
    buttons.press("pause")
    buttons.press("pause")
    assert [beside.read().paused for _ in range(3)] == [True, False, False]


def test_who_keeps_pauses_is_told_of_one() -> None:
    buttons, operator = PageButtons(), Pauser()
    beside = Attended(operator, buttons)
    buttons.press("pause")
    assert not beside.read().paused  # as the operator says
    assert operator.pauses == 1


def test_two_rows_of_buttons_stand_side_by_side() -> None:
    first, second = PageButtons(), PageButtons()
    beside = Attended(Other(), first, second)
    first.press("success")
    second.press("stop")
    sample = beside.read()
    assert (sample.success, sample.stop) == (True, True)


def test_nothing_else_can_be_pressed() -> None:
    with pytest.raises(ValueError, match="there are: success, failure"):
        PageButtons().press("switch")

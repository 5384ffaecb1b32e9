"""What a browser says becomes what a device does: nothing is lost, and silence lets go."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_clients import AT_REST, pad

from configs.base import ConfigError
from configs.page import PageTeleopConfig
from teleop.device import DeviceState
from teleop.page.codes import BUTTONS
from teleop.page.device import PageDevice
from teleop.page.teleop import _Demonstrating, make

RB, Y = BUTTONS.index("rightshoulder"), BUTTONS.index("y")
DEAD_MAN_S = 0.15


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def device() -> tuple[PageDevice, Clock]:
    clock = Clock()
    made = PageDevice(PageTeleopConfig(), clock)
    made.hold("1")
    return made, clock


def state(of: PageDevice) -> DeviceState:
    found = of.poll()
    assert found is not None
    return found


@given(
    st.lists(
        st.one_of(
            st.sampled_from(["poll"]), st.frozensets(st.sampled_from([0, 2, 3, 8, RB]), max_size=3)
        )
    )
)
def test_every_press_is_told_once_whenever_the_loop_looks(happens: list[Any]) -> None:
    made, clock = device()
    told, down, pressed = 0, frozenset[int](), 0
    for one in [*happens, "poll"]:
        clock.now += 0.01
        if one == "poll":
            told += len(state(made).pressed)
            continue
        pressed += len(one - down)
        down = one
        made.hear(pad(*one))
    assert told == pressed


@given(st.lists(st.one_of(st.floats(0.0, 0.14), st.floats(0.16, 0.4)), max_size=30), st.booleans())
def test_a_silent_browser_that_drives_has_let_go_within_the_dead_mans_time(
    silences: list[float], driving: bool
) -> None:
    made, clock = device()
    doing = pad(RB, leftx=1.0) if driving else AT_REST
    made.hear(doing)
    state(made)
    for silence in silences:
        clock.now += silence
        found = made.poll()
        if driving and silence > DEAD_MAN_S:
            assert found is None
            made.hear(AT_REST)
            assert state(made).held == frozenset()
            made.hear(doing)
        else:
            assert found is not None
            made.hear(doing)
        assert state(made).held == ({"rightshoulder"} if driving else set())


def test_a_word_that_came_in_time_is_no_silence_however_late_it_is_read() -> None:
    made, clock = device()
    made.hear(pad(RB), clock.now)
    for _ in range(5):
        came = clock.now + DEAD_MAN_S - 0.01
        clock.now += DEAD_MAN_S + 0.1
        waiting = [came]
        made.look = lambda: made.hear(pad(RB), waiting.pop())  # noqa: B023
        assert state(made).held == {"rightshoulder"}
        assert waiting == []
        made.hear(pad(RB), clock.now)
    clock.now += 2 * DEAD_MAN_S
    made.look = lambda: made.hear(pad(RB), clock.now - DEAD_MAN_S - 0.01)  # and one that is old
    assert made.poll() is None


def test_no_word_is_of_the_future() -> None:
    made, clock = device()
    made.hear(pad(RB), clock.now + 1000)
    clock.now += DEAD_MAN_S + 0.01
    assert state(made).held == frozenset()  # a press that is still to be given, and no more
    assert made.poll() is None


def test_what_was_held_in_a_loss_counts_again_once_it_was_let_go() -> None:
    made, clock = device()
    made.hear(pad(RB))
    clock.now += DEAD_MAN_S + 0.01
    made.hear(pad(RB, Y))  # back before anybody has looked: the loss is told all the same
    first = state(made)
    assert (first.held, first.pressed) == ({"y"}, ("rightshoulder", "y"))
    assert made.poll() is None
    made.hear(pad(RB))
    assert state(made).held == frozenset()
    made.hear(pad())
    made.hear(pad(RB))
    assert state(made).pressed == ("rightshoulder",)


def test_a_tap_before_a_loss_counts() -> None:
    made, _ = device()
    made.hear(pad(RB, 1))
    made.hold(None)
    found = state(made)
    assert (found.held, set(found.pressed)) == (frozenset(), {"rightshoulder", "b"})
    assert made.poll() is None
    assert made.poll() is None


def test_a_browser_that_leaves_with_idle_hands_is_no_loss() -> None:
    made, clock = device()
    made.hear(pad(Y))
    made.hear(pad())
    made.hold(None)
    assert state(made).pressed == ("y",)
    clock.now += 60
    assert state(made) == DeviceState(state(made).axes)
    made.hear(pad(RB))  # of nobody who has the controls
    assert state(made).held == frozenset()


def test_a_demonstration_waits_for_somebody_with_the_controls() -> None:
    made, clock = device()
    made.hold(None)
    waits = _Demonstrating(made)
    assert waits.poll() is None
    made.hold("2")
    made.hear(AT_REST)
    assert waits.poll() is not None
    clock.now += 1.5
    assert waits.poll() is None


def test_keys_and_fingers_are_controls_of_their_own() -> None:
    made, _ = device()
    touch = {"left": [0.5, -2.0], "right": [0.0, 1.0], "hold": True, "gripper": 2}
    made.hear({"gamepad": None, "keys": ["KeyW", "ArrowUp", "Nonsense", 7], "sticks": touch})
    found = state(made)
    assert found.held == {"keyw", "keyup", "touchhold", "touchopen"}
    assert {name: value for name, value in found.axes.items() if value} == {
        "touchleftx": 0.5,
        "touchlefty": -1.0,
        "touchrighty": 1.0,
    }


def test_a_trigger_is_an_axis_and_a_button() -> None:
    made, _ = device()
    said = pad()
    said["gamepad"]["buttons"][6] = 0.75
    made.hear(said)
    found = state(made)
    assert (found.axes["lefttrigger"], found.pressed) == (0.75, ("lefttrigger",))


@pytest.mark.parametrize(
    "said",
    [
        {"gamepad": 3},
        {"gamepad": {"axes": [float("nan")]}},
        {"gamepad": {"axes": ["1"]}},
        {"gamepad": {"buttons": [True]}},
        {"gamepad": {"buttons": [0.0] * 65}},
        {"keys": "KeyW"},
        {"keys": ["KeyW"] * 65},
        {"sticks": []},
        {"sticks": {"left": [float("inf"), 0]}},
    ],
)
def test_nonsense_is_refused_and_changes_nothing(said: dict[str, Any]) -> None:
    made, _ = device()
    made.hear(pad(RB))
    with pytest.raises(ValueError, match=r"expected"):
        made.hear(said)
    assert state(made).held == {"rightshoulder"}


def test_a_hand_feels_what_its_browser_fetches() -> None:
    made, _ = device()
    made.rumble(0.5, 0.1)
    assert made.take_rumbles() == [(0.5, 0.1)]
    assert made.take_rumbles() == []


def test_without_a_page_nobody_can_drive_from_it() -> None:
    with pytest.raises(ConfigError, match=r"teleop.type: page drives"):
        make(PageTeleopConfig(), device=None, acts="on_take_over")

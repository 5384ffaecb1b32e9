"""One movement of an unknown joystick's control: which of all that moved is meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hil_app.setup.binding_capture import BindingCapture, clash
from teleop.gamepad.joysticks import RawState

LOOK_S = 0.01


def state(
    axes: Sequence[float] = (0, 0, 0, -1),
    pressed: Sequence[int] = (),
    hat: tuple[int, int] = (0, 0),
) -> RawState:
    return RawState(tuple(axes), tuple(place in pressed for place in range(8)), (hat,))


REST = state()


def found(control: str, *moments: RawState, rest: RawState = REST) -> str | None:
    """What a gesture finds that begins at ``rest``, has these ``moments`` and settles in the last.

    It must not end before it has settled.
    """
    capture, now = BindingCapture(control, rest), 5.0
    for moment in (rest, *moments):
        assert not capture.ended(moment, now)
        now += LOOK_S
    for _ in range(20):
        now += LOOK_S
        if capture.ended(moments[-1], now):
            return capture.source
    raise AssertionError("it never ended")


def test_nothing_has_ended_while_nothing_has_moved() -> None:
    capture = BindingCapture("a", REST)
    assert not any(capture.ended(REST, at) for at in range(100))


def test_a_button_is_found_when_it_is_let_go_and_has_stopped_bouncing() -> None:
    down = state(pressed=[5])
    assert found("a", down, REST, down, REST) == "b5"
    capture = BindingCapture("a", REST)
    assert not any(capture.ended(down, at) for at in range(100))


def test_a_hat_that_is_stuck_counts_for_nothing() -> None:
    stuck = state(hat=(0, 1))
    assert found("a", state(pressed=[2], hat=(0, 1)), stuck, rest=stuck) == "b2"
    assert found("a", state(pressed=[2]), REST, rest=stuck) == "b2"  # it came loose
    assert found("dpdown", state(hat=(0, -1)), stuck, rest=stuck) == "h0.4"


@pytest.mark.parametrize("rest", [-0.9, -0.8, -0.6])
def test_a_worn_trigger_that_stays_short_of_where_it_was_is_no_reversed_one(rest: float) -> None:
    pull = [state(axes=(0, 0, 0, value)) for value in (-0.5, 0.2, 1.0, 0.3, -0.4, rest)]
    assert found("lefttrigger", *pull) == "a3"


def test_a_direction_of_a_hat_is_found_even_past_a_diagonal() -> None:
    for hat, source in (((0, 1), "h0.1"), ((1, 0), "h0.2"), ((0, -1), "h0.4"), ((-1, 0), "h0.8")):
        assert found("dpup", state(hat=hat), REST) == source
    assert found("dpup", state(hat=(1, 1)), state(hat=(0, 1)), REST) == "h0.1"


@pytest.mark.parametrize(("value", "source"), [(0.9, "a1"), (-0.9, "a1~"), (0.6, "a1")])
def test_a_stick_is_the_axis_that_went_furthest_and_its_way_says_its_direction(
    value: float, source: str
) -> None:
    crooked = state((0.55, value, 0, -1)) if abs(value) > 0.6 else state((0.4, value, 0, -1))
    assert found("lefty", crooked, REST) == source


def test_a_stick_that_springs_back_beyond_its_middle_is_no_reversed_stick() -> None:
    assert found("leftx", state((0.7, 0, 0, -1)), state((-0.6, 0, 0, -1)), REST) == "a0"


def test_a_button_is_no_stick_and_a_stick_pushed_by_chance_is_no_button() -> None:
    assert found("leftx", state(pressed=[3]), REST) is None
    assert found("leftstick", state((0.8, 0, 0, -1), pressed=[6]), REST) == "b6"


def test_a_trigger_is_its_axis_even_if_it_is_a_button_too() -> None:
    assert found("lefttrigger", state((0, 0, 0, 1), pressed=[6]), REST) == "a3"
    assert found("lefttrigger", state(pressed=[6]), REST) == "b6"


def test_a_trigger_that_rests_in_the_middle_of_its_axis_has_half_of_it() -> None:
    assert found("lefttrigger", state((0, 0, 1, -1)), REST) == "+a2"
    assert found("righttrigger", state((0, 0, -1, -1)), REST) == "-a2"
    assert found("dpleft", state((0, 0, -1, -1)), REST) == "-a2"


def test_a_trigger_that_rests_at_its_upper_end_is_the_wrong_way_round() -> None:
    rest = state((0, 0, 1, -1))
    assert found("lefttrigger", state((0, 0, -1, -1)), rest, rest=rest) == "a2~"


def test_a_trigger_that_told_no_value_before_it_was_pulled_is_seen_through() -> None:
    settled = state((0, 0, -1, -1))  # where it rests, in truth
    assert found("lefttrigger", state((0, 0, 0.97, -1)), settled) == "a2"


@dataclass(frozen=True)
class Lever:
    """A control whose driver tells ``start`` until it moves, though it rests at ``rest``."""

    rest: float
    full: float
    start: float

    @property
    def source(self) -> str:
        sign = "" if self.full > self.rest else "~"
        return f"a2{sign}" if self.rest else f"{'+' if self.full > 0 else '-'}a2"


LEVERS = [
    Lever(rest, full, start)
    for rest, full in ((-1, 1), (1, -1), (0, 1), (0, -1))
    for start in (-1, 0, 1)
]
levers = st.sampled_from(LEVERS)


def pulled(lever: Lever, steps: int, first: float, held: int) -> list[float]:
    """What is told while it is pulled, from a share ``first`` of its way on, held and let go."""
    way = lever.full - lever.rest
    out = [lever.rest + way * (first + (1 - first) * step / steps) for step in range(steps + 1)]
    return [*out, *[lever.full] * held, *out[::-1], lever.rest]


def heard(lever: Lever, moves: Sequence[float], control: str = "lefttrigger") -> str | None:
    """What a gesture finds of ``moves``, with a rest of a second before and behind them."""
    capture, now = BindingCapture(control, state((0, 0, lever.start, -1))), 0.0
    for value in [*[lever.start] * 200, *moves, *[moves[-1]] * 200]:
        now += 0.005
        if capture.ended(state((0, 0, value, -1)), now):
            return capture.source
    return "it never ended"


@example(Lever(-1, 1, 0), 42, 0.125, 0)
@given(levers, st.integers(6, 60), st.floats(0, 0.2), st.integers(0, 400))
def test_a_lever_rests_where_it_comes_to_rest_whatever_its_driver_told_before(
    lever: Lever, steps: int, first: float, held: int
) -> None:
    assert heard(lever, pulled(lever, steps, first, held)) == lever.source


@given(levers.filter(lambda lever: lever.start != lever.full), st.integers(0, 400))
def test_a_lever_that_is_reported_at_its_ends_alone_is_heard_too(lever: Lever, held: int) -> None:
    turn = [*[lever.full] * (held + 1), *[lever.rest] * 60]
    assert heard(lever, turn) == heard(lever, turn * 2) == lever.source


@pytest.mark.parametrize("first", [-0.9, -0.3, 0.0, 0.5, 0.9])
def test_a_trigger_may_be_told_first_anywhere_on_its_way(first: float) -> None:
    lever = Lever(-1, 1, 0)
    assert heard(lever, [first, 1.0, -1.0]) == "a2"
    assert heard(lever, [-first, -1.0, 1.0]) == "a2~"


@pytest.mark.parametrize("start", [-1, 0, 1])
def test_a_stick_is_reported_from_its_middle_whatever_its_driver_told_before(start: float) -> None:
    for full, source in ((1, "a2"), (-1, "a2~")):
        lever = Lever(0, full, start)
        assert heard(lever, pulled(lever, 20, 0.05, 50), "leftx") == source
        assert heard(lever, pulled(lever, 20, 0.05, 50), "dpleft") == lever.source


def test_an_axis_that_is_reported_for_the_first_time_by_the_way_is_no_movement() -> None:
    untold, rest = state((0, 0, 0, -1)), state((0, 0, -1, -1))
    down = state((0, 0, -1, -1), pressed=[3])
    assert found("a", down, rest, rest=untold) == "b3"


def test_a_finger_that_pauses_on_its_way_has_not_let_go() -> None:
    lever = Lever(-1, 1, 0)
    moves = pulled(lever, 20, 0.05, 50)
    middle = min(range(21), key=lambda place: abs(moves[place]))
    assert heard(lever, [*moves[:middle], *[moves[middle]] * 80, *moves[middle:]]) == "a2"


def test_an_axis_moved_by_less_than_half_its_way_and_a_stuck_button_do_not_count() -> None:
    stuck = state(pressed=[7])
    capture = BindingCapture("a", stuck)
    noisy = state((0.45, -0.45, 0, -0.1), pressed=[7])
    assert not any(capture.ended(noisy, at) for at in range(100))
    assert found("a", state((0.45, 0, 0, -1), pressed=[7, 2]), stuck, rest=stuck) == "b2"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("b3", "b3", True),
        ("b3", "b13", False),
        ("h0.1", "h0.1", True),
        ("h0.1", "h0.4", False),
        ("a2", "a2~", True),
        ("+a2", "a2", True),
        ("+a2", "-a2", False),
        ("+a2", "+a2", True),
        ("a2", "a12", False),
        ("a3", "b3", False),
    ],
)
def test_two_controls_share_no_button_and_no_half_of_an_axis(
    one: str, other: str, same: bool
) -> None:
    assert clash(one, other) == clash(other, one) == same


numbers = st.floats(-1, 1)
moments = st.builds(
    state,
    axes=st.tuples(numbers, numbers, numbers, numbers),
    pressed=st.lists(st.integers(0, 7), max_size=3),
    hat=st.tuples(st.integers(-1, 1), st.integers(-1, 1)),
)


@given(st.sampled_from(["a", "lefttrigger", "leftx", "dpup"]), st.lists(moments, max_size=8))
def test_whatever_a_joystick_does_a_gesture_ends_with_a_source_that_fits_or_none(
    control: str, wild: list[RawState]
) -> None:
    capture, now = BindingCapture(control, REST), 0.0
    for moment in (*wild, *[REST] * 30):
        now += LOOK_S
        if capture.ended(moment, now):
            break
    source = capture.source
    assert source is None or source[0] in "b+-ah"
    if control == "leftx":
        assert source is None or source[0] == "a"

"""What each control of a pad or a keyboard does, and what is said of bindings that cannot be."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from configs.load import ConfigError, Parser, dump, load, read, validate
from configs.manual import (
    BUTTONS,
    KEYS,
    MOTIONS,
    PAD,
    STICKS,
    TRIGGERS,
    WRIST,
    GamepadConfig,
    GamepadHIDConfig,
    KeyboardConfig,
    ManualConfig,
    PadConfig,
    Term,
    terms,
)

DEVICES: tuple[type[ManualConfig], ...] = (GamepadConfig, GamepadHIDConfig, KeyboardConfig)
each_device = pytest.mark.parametrize("device", DEVICES)
DEEDS = {"take_over", "slow", "success", "failure", "rerecord", "pause", "stop", "emergency_stop"}


def loaded(*options: str) -> Any:
    return load(Parser(prog="hil-app train"), options, "so101_pick_lift")[0].teleop


def refusal(*options: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(*options)
    message = str(caught.value)
    assert "\n" not in message
    return message


# Bindings


@pytest.mark.parametrize(
    ("binding", "found"),
    [
        ("y", [(1, "y")]),
        ("-lefty", [(-1, "lefty")]),
        ("+lefty", [(1, "lefty")]),
        ("righttrigger-lefttrigger", [(1, "righttrigger"), (-1, "lefttrigger")]),
        (" dpup - dpdown -lefty", [(1, "dpup"), (-1, "dpdown"), (-1, "lefty")]),
        ("E-D", [(1, "e"), (-1, "d")]),
        ("1-2", [(1, "1"), (-1, "2")]),
        ("misc1+paddle4", [(1, "misc1"), (1, "paddle4")]),
        ("f12", [(1, "f12")]),
    ],
)
def test_a_binding_is_a_sum_of_controls(binding: str, found: list[tuple[int, str]]) -> None:
    assert terms(binding) == tuple(Term(*term) for term in found)


@pytest.mark.parametrize(
    "binding", ["", " ", "-", "x--y", "x*y", "+-x", "x-", "left y!", "2x", "12", "é"]
)
def test_what_is_no_sum_is_refused(binding: str) -> None:
    with pytest.raises(ValueError, match="is not a sum of controls such as '-lefty'"):
        terms(binding)


@given(st.lists(st.tuples(st.sampled_from([1, -1]), st.sampled_from(PAD + KEYS)), min_size=1))
def test_every_sum_of_known_controls_is_read_as_it_was_written(
    found: list[tuple[int, str]],
) -> None:
    written = "".join(f"{'+' if sign > 0 else '-'}{control}" for sign, control in found)
    assert [tuple(term) for term in terms(written)] == found
    assert terms(written.removeprefix("+")) == terms(written)


@given(st.text())
def test_any_text_is_a_sum_or_a_value_error(text: str) -> None:
    try:
        found = terms(text)
    except ValueError:
        return
    assert "".join(control for _, control in found) == "".join(
        letter for letter in text.lower() if letter not in " +-"
    )


# Layouts


@each_device
@pytest.mark.parametrize("wrist", [False, True])
def test_the_layout_does_everything_and_no_control_does_two_things(
    device: type[ManualConfig], wrist: bool
) -> None:
    config = device()
    config.check_controls(wrist=wrist)
    layout = config.layout(wrist=wrist)
    assert {control for used in layout.values() for _, control in used} <= set(config.available)
    motions = MOTIONS if wrist else tuple(name for name in MOTIONS if name not in WRIST)
    assert {name for name in layout if name in MOTIONS} == set(motions)
    assert set(layout) >= DEEDS
    assert {"open", "close"} <= set(layout) or "toggle_gripper" in layout


@pytest.mark.parametrize("device", [GamepadConfig, GamepadHIDConfig])
def test_a_pads_layout_is_the_one_that_people_know(device: type[PadConfig]) -> None:
    layout = device().layout(wrist=False)
    assert layout["x"] == (Term(-1, "lefty"),)
    assert layout["y"] == (Term(-1, "leftx"),)
    assert layout["z"] == (Term(-1, "righty"),)
    known = {
        "take_over": "rightshoulder",
        "success": "y",
        "failure": "a",
        "rerecord": "x",
        "close": "lefttrigger",
        "open": "righttrigger",
    }
    assert {deed: layout[deed] for deed in known} == {
        deed: (Term(1, control),) for deed, control in known.items()
    }
    turning = device().layout(wrist=True)
    assert turning["pitch"] == (Term(-1, "righty"),)
    assert turning["roll"] == (Term(1, "rightx"),)
    assert turning["z"] == (Term(1, "righttrigger"), Term(-1, "lefttrigger"))


def test_names_are_unique_and_the_triggers_are_axes() -> None:
    for names in (PAD, KEYS):
        assert len(set(names)) == len(names)
    axes = {axis for stick in STICKS for axis in stick}
    assert set(PAD) == axes | set(TRIGGERS) | set(BUTTONS)
    assert len(PAD) == 4 + 2 + len(BUTTONS)


def test_what_is_named_takes_the_place_of_the_usual_and_null_turns_it_off() -> None:
    config = GamepadConfig(controls={"success": "dpup", "rerecord": None, "toggle_gripper": "x"})
    layout = config.layout(wrist=False)
    assert layout["success"] == (Term(1, "dpup"),)
    assert "rerecord" not in layout
    assert layout["toggle_gripper"] == (Term(1, "x"),)
    assert layout["failure"] == (Term(1, "a"),)
    config.check_controls(wrist=False)


def test_the_wrists_controls_count_where_there_is_a_wrist_only() -> None:
    config = GamepadConfig(controls={"roll": "dpright-dpleft", "pause": "dpup"})
    assert config.layout(wrist=True)["roll"] == (Term(1, "dpright"), Term(-1, "dpleft"))
    assert "roll" not in config.layout(wrist=False)
    clash = GamepadConfig(controls={"roll": "leftstick"})  # slow, where there is a wrist
    clash.check_controls(wrist=False)
    with pytest.raises(ValueError, match=r"leftstick would do roll and slow|slow and roll"):
        clash.check_controls(wrist=True)


@pytest.mark.parametrize(
    ("controls", "reported"),
    [
        ({"success": "b"}, "teleop.controls: b would do success and emergency_stop: give one of"),
        ({"x": "-lefty+dpup", "z": "dpup"}, "teleop.controls: dpup would do x and z: give one of"),
        ({"open": "lefttrigger"}, "teleop.controls: lefttrigger would do close and open: give one"),
    ],
)
def test_a_control_that_would_do_two_things_is_reported(controls: Any, reported: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(reported)}"):
        GamepadConfig(controls=controls).check_controls(wrist=False)


def test_to_give_up_the_other_one_ends_the_conflict() -> None:
    GamepadConfig(controls={"success": "b", "emergency_stop": None}).check_controls(wrist=False)
    GamepadConfig(controls={"success": "b", "emergency_stop": "y"}).check_controls(wrist=False)


@each_device
def test_an_unknown_control_is_reported_with_those_there_are(device: type[ManualConfig]) -> None:
    for binding in ("banana", "-banana"):
        with pytest.raises(ValidationError) as caught:
            device(controls={"success": binding})
        known = ", ".join(device.available)
        assert f"controls.success: no control 'banana'; controls: {known}" in str(caught.value)


# Options


def test_a_pad_is_chosen_and_each_of_its_options_given_on_the_command_line() -> None:
    given = loaded(
        "--teleop.type=gamepad",
        "--teleop.controls.success=dpup",
        "--teleop.controls.failure=null",
        "--teleop.controls.x=dpright-dpleft",
        "--teleop.take_over=toggle",
        "--teleop.speed.x=0.4",
        "--teleop.slow_speed=0.2",
        "--teleop.on_loss=hand_back",
        "--teleop.dead_zone=0.2",
        "--teleop.curve.z=1",
        "--teleop.rumble=0",
        "--teleop.pad=Xbox",
        "--teleop.virtual=/tmp/pad",
    )
    assert given == GamepadConfig(
        controls={"success": "dpup", "failure": None, "x": "dpright-dpleft"},
        take_over="toggle",
        speed={"x": 0.4},
        slow_speed=0.2,
        on_loss="hand_back",
        dead_zone=0.2,
        curve={"z": 1.0},
        rumble=0.0,
        pad="Xbox",
        virtual=Path("/tmp/pad"),
    )
    fields = type(given).model_fields
    same = [name for name in fields if getattr(given, name) == fields[name].default]
    assert same == ["type"]


def test_the_other_devices_are_chosen_by_their_names() -> None:
    chosen = loaded("--teleop.type=gamepad_hid", "--teleop.pad=046d:c219", "--teleop.rumble=1")
    assert chosen == GamepadHIDConfig(pad="046d:c219", rumble=1.0)
    chosen = loaded("--teleop.type=keyboard", "--teleop.controls.x=w-a", "--teleop.virtual=keys")
    assert chosen == KeyboardConfig(controls={"x": "w-a"}, virtual=Path("keys"))


def test_a_key_that_is_a_digit_is_a_key(tmp_path: Path) -> None:
    assert loaded("--teleop.type=keyboard", "--teleop.controls.success=9").controls == {
        "success": "9"
    }
    file = tmp_path / "mine.yaml"
    file.write_text("teleop: {type: keyboard, controls: {pause: 0, success: f9, z: 1-2}}\n")
    content = {**read("so101_pick_lift"), **read(str(file))}
    assert content["teleop"]["controls"]["pause"] == 0
    config = validate(content)
    assert isinstance(config.teleop, KeyboardConfig)
    assert config.teleop.controls == {"pause": "0", "success": "f9", "z": "1-2"}
    file.write_text(dump(config))
    assert validate(read(str(file))) == config


@pytest.mark.parametrize(
    ("options", "reported"),
    [
        (["controls.success=banana"], "controls.success: no control 'banana'; controls: leftx, "),
        (["controls.x=dpup--"], "controls.x: 'dpup--' is not a sum of controls such as '-lefty'"),
        (["controls.sucess=b"], "teleop.controls.sucess: input should be 'x', 'y', "),
        (["controls.success=b"], "b would do success and emergency_stop: give one of them another"),
        (["speed.x=0"], "teleop.speed.x: input should be greater than 0, got 0"),
        (["speed.x=1.5"], "teleop.speed.x: input should be less than or equal to 1"),
        (["speed.success=0.5"], "teleop.speed.success: input should be 'x', 'y', 'z', 'pitch' or"),
        (["curve.x=0.5"], "teleop.curve.x: input should be greater than or equal to 1"),
        (["slow_speed=0"], "teleop.slow_speed: input should be greater than 0"),
        (["dead_zone=0.95"], "teleop.dead_zone: input should be less than 0.9"),
        (["rumble=2"], "teleop.rumble: input should be less than or equal to 1"),
        (["on_loss=stop"], "teleop.on_loss: input should be 'hold' or 'hand_back', got 'stop'"),
        (["take_over=maybe"], "teleop.take_over: input should be 'hold' or 'toggle', got 'maybe'"),
        (["deadzone=0.1"], "teleop.deadzone: unknown key (did you mean dead_zone?)"),
    ],
)
def test_a_wrong_option_is_reported_in_a_line(options: list[str], reported: str) -> None:
    assert reported in refusal(
        "--teleop.type=gamepad", *(f"--teleop.{option}" for option in options)
    )


def test_a_keyboard_has_no_sticks() -> None:
    assert "no control 'lefty'; controls: a, b, " in refusal(
        "--teleop.type=keyboard", "--teleop.controls.x=-lefty"
    )
    for option, more in (("dead_zone=0.2", " or page"), ("rumble=1", " or page"), ("pad=Xbox", "")):
        reported = refusal("--teleop.type=keyboard", f"--teleop.{option}")
        who = f"teleop.type=gamepad or gamepad_hid{more} has it"
        assert f"teleop.{option.partition('=')[0]}: unknown key ({who}); " in reported


@pytest.mark.parametrize("name", ["gamepad", "gamepad_hid", "keyboard"])
def test_an_operator_lives_in_real_time_even_with_a_simulated_arm(name: str) -> None:
    operator = {"type": name}
    with pytest.raises(
        ConfigError, match=r"env\.paced: an operator acts in real time: set it to tr"
    ):
        validate({"teleop": operator, "env": {"paced": False}})
    validate({"teleop": operator, "env": {"paced": True}})
    with pytest.raises(
        ConfigError, match=r"env\.paced: .* to true, and learner\.mode to background"
    ):
        load(Parser(prog="test"), [f"--teleop.type={name}"], "sim_pick_lift")


def test_a_layout_is_checked_for_the_action_space_that_it_is_used_in() -> None:
    def checked(**processor: Any) -> None:
        controls = {"slow": "rightstick", "pause": "leftshoulder"}
        pad = {"type": "gamepad", "controls": controls}
        validate({"env": {"paced": True}, "teleop": pad, "processor": processor})

    checked()
    with pytest.raises(ConfigError, match="leftshoulder would do toggle_gripper and pause"):
        checked(wrist={})


@pytest.mark.parametrize("axis", ["lefty", "rightx"])
def test_a_stick_is_no_button(axis: str) -> None:
    with pytest.raises(ValidationError, match=r"controls\.success: a stick cannot be pressed"):
        GamepadConfig.model_validate({"controls": {"success": axis, "x": None, "roll": None}})

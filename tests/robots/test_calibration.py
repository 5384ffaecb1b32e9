import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robots import calibration
from robots.base import GRIPPER, JOINTS, Uncalibrated
from robots.calibration import MotorCalibration, Units

# Every value is its own, so that a mix-up shows.
ARM = {
    name: MotorCalibration(number, 0, -100 * number, 700 + number, 3300 + 10 * number)
    for number, name in enumerate(JOINTS, 1)
}


def units(opens: str = "up", drive_mode: int = 0) -> Units:
    return Units(ARM | {"gripper": replace(ARM["gripper"], drive_mode=drive_mode)}, opens)


def test_body_joints_are_in_degrees_about_the_middle_of_their_range() -> None:
    middle = np.array([(m.range_min + m.range_max) / 2 for m in ARM.values()])
    np.testing.assert_allclose(units().joints(middle)[:GRIPPER], 0, atol=1e-4)
    steps = middle + 4095 / 4
    np.testing.assert_allclose(units().joints(steps)[:GRIPPER], 90, rtol=1e-5)


@pytest.mark.parametrize(
    ("opens", "drive_mode", "at_low"),
    [("up", 0, 0), ("down", 0, 100), ("up", 1, 100), ("down", 1, 0)],
)
def test_the_gripper_is_0_closed_and_100_open_whichever_way_it_counts(
    opens: str, drive_mode: int, at_low: float
) -> None:
    these = units(opens, drive_mode)
    assert these.joints(these.low)[GRIPPER] == pytest.approx(at_low)
    assert these.joints(these.high)[GRIPPER] == pytest.approx(100 - at_low)


@given(shares=st.lists(st.floats(0, 1), min_size=6, max_size=6), opens=st.sampled_from("ud"))
def test_steps_and_joints_are_inverse_to_a_step(shares: list[float], opens: str) -> None:
    these = units({"u": "up", "d": "down"}[opens])
    steps = np.rint(these.low + np.array(shares) * (these.high - these.low))
    np.testing.assert_array_equal(these.steps(these.joints(steps)), steps)


def test_steps_stay_in_the_calibrated_range() -> None:
    these = units()
    np.testing.assert_array_equal(these.steps(np.full(6, 1e6, np.float32)), these.high)
    np.testing.assert_array_equal(these.steps(np.full(6, -1e6, np.float32)), these.low)


def test_limits_are_the_ends_of_the_range() -> None:
    these = units("down")
    assert these.limits[GRIPPER] == pytest.approx([0, 100])
    half = (3310 - 701) / 2 * 360 / 4095
    assert these.limits[0] == pytest.approx([-half, half])


def test_speeds_have_no_zero() -> None:
    assert units().speeds(np.full(6, 4095.0))[0] == pytest.approx(360)


def test_a_file_of_lerobots_is_read_and_written_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "arms" / "mine.json"
    calibration.save(ARM, path)
    text = path.read_text()
    assert text.startswith('{\n    "shoulder_pan": {\n        "id": 1,\n        "drive_mode": 0,')
    assert list(json.loads(text)["gripper"]) == [
        "id",
        "drive_mode",
        "homing_offset",
        "range_min",
        "range_max",
    ]
    assert calibration.load(path) == ARM
    assert [file.name for file in path.parent.iterdir()] == ["mine.json"]


def test_files_are_where_lerobot_keeps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HOME", "HF_LEROBOT_HOME", "HF_LEROBOT_CALIBRATION"):
        monkeypatch.delenv(name, raising=False)
    home = Path.home() / ".cache/huggingface/lerobot/calibration"
    assert calibration.folder("so_follower") == home / "robots/so_follower"
    monkeypatch.setenv("HF_LEROBOT_HOME", "/a")
    assert calibration.folder("so_leader", "teleoperators") == Path(
        "/a/calibration/teleoperators/so_leader"
    )
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", "/b")
    assert calibration.folder("so_follower") == Path("/b/robots/so_follower")


def test_a_missing_file_names_those_there_are(tmp_path: Path) -> None:
    calibration.save(ARM, tmp_path / "blue.json")
    with pytest.raises(Uncalibrated, match=r"no calibration .*red\.json.*there: blue"):
        calibration.load(tmp_path / "red.json")


DAMAGED = {
    "not JSON": ("{", "is damaged"),
    "no object": ("[1]", "is damaged"),
    "a text for a number": ('{"gripper": {"id": "six"}}', "is damaged"),
    "a joint is missing": ("{}", "lacks shoulder_pan, shoulder_lift"),
}


@pytest.mark.parametrize(("content", "message"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_one_clear_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(content)
    with pytest.raises(Uncalibrated, match=message) as caught:
        calibration.load(path)
    assert "\n" not in str(caught.value)
    assert "hil-app calibrate" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"homing_offset": 2114}, "homing offset of 2114 for elbow_flex, and a motor holds ±2047"),
        ({"range_max": 760}, "range of 703 to 760 steps for elbow_flex"),
        ({"range_max": 4100}, "range of 703 to 4100"),
        ({"range_min": -1}, "range of -1 to"),
    ],
)
def test_values_that_no_motor_can_have_are_refused(change: dict[str, int], message: str) -> None:
    changed = ARM | {"elbow_flex": replace(ARM["elbow_flex"], **change)}
    with pytest.raises(Uncalibrated, match=message):
        calibration.check(changed, "The calibration")


def test_motors_as_they_come_are_not_calibrated_but_a_full_turn_of_the_wrist_is_fine() -> None:
    full = {"range_min": 0, "range_max": 4095}
    calibration.check_motors(ARM | {"wrist_roll": replace(ARM["wrist_roll"], **full)})
    with pytest.raises(Uncalibrated, match=r"not been calibrated \(elbow_flex\)"):
        calibration.check_motors(ARM | {"elbow_flex": replace(ARM["elbow_flex"], **full)})


def test_differences_say_what_changes() -> None:
    held = ARM | {"gripper": replace(ARM["gripper"], homing_offset=5, range_min=1)}
    assert calibration.differences(ARM, ARM) == {}
    assert calibration.differences(ARM, held) == {
        "gripper": "homing_offset 5 → -600, range_min 1 → 706"
    }


def test_a_range_that_the_model_does_not_share_is_told_by_its_joint() -> None:
    model = np.float32([[-10, 10]] * 6)
    shared = calibration.common_range(model, np.float32([[-5, 20]] * 6))
    np.testing.assert_array_equal(shared, [[-5, 10]] * 6)
    beyond = np.float32([[-5, 20]] * 5 + [[11, 20]])
    with pytest.raises(Uncalibrated, match="calibrated range of gripper is outside"):
        calibration.common_range(model, beyond)

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from configs.robot import SO100Config, SO101Config
from configs.teleop import SO100LeaderConfig, SO101LeaderConfig
from robots.base import GRIPPER, JOINTS, Uncalibrated
from robots.feetech import calibration, whose
from robots.feetech.calibration import MotorCalibration, Units

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
    [("up", 0, 0), ("down", 0, 100), ("up", 1, 100), ("down", 1, 100)],
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


def test_a_link_to_a_file_stays_one(tmp_path: Path) -> None:
    """Two releases of lerobot look in two places; people link them."""
    path = tmp_path / "so_follower/mine.json"
    (tmp_path / "so_follower").mkdir()
    path.symlink_to("../so101_follower/mine.json")
    (tmp_path / "so101_follower").mkdir()
    calibration.save(ARM, path)
    assert path.is_symlink()
    assert calibration.load(tmp_path / "so101_follower/mine.json") == ARM


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
    "a quoted number": ('{"gripper": {"id": "6"}}', "is damaged"),
    "a truth value for a number": ('{"gripper": {"id": true}}', "is damaged"),
    "an old form": (
        '{"homing_offset": [1], "drive_mode": [0], "calib_mode": ["DEGREE"], "motor_names": ["a"]}',
        "of lerobot 0.2 or older",
    ),
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
        ({"range_min": 0, "range_max": 4095}, "range of 0 to 4095 steps for elbow_flex"),
        ({"range_min": 3, "range_max": 4090}, "range of 3 to 4090 steps for elbow_flex"),
        ({"drive_mode": -1}, "drive_mode of -1 for elbow_flex, which is 0 or 1"),
        ({"drive_mode": 2}, "drive_mode of 2 for elbow_flex"),
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


def test_a_range_that_the_model_does_not_share_is_known_by_its_joint() -> None:
    model = np.float32([[-10, 10]] * 6)
    shared = calibration.common_range(model, np.float32([[-5, 20]] * 6))
    np.testing.assert_array_equal(shared, [[-5, 10]] * 6)
    beyond = np.float32([[-5, 20]] * 5 + [[11, 20]])
    with pytest.raises(Uncalibrated, match="calibrated range of gripper is outside"):
        calibration.common_range(model, beyond)


# where files are


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(tmp_path))
    return tmp_path


OLD = {  # where lerobot kept them until 0.4.2, and since
    "so100": ("robots/so100_follower", "robots/so_follower"),
    "so101": ("robots/so101_follower", "robots/so_follower"),
    "so100_leader": ("teleoperators/so100_leader", "teleoperators/so_leader"),
    "so101_leader": ("teleoperators/so101_leader", "teleoperators/so_leader"),
}
CONFIGS: dict[str, Any] = {
    "so100": SO100Config,
    "so101": SO101Config,
    "so100_leader": SO100LeaderConfig,
    "so101_leader": SO101LeaderConfig,
}
each_kind = pytest.mark.parametrize("kind", OLD)


@each_kind
def test_a_file_is_found_where_older_lerobots_kept_it(home: Path, kind: str) -> None:
    cfg = CONFIGS[kind](id="mine")
    old, new = (home / place / "mine.json" for place in OLD[kind])
    assert calibration.saved(cfg) == new  # where it is missing
    calibration.save(ARM, old)
    assert calibration.saved(cfg) == old
    assert whose.rivals(cfg) is None
    calibration.save(ARM, new)
    assert calibration.saved(cfg) == new
    assert whose.rivals(cfg) is None  # they are the same
    calibration.save(ARM | {"gripper": replace(ARM["gripper"], drive_mode=1)}, old)
    assert calibration.saved(cfg) == new
    rivals = whose.rivals(cfg)
    assert rivals is not None
    assert f"{new} is used" in rivals
    assert f"{old}, where older lerobots kept it, differs" in rivals
    assert calibration.files(cfg)[0] == new  # where it is written
    assert set(whose.known(CONFIGS[kind]())) == {old, new}


@each_kind
def test_a_folder_of_ones_own_is_the_only_one(home: Path, tmp_path: Path, kind: str) -> None:
    calibration.save(ARM, home / OLD[kind][0] / "mine.json")
    own = tmp_path / "own"
    cfg = CONFIGS[kind](id="mine", calibration_dir=own)
    assert calibration.saved(cfg) == own / "mine.json"
    assert whose.known(cfg) == []


@pytest.mark.parametrize("id", ["", "a/b", "..", ".", "  ", "a\0b", "a\nb", "x" * 201, "é" * 101])
def test_an_id_that_is_no_name_of_a_file_is_refused(id: str) -> None:
    for kind in CONFIGS.values():
        with pytest.raises(ValidationError, match="must be the name of a file"):
            kind(id=id)


# whose it is


@pytest.mark.parametrize("kind", CONFIGS)
def test_files_of_the_other_kind_of_arm_are_another_arms(home: Path, kind: str) -> None:
    leads = kind.endswith("_leader")
    group = "robots/so_follower" if leads else "teleoperators/so_leader"
    for place in (group, f"robots/{kind}_follower", f"teleoperators/{kind}"):
        calibration.save(ARM, home / place / "red.json")
    own = calibration.files(CONFIGS[kind](id="red"))[0].with_name("blue.json")
    calibration.save(ARM, own)
    strange = home / group / "red.json"
    assert strange in whose.others(CONFIGS[kind]())
    assert own not in whose.others(CONFIGS[kind]())
    assert {strange, own} <= set(whose.others(CONFIGS[kind](id="red")))
    assert own not in whose.others(CONFIGS[kind](id="blue"))


def test_a_file_that_puts_a_joint_outside_of_its_range_does_not_fit() -> None:
    middle = {name: (motor.range_min + motor.range_max) // 2 for name, motor in ARM.items()}
    assert whose.misfit(ARM, ARM, middle) is None
    away = ARM | {"elbow_flex": replace(ARM["elbow_flex"], homing_offset=-300 - 1500)}
    said = whose.misfit(away, ARM, middle)
    assert said is not None
    assert "with it elbow_flex would stand 16 deg outside of its range" in said
    near = ARM | {"elbow_flex": replace(ARM["elbow_flex"], homing_offset=-300 - 1200)}
    assert whose.misfit(near, ARM, middle) is None


# which way motors count


def test_drive_mode_1_counts_for_no_joint_in_degrees_and_is_reported() -> None:
    other = ARM | {"shoulder_lift": replace(ARM["shoulder_lift"], drive_mode=1)}
    steps = (Units(ARM).low + Units(ARM).high) // 2 + 100
    np.testing.assert_array_equal(Units(other).joints(steps), Units(ARM).joints(steps))
    np.testing.assert_array_equal(Units(other).speeds(steps), Units(ARM).speeds(steps))
    assert calibration.mirrored(ARM) is None
    assert "drive_mode 1 for shoulder_lift, which counts for no" in str(calibration.mirrored(other))


def test_the_file_of_what_the_motors_hold_is_known_by_its_numbers(tmp_path: Path) -> None:
    mirrored = ARM | {"gripper": replace(ARM["gripper"], drive_mode=1)}
    elsewhere = ARM | {"gripper": replace(ARM["gripper"], homing_offset=9)}
    (tmp_path / "a.json").write_text("damaged")
    calibration.save(elsewhere, tmp_path / "b.json")
    calibration.save(mirrored, tmp_path / "c.json")
    known = sorted(tmp_path.glob("*.json"))
    assert whose.recognised(ARM, known) == tmp_path / "c.json"
    assert whose.recognised(ARM, known[:2]) is None


@pytest.mark.parametrize("motors", [1, 3, 4])
def test_motors_that_hold_most_of_a_file_have_been_changed(tmp_path: Path, motors: int) -> None:
    calibration.save(ARM, tmp_path / "mine.json")
    moved = {name: replace(ARM[name], homing_offset=9) for name in JOINTS[:motors]}
    said = whose.changed(ARM | moved, [tmp_path / "mine.json"])
    assert (said is not None) is (motors <= 3)
    if said is not None:
        assert "mine.json but for shoulder_pan: homing_offset 9 → -100" in said[0]
        assert "name the file by its id to have it back" in said[1]
    assert whose.changed(ARM, [tmp_path / "mine.json"]) is None

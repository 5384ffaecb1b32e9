"""`hil-app calibrate` as a user runs it, on a virtual arm that the test moves like an operator."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from guided import Conversation, Guided, guided
from virtual_arms import Running, plug_in, unplug, virtual_arm

from configs.events import tell_nobody
from configs.load import ConfigError, Parser, load
from configs.robot import SO101Config
from hil_app.cli.arm import calibrate
from robots.arm import ARMS
from robots.base import JOINTS, NotConnected
from robots.feetech import calibration
from robots.feetech.bus import FeetechBus
from robots.feetech.handshake import MOTORS
from robots.feetech.registers import REGISTERS
from robots.so100 import SO100Robot

LIMITS = ARMS["so101"].limits
LOW, HIGH = (dict(zip(JOINTS, LIMITS[:, end].tolist(), strict=True)) for end in (0, 1))
ZERO = dict.fromkeys(JOINTS, 0.0) | {"gripper": 50.0}
STILL = 4  # looks in a row that are the same: the hand has arrived
MOVED = [name for name in JOINTS if name != "wrist_roll"]


@pytest.fixture
def arm(chain: Running) -> Running:
    """Calibrated and limp, all joints in the middle of their range."""
    chain.arm.set(missing=[], power_cycle=True, gone_s=0)
    place(chain, ZERO)
    return chain


def place(
    servos: Running, joints: Mapping[str, float], operator: Conversation | None = None
) -> None:
    """An operator takes ``joints`` there."""
    servos.arm.hand(joints)
    seen: list[list[int]] = []
    while len(seen) < STILL or any(look != seen[-1] for look in seen[-STILL:]):
        seen.append(positions(servos))
        if operator is not None:
            operator.listen(0.1)  # or it cannot go on talking
        else:
            time.sleep(0.1)


def positions(servos: Running) -> list[int]:
    return [motor["present"] for motor in servos.arm.report()["motors"].values()]


def only(joints: Mapping[str, float]) -> dict[str, float]:
    return {name: joints[name] for name in MOVED}


def options(servos: Running, folder: Path, kind: str = "so101") -> list[str]:
    block = "teleop" if kind.endswith("leader") else "robot"
    values = {"type": kind, "port": servos.port, "id": "mine", "calibration_dir": folder}
    return ["calibrate", *(f"--{block}.{key}={value}" for key, value in values.items())]


def held(servos: Running) -> dict[str, Any]:
    """All that the motors' EEPROM holds, and their locks."""
    names = [name for name, register in REGISTERS.items() if register.eeprom or name == "Lock"]
    with FeetechBus(servos.port, MOTORS) as bus:
        return bus.sync_read(names).values


def give_ids(servos: Running) -> None:
    """What `hil-app setup-motors` does, to motors out of the box."""
    for name, number in MOTORS.items():
        servos.arm.set(connected=[name])
        with FeetechBus(servos.port, {}) as bus:
            bus.write("Lock", 1, 0)
            bus.write("ID", 1, number)
            bus.write("Lock", number, 1)
    servos.arm.set(connected=list(JOINTS))


def test_motors_out_of_the_box_are_calibrated_and_read_what_is_true(tmp_path: Path) -> None:
    """From a bad middle: two joints pass the end of a turn on the way, one counts turns."""
    path = tmp_path / "new/folder/mine.json"
    with virtual_arm("--factory") as servos:
        give_ids(servos)
        with FeetechBus(servos.port, MOTORS) as bus:
            bus.write("Lock", "elbow_flex", 0)
            bus.write("Phase", "elbow_flex", 12 | 16)
            bus.write("Lock", "elbow_flex", 1)
        place(servos, ZERO | {"shoulder_lift": HIGH["shoulder_lift"], "wrist_flex": -90.0})
        with guided(*options(servos, path.parent)) as operator:
            operator.until("in the middle of its range")
            operator.until("press Enter.")
            operator.enter()
            operator.until("when all are done.")
            place(servos, only(LOW), operator)
            place(servos, only(HIGH), operator)
            operator.enter()
            close_gripper(operator, servos, LOW["gripper"])
            operator.until("4. The result")
            operator.until(f"Write this into the motors and {path}? [Y/n]")
            assert not path.parent.exists()
            operator.enter()
            assert operator.end() == 0, operator.text
        words = operator.text.split("Options that use it:")[1].split()
        check_result(servos, path)
        check_truth(servos, words)
        assert servos.arm.report()["violations"] == []


@pytest.mark.slow  # a minute of sweeping
def test_a_virtual_arm_is_calibrated_by_commands_alone(tmp_path: Path) -> None:
    """As a newcomer does it in two terminals."""
    path = tmp_path / "mine.json"
    with virtual_arm("--factory") as servos:
        give_ids(servos)
        hand(servos, "sweep")  # and it holds the arm in the middle
        with guided(*options(servos, tmp_path)) as operator:
            operator.until("press Enter.")
            operator.enter()
            operator.until("when all are done.")
            hand(servos, "sweep", operator=operator)
            operator.enter()
            operator.until("Hold it closed, and press Enter.")
            hand(servos, "move", "gripper=0", operator=operator)
            operator.enter()
            operator.until("[Y/n]")
            operator.enter()
            assert operator.end() == 0, operator.text
        hand(servos, "move")  # lets go
        words = operator.text.split("Options that use it:")[1].split()
        check_result(servos, path)
        assert "has moved" not in operator.text  # every joint by as much as usual
        assert words


def hand(servos: Running, command: str, *joints: str, operator: Guided | None = None) -> None:
    """``hil-app virtual-arm COMMAND``, while another command listens."""
    words = [sys.executable, "-m", "hil_app", "virtual-arm", command, servos.port, *joints]
    with subprocess.Popen(words) as process:
        while process.poll() is None:
            if operator is not None:
                operator.listen(0.1)
            else:
                time.sleep(0.1)
    assert process.returncode == 0


def close_gripper(operator: Conversation, servos: Running, closed: float) -> None:
    """The third step."""
    operator.until("Hold it closed, and press Enter.")
    place(servos, {"gripper": closed}, operator)
    operator.enter()


@pytest.mark.parametrize(
    "named",
    [
        pytest.param(True, id="with a file"),
        pytest.param(False, id="without", marks=pytest.mark.slow),
    ],
)
def test_a_gripper_that_is_mounted_the_other_way_reads_the_same_with_its_file_and_without(
    arm: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    """The virtual gripper's steps grow as it opens, so the test holds it open for closed."""
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(tmp_path))
    words = ["--robot.type=so101", f"--robot.port={arm.port}", *["--robot.id=mine"] * named]
    with guided("calibrate", *words) as operator:
        operator.until("press Enter.")
        operator.enter()
        operator.until("when all are done.")
        place(arm, only(LOW), operator)
        place(arm, only(HIGH), operator)
        operator.enter()
        close_gripper(operator, arm, HIGH["gripper"])
        operator.until("[Y/n]")
        operator.enter()
        assert operator.end() == 0, operator.text
    reported = operator.text.split("Options that use it:")[1]
    assert ("gripper_opens=down" in reported) is not named
    assert (tmp_path / "robots/so_follower/mine.json").exists() is named
    place(arm, ZERO | {"gripper": 80.0})
    arm.arm.hand(None)
    extra = {} if named else {"gripper_opens": "down"}
    for options in ({"id": "mine"} if named else {}, {}):
        cfg = SO101Config(port=arm.port, rest_pose=None, **options, **extra)
        with SO100Robot(cfg, 30, tell_nobody) as robot:
            assert robot.read().joints[-1] == pytest.approx(20, abs=1)


def check_result(servos: Running, path: Path) -> None:
    """The file is lerobot's, and the motors hold the same, for good."""
    found = calibration.load(path)
    assert list(found) == list(JOINTS)
    assert path.read_text() == json.dumps(json.loads(path.read_text()), indent=4)
    keys = ["id", "drive_mode", "homing_offset", "range_min", "range_max"]
    assert all(list(motor) == keys for motor in json.loads(path.read_text()).values())
    assert (found["wrist_roll"].range_min, found["wrist_roll"].range_max) == (0, 4095)
    servos.arm.set(power_cycle=True)
    with FeetechBus(servos.port, MOTORS) as bus:
        assert calibration.of_motors(bus, MOTORS) == found
        rest = bus.sync_read(["Phase", "Operating_Mode", "Lock", "Torque_Enable"]).values
    assert {name: set(values.values()) for name, values in rest.items()} == {
        "Phase": {12},
        "Operating_Mode": {0},
        "Lock": {1},
        "Torque_Enable": {0},
    }


def check_truth(servos: Running, words: list[str]) -> None:
    """A robot with the options that were printed reads joints as they are, to a degree."""
    run = ["--processor.observation.object=null", "--env.paced=true", "--learner.mode=background"]
    cfg = load(Parser(prog="test"), [*words, *run], "sim_pick_lift")[0].robot
    assert isinstance(cfg, SO101Config)
    cfg = cfg.model_copy(update={"rest_pose": None})
    pose = [20.0, -60, 50, -30, 45, 80]
    place(servos, dict(zip(JOINTS, pose, strict=True)))
    servos.arm.hand(None)
    with SO100Robot(cfg, 30, tell_nobody) as robot:
        np.testing.assert_allclose(robot.read().joints, pose, atol=1.0)


def test_joints_that_moved_too_little_are_asked_for_again_and_no_means_no(
    arm: Running, tmp_path: Path
) -> None:
    before = held(arm)
    with FeetechBus(arm.port, MOTORS) as bus:
        bus.write("Torque_Enable", "gripper", 1)
    with guided(*options(arm, tmp_path)) as operator:
        operator.until("Hold the arm, it will go limp")
        operator.enter()
        operator.until("Hold the arm there, and press Enter.")
        assert arm.arm.report()["motors"]["gripper"]["torque_enable"] == 0
        operator.enter()
        operator.until("when all are done.")
        place(arm, only(HIGH) | {"gripper": 55.0}, operator)
        operator.enter()
        assert "shoulder_pan" not in operator.until("gripper has moved only 6 degrees.")
        operator.until("Move these, too, and press Enter.")
        place(arm, only(LOW) | {"shoulder_pan": 0.0}, operator)
        operator.enter()
        assert "elbow" not in operator.until(
            "shoulder_pan has moved 110 degrees, usually it is 220."
        )
        operator.until("or press Enter if they have been there.")
        operator.enter()
        operator.until("Hold it closed")
        place(arm, only(LOW) | {"gripper": 27.0}, operator)
        operator.enter()  # half open
        operator.until("It is at neither end of its range: close it all the way.")
        close_gripper(operator, arm, 0.0)
        operator.until("[Y/n]")
        operator.enter("ok")
        operator.until("Type y or n, not 'ok'.")
        operator.until("[Y/n]")
        operator.enter("  NO ")
        assert operator.end() == 1
        assert operator.text.rstrip().endswith("Nothing was written.")
    assert held(arm) == before
    assert list(tmp_path.iterdir()) == []


def test_a_leader_is_calibrated_with_yes_and_its_older_file_is_kept(
    arm: Running, tmp_path: Path
) -> None:
    before = held(arm)
    with FeetechBus(arm.port, MOTORS) as bus:
        calibration.save(calibration.of_motors(bus, MOTORS), tmp_path / "mine.json")
    old = (tmp_path / "mine.json").read_bytes()
    with guided(*options(arm, tmp_path, "so101_leader"), "--yes") as operator:
        operator.until("press Enter.")
        place(arm, LOW, operator)
        operator.enter()
        operator.until("when all are done.")
        arm.arm.set(drop=0.2, corrupt=0.1)  # a bad cable, while it lasts
        place(arm, only(HIGH), operator)
        arm.arm.set(drop=0, corrupt=0)
        operator.enter()
        close_gripper(operator, arm, LOW["gripper"])
        assert operator.end() == 0, operator.text
    assert "[Y/n]" not in operator.text
    assert "--teleop.type=so101_leader" in operator.text.split("Options that use it:")[1]
    assert f"The old calibration is {tmp_path}/mine.json.bak" in operator.text
    assert (tmp_path / "mine.json.bak").read_bytes() == old
    after = held(arm)
    found = calibration.load(tmp_path / "mine.json")
    for name in MOVED:  # measured from the other end, the same ranges
        assert after["Min_Position_Limit"][name] == found[name].range_min
        for register in ("Homing_Offset", "Min_Position_Limit", "Max_Position_Limit"):
            assert abs(after[register][name] - before[register][name]) <= 1


def started(operator: Guided, arm: Running) -> None:
    """The operator is in the middle of the second step."""
    operator.until("press Enter.")
    operator.enter()
    operator.until("when all are done.")
    arm.arm.hand(only(HIGH))
    operator.listen(0.5)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_kill_leave_motors_file_and_terminal_as_they_were(
    arm: Running, tmp_path: Path, number: signal.Signals
) -> None:
    before = held(arm)
    (tmp_path / "mine.json").write_text("old")
    with guided(*options(arm, tmp_path), terminal=True) as operator:
        started(operator, arm)
        operator.until("move it")  # the live table
        operator.until("move it")
        assert not echoes(operator)
        operator.process.send_signal(number)
        assert operator.end() == 128 + number
        assert echoes(operator)
        assert operator.raw.count(b"\x1b[?25h") == operator.raw.count(
            b"\x1b[?25l"
        )  # the cursor is back
    assert ("Stopped: nothing was written." in operator.text) is (number == signal.SIGINT)
    assert held(arm) == before
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def echoes(operator: Guided) -> bool:
    """Whether the terminal shows what is typed."""
    return bool(termios.tcgetattr(operator.writes)[3] & termios.ECHO)


def test_the_end_of_input_is_one_line_and_changes_nothing(arm: Running, tmp_path: Path) -> None:
    before = held(arm)
    with guided(*options(arm, tmp_path)) as operator:
        started(operator, arm)
        operator.hang_up()
        assert operator.end() == 1
    last = operator.text[operator.text.rindex("hil-app:") :]
    assert "The input has ended: run this in a terminal. Nothing was" in last
    assert last.count("\n") == 1
    assert held(arm) == before
    assert list(tmp_path.iterdir()) == []


def test_a_port_or_a_motor_that_goes_for_a_moment_loses_nothing_at_any_step(
    arm: Running, tmp_path: Path
) -> None:
    with guided(*options(arm, tmp_path)) as operator:
        operator.until("Hold the arm there, and press Enter.")
        unplug(arm)
        operator.enter()
        operator.until("Fix that, and press Enter to try again.")
        plug_in(arm)
        operator.enter()
        operator.until("when all are done.")
        place(arm, only(LOW), operator)
        place(arm, only(HIGH), operator)
        arm.arm.set(missing=["elbow_flex"])
        operator.until("elbow_flex (ID 3) has stopped to answer")
        operator.until("It goes on once that is fixed; then move what was out of sight")
        arm.arm.set(missing=[])
        operator.until("All motors answer again: go on.")
        unplug(arm)
        operator.until("It goes on once that is fixed")
        plug_in(arm)
        operator.until("All motors answer again: go on.")
        place(arm, only(LOW), operator)
        place(arm, only(HIGH), operator)
        operator.enter()
        close_gripper(operator, arm, LOW["gripper"])
        operator.until("[Y/n]")
        unplug(arm)
        operator.enter()
        operator.until("Fix that, and press Enter to try again.")
        plug_in(arm)
        operator.enter()
        assert operator.end() == 0, operator.text
    with FeetechBus(arm.port, MOTORS) as bus:
        assert calibration.of_motors(bus, MOTORS) == calibration.load(tmp_path / "mine.json")


def test_a_motor_that_falls_silent_as_the_gripper_closes_is_moved_once_more(
    arm: Running, tmp_path: Path
) -> None:
    with guided(*options(arm, tmp_path)) as operator:
        operator.until("Hold the arm there, and press Enter.")
        operator.enter()
        operator.until("when all are done.")
        place(arm, only(LOW), operator)
        place(arm, only(HIGH), operator)
        operator.enter()
        operator.until("Hold it closed, and press Enter.")
        arm.arm.set(missing=["elbow_flex"])
        operator.until("elbow_flex (ID 3) has stopped to answer")
        arm.arm.set(missing=[])
        operator.until("All motors answer again: go on.")
        place(arm, {"gripper": LOW["gripper"]}, operator)
        operator.enter()
        operator.until("Once more: elbow_flex could not be followed for a moment.")
        operator.until("when all are done.")
        place(arm, only(LOW), operator)
        place(arm, only(HIGH), operator)
        operator.enter()
        close_gripper(operator, arm, LOW["gripper"])
        operator.until("[Y/n]")
        operator.enter()
        assert operator.end() == 0, operator.text
    saved = calibration.load(tmp_path / "mine.json")["elbow_flex"]
    moved = (saved.range_max - saved.range_min) * calibration.DEGREES
    assert moved == pytest.approx(HIGH["elbow_flex"] - LOW["elbow_flex"], abs=3)


def test_what_cannot_be_saved_is_refused_before_an_operator_moves(tmp_path: Path) -> None:
    (tmp_path / "mine.json").mkdir()
    arguments = ["--robot.type=so101", f"--robot.calibration_dir={tmp_path}"]
    with pytest.raises(ConfigError, match=r"mine.json cannot be written"):
        calibrate.run([*arguments, "--robot.id=mine"])
    for name in ("x" * 260, "a/b", "..", ""):
        with pytest.raises(ConfigError, match=r"robot.id: .*the name of a file"):
            calibrate.run([*arguments, f"--robot.id={name}"])


def test_motors_that_are_not_set_up_are_reported_what_to_do(arm: Running, tmp_path: Path) -> None:
    arm.arm.set(missing=["gripper", "wrist_roll"])
    with guided(*options(arm, tmp_path)) as operator:
        assert operator.end() == 1
    assert "No answer of wrist_roll (ID 5), gripper (ID 6); the other 4 motors" in operator.words
    assert "`hil-app setup-motors`" in operator.words
    assert operator.text.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no arm is named: take one at a time, as --robot.type=so101 --robot.port=PORT"),
        (["--robot.type=so101", "--teleop.type=so101_leader"], "both robot and teleop are named"),
        (["--robot.port=/dev/null"], r"robot\.type: missing, allowed: .*so101"),
        (["--robot.type=so101_sim"], r"robot\.type: so101_sim has no motors, so101 and so100"),
        (["--robot.type=so7"], r"robot\.type: got 'so7', allowed: "),
        (["--robot.type=so101", "--robot.baud_rate=9600"], r"robot\.baud_rate: .*1000000"),
        (["--teleop.type=scripted"], r"teleop\.type: scripted has no motors, so101_leader and"),
    ],
)
def test_options_that_name_no_arm_are_one_line(arguments: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        calibrate.run(arguments)
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_written_is_refused_before_an_operator_moves(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("")
    arguments = ["--robot.type=so101", "--robot.id=mine"]
    with pytest.raises(ConfigError, match=r"mine\.json cannot be written: name another folder"):
        calibrate.run([*arguments, f"--robot.calibration_dir={tmp_path}/file/below"])


def test_a_leaders_calibration_is_where_lerobot_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", "/kept")
    chosen: list[Path] = []
    monkeypatch.setattr(calibrate, "_check_writable", chosen.append)
    for arguments in (
        ["--teleop.type=so101_leader", "--teleop.id=hand"],
        ["--robot.type=so101_follower", "--robot.id=arm"],
    ):
        with pytest.raises(NotConnected, match="There is no port /no/port"):
            calibrate.run([*arguments, f"{arguments[0].partition('.')[0]}.port=/no/port"])
    assert [str(path) for path in chosen] == [
        "/kept/teleoperators/so_leader/hand.json",
        "/kept/robots/so_follower/arm.json",
    ]


def test_help_teaches_and_loads_no_torch() -> None:
    with guided("calibrate", "--help") as operator:
        assert operator.end() == 0
    assert "Put every joint in the middle of its range." in operator.text
    assert "--teleop.type so101_leader|so100_leader" in operator.words
    names = ("calibrate", "setup_motors", "find_port")
    script = f"import sys, {', '.join(f'hil_app.cli.arm.{name}' for name in names)}\n"
    done = subprocess.run(
        [sys.executable, "-c", script + "print('torch' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"

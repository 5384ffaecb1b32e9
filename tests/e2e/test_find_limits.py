"""``hil-app find-limits`` as an operator uses it, on a virtual arm that a hand moves."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import yaml
from guided import Guided, guided
from virtual_arms import Running, plug_in, unplug

from configs.load import read, validate
from configs.robot import SO101Config
from robots.arm import ARMS
from robots.base import F32, JOINTS
from robots.feetech import calibration
from robots.feetech.bus import FeetechBus
from robots.feetech.handshake import MOTORS
from robots.kinematics import Kinematics
from robots.virtual.fault_settings import FaultSettings
from robots.virtual.servos.motors import HAND_SPEED

KINEMATICS = Kinematics(ARMS["so101"])
START = np.array(SO101Config().reset_pose, np.float32)
PLACES = [(0.15, 0, 0.06), (0.2, -0.15, 0.06), (0.3, 0, 0.02), (0.2, 0.15, 0.06), (0.2, 0, 0.13)]
MARGIN, EXACT = 0.005, 0.004  # [m]

MINE = """\
# My arm, on the left table.
robot: {type: so101, id: null}  # the black one
processor:
  bounds:
    min: [0.2, -0.1, 0.0]  # by guess
    max: [0.3, 0.1, 0.1]
"""


@pytest.fixture
def arm(chain: Running) -> Running:
    """A virtual arm in order, its gripper where episodes begin, in a hand."""
    chain.arm.set(**FaultSettings().model_dump(mode="json"))
    chain.arm.set(power_cycle=True)
    hold(chain, START)
    return chain


def joints_at(place: Sequence[float]) -> F32:
    joints, target = START, np.array(place, np.float32)
    for point in np.linspace(KINEMATICS.tip(joints), target, 30):
        joints = KINEMATICS.solve(joints, point.astype(np.float32), iterations=10)
    assert np.linalg.norm(KINEMATICS.tip(joints) - target) < 1e-3
    return joints


def hold(arm: Running, joints: F32) -> None:
    """Take the arm there by hand, and wait until it is there."""
    arm.arm.hand(dict(zip(JOINTS, joints.tolist(), strict=True)))
    before, now = [-1], positions(arm)
    while before != now:
        time.sleep(0.1)
        before, now = now, positions(arm)


def positions(arm: Running) -> list[int]:
    return [motor["present"] for motor in arm.arm.report()["motors"].values()]


def carry(arm: Running, find: Guided, places: Sequence[Sequence[float]]) -> list[F32]:
    """Take the gripper to places, one after the other; returns its way, points (3,) [m]."""
    way, now = [], START.astype(float)
    for place in places:
        goal = joints_at(place)
        hold(arm, goal)
        find.listen(0.2)
        for _ in range(400):
            step = HAND_SPEED * 0.005
            now = now + np.clip(goal - now, -step, step)
            way.append(KINEMATICS.tip(now.astype(np.float32)))
    return way


def begin(find: Guided) -> None:
    """The gripper is where measuring is to begin."""
    find.until("Take it to one of them, and press Enter")
    find.enter()
    find.until("when it has been everywhere")


def options(arm: Running) -> list[str]:
    return ["find-limits", "--robot.type=so101", f"--robot.port={arm.port}"]


def torques(arm: Running) -> list[int]:
    return [motor["torque_enable"] for motor in arm.arm.report()["motors"].values()]


def test_the_box_and_the_reset_pose_that_a_hand_shows_go_into_a_file_whose_rest_stays(
    arm: Running, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(MINE)
    named = ["--config_path=so101_pick_lift", f"--save={mine}", "--reset-pose", "--joint-limits"]
    with guided(*options(arm), *named, terminal=True) as find:
        begin(find)
        way = carry(arm, find, PLACES)
        for row in ("x", "y", "z", *JOINTS):
            assert f"│ {row} " in find.text  # the live image
        find.enter()
        find.until("Hold it there")
        hold(arm, joints_at((0.2, 0.0, 0.2)))  # above the box
        find.listen(0.3)
        find.enter()
        find.until("outside of the box, by")
        hold(arm, joints_at((0.22, 0.02, 0.08)))
        find.listen(0.3)
        find.enter()
        assert find.end() == 0
        assert "cannot get to" not in find.words
        assert "was [0.2, -0.1, 0.0]" in find.words
    content = yaml.safe_load(mine.read_text())
    low, high = np.min(way, axis=0), np.max(way, axis=0)
    np.testing.assert_allclose(content["processor"]["bounds"]["min"], low + MARGIN, atol=EXACT)
    np.testing.assert_allclose(content["processor"]["bounds"]["max"], high - MARGIN, atol=EXACT)
    pose = content["robot"]["reset_pose"]
    np.testing.assert_allclose(pose, joints_at((0.22, 0.02, 0.08)), atol=0.3)
    been = np.stack([START, *map(joints_at, PLACES)])
    spans = np.stack([been.min(axis=0), been.max(axis=0)], axis=1)
    spans[4:] = ARMS["so101"].limits[4:]  # neither roll nor gripper was moved
    np.testing.assert_allclose(content["robot"]["joint_limits"], spans, atol=0.5)
    lines = mine.read_text().splitlines()
    assert lines[0] == MINE.splitlines()[0]
    assert lines[1].endswith("# the black one")
    assert lines[4].endswith("# by guess")
    assert torques(arm) == [0] * 6
    assert arm.arm.report()["violations"] == []


def test_without_a_file_of_their_own_people_get_the_lines_and_a_new_file_that_a_run_takes(
    arm: Running, tmp_path: Path
) -> None:
    """Where the limp arm lay before they begin does not count."""
    new = tmp_path / "new.yaml"
    hold(arm, np.array([0, 100, -20, 30, 0, 0], np.float32))  # far below the table
    with guided(*options(arm), f"--save={new}", "--margin=0") as find:
        find.listen(0.2)
        hold(arm, START)
        begin(find)
        way = carry(arm, find, PLACES)
        find.enter()
        assert find.end() == 0
        shown = yaml.safe_load(find.text[find.text.index("  processor:") :].split("Saved")[0])
    config = validate(read(str(new)))
    assert config.robot.type == "so101"
    assert config.robot.port == arm.port
    assert config.robot.cameras == {}
    assert list(config.processor.bounds.min) == shown["processor"]["bounds"]["min"]
    np.testing.assert_allclose(config.processor.bounds.min, np.min(way, axis=0), atol=EXACT)
    assert config.processor.step_size == (0.007, 0.007, 0.007)  # as the preset has it


def test_who_has_hardly_moved_it_is_asked_to_and_told_what_cannot_work(arm: Running) -> None:
    with guided(*options(arm)) as find:
        begin(find)
        find.listen(0.3)
        find.enter()
        find.until("x has changed by only 0.0 cm; 4.0 are needed.")
        find.until("Move it there, too, and press Enter.")
        hold(arm, np.zeros(6, np.float32))  # stretched out
        hold(arm, np.array([60, 20, 40, 0, 0, 0], np.float32))  # aside
        hold(arm, np.array([0, 100, -20, 30, 0, 0], np.float32))  # far below the table
        find.enter()
        assert find.end() == 0
        assert "below the foot of the arm" in find.words
        assert "robot.reset_pose is outside of the box, by" in find.words
        assert "of the box's 8 corners" in find.words
        assert "With --save FILE it is written into a file." in find.words


def test_an_arm_that_holds_is_let_go_only_once_an_operator_has_it(
    arm: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it may be another arm is told, too."""
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(tmp_path))
    with FeetechBus(arm.port, MOTORS) as bus:
        leaders = tmp_path / "teleoperators/so_leader/hand.json"
        calibration.save(calibration.of_motors(bus, MOTORS), leaders)
        for name in JOINTS:
            bus.write("Goal_Position", name, bus.read("Present_Position", name))
            bus.write("Torque_Enable", name, 1)
    with guided(*options(arm), "--seconds=0.5") as find:
        find.until("Hold the arm, it will go limp and fall")
        find.listen(0.3)
        assert torques(arm) == [1] * 6
        find.enter()
        find.until("limp")
        assert torques(arm) == [0] * 6
        assert find.end() == 1
        reported = f"The motors hold the calibration {leaders}, of another arm"
        assert "".join(reported.split()) in "".join(find.words.split())  # a long path breaks off
        assert "That is no box to work in: nothing was written." in find.words


def test_ctrl_c_and_a_vanished_port_leave_the_file_as_it_was(arm: Running, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(MINE)
    with guided(*options(arm), f"--save={mine}") as find:
        begin(find)
        find.interrupt()
        assert find.end() == 130
        assert "Stopped: nothing was written." in find.words
    with guided(*options(arm), f"--save={mine}") as find:
        begin(find)
        unplug(arm)
        find.until("is gone: plug the arm's USB cable in again")
        find.until("Nothing is lost; it goes on once that is fixed.")
        plug_in(arm)
        find.until("All motors answer again: go on.")
        find.interrupt()
        assert find.end() == 130
        assert "Traceback" not in find.text
    assert mine.read_text() == MINE
    assert torques(arm) == [0] * 6


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--config_path=sim_pick_lift"], "robot.type: so101_sim has no motors"),
        (["--robot.type=so101", "--save=/nowhere/mine.yaml"], "/nowhere cannot be written"),
        (["--robot.type=so101", f"--save={'x' * 260}.yaml"], "(File name too long)"),
        (["--robot.type=so101", "--save=list.yaml"], "keys and values expected, not a list"),
        (["--robot.type=so101", "--save=alias.yaml"], "does not let processor.bounds.min"),
        (["--save=loop.yaml", "--robot.port=/dev/nowhere"], "There is no port /dev/nowhere"),
        (["--robot.type=so101", "--margin=3"], "--margin is 0 to 0.1"),
        (["--robot.type=so101", "--seconds=nan"], "--seconds above 0 and finite"),
        (["--robot.type=so101", "--robot.port=/dev/nowhere"], "There is no port /dev/nowhere"),
    ],
)
def test_what_cannot_work_is_said_before_an_operator_begins(
    extra: list[str],
    message: str,
    tmp_path: Path,
    here: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    (tmp_path / "list.yaml").write_text("- 1\n")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "alias.yaml").write_text("a: &b {min: [0], max: [1]}\nprocessor: {bounds: *b}\n")
    done = here("find-limits", *extra, cwd=tmp_path)
    assert done.returncode == (1 if "port" in message else 2)
    assert message in " ".join(done.stderr.split())
    assert ">" not in done.stdout + done.stderr

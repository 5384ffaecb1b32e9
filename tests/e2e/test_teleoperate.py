"""The real command with an operator at a gamepad: real joystick events, from a pad in no hand."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
from attended_sessions import TICK, Running, stretches, teleoperate
from recordings import recorded

from configs.load import read, validate
from configs.run import RunConfig
from hil_app.build.robots import make_robot
from hil_app.build.seeds import seed_of
from hil_app.control.outcomes import TELEOPERATE
from robots.base import F32
from robots.kinematics import Kinematics
from teleop.oracles.base import HOVER, Grasp, Stick
from teleop.oracles.pick_lift import INSIDE

SLOW = 0.3
SMALL = """
env: {fps: 30, paced: true, control_time_s: 1.5, reset_speed: 200}
processor: {step_size: [0.007, 0.007, 0.007]}
policy: {hidden_dims: [16], latent_dim: 8}
learner: {mode: background, learning_starts: 140, batch_size: 16}  # shortly before the end
train: {demonstrations: 1, ticks: 150}
eval: {episodes: 0}
"""


def the_preset() -> RunConfig:
    return validate(read("sim_teleoperate"))


def to_the_cube(config: RunConfig, episode: int) -> F32:
    """The way (3,) [m] from the reset pose to where the fingers stand around the cube."""
    with make_robot(config) as robot:
        robot.reset(seed_of(config, TELEOPERATE, episode))
        assert robot.truth is not None
        cube = robot.truth().object
        tip = Kinematics(robot.spec.arm).tip(np.array(config.robot.reset_pose, np.float32))
    stick = Stick(np.ones(3, np.float32), config.env.fps)
    return Grasp(stick, 0.0, 45.0, INSIDE).spot(cube) - tip


def go(running: Running, way: F32) -> None:
    """Push each stick for as long as it takes, the last bit in slow mode."""
    step = the_preset().processor.step_size[0]
    for axis, sign, distance in zip(
        ("lefty", "leftx", "righty"), (-1, -1, -1), way.tolist(), strict=True
    ):
        value = sign * float(np.sign(distance))
        fast = int(abs(distance) / step)
        running.push(axis, value, fast)
        running.hold("leftshoulder")
        running.push(axis, value, round((abs(distance) - fast * step) / (SLOW * step)))
        running.hold("leftshoulder", down=False)


def pick_up(running: Running, way: F32) -> None:
    """Over the cube, down, close, and up with it."""
    running.take_over()
    running.push("righttrigger", 1.0, 3)
    hover = np.array([0, 0, HOVER], np.float32)
    above = way + hover
    go(running, np.array([*above[:2], 0], np.float32))
    go(running, np.array([0, 0, way[2]], np.float32))
    running.remote.tell(axis="lefttrigger", value=1.0)
    running.live(21)
    running.remote.tell(axis="righty", value=-1.0)


def test_an_operator_picks_up_the_cube_by_stick_and_trigger(tmp_path: Path) -> None:
    way = to_the_cube(the_preset(), 0)
    with teleoperate(tmp_path, "--teleoperate.episodes=1", "--teleoperate.record=true") as running:
        pick_up(running, way)
        status, output, errors = running.end()
    assert (status, errors) == (0, ""), output
    episode = running.events("episode")[-1]
    assert episode["success"]
    assert not episode["rerecord"]
    done = recorded(running.folder)[-1]
    is_intervention = done["complementary_info.is_intervention"]
    assert stretches(is_intervention)[-1]
    assert not done["action"][~is_intervention][:, :3].any()
    assert (done["action"][~is_intervention][:, 3] == 1).all()
    assert done["next.reward"][-1] == 1.0
    assert "1/1 (100.0%) successful" in output


def test_each_frame_says_who_acted_and_a_pad_that_is_unplugged_ends_it_at_once(
    tmp_path: Path,
) -> None:
    """Held, let go, held and unplugged in the middle: the arm waits, and goes on when asked to."""
    free = "--env.terminate_on_success=false"
    with teleoperate(tmp_path, "--teleoperate.record=true", free) as running:
        running.take_over()
        running.push("leftx", -1.0, 9)
        running.hold("rightshoulder", down=False)
        running.live(9)
        running.push("leftx", 1.0, 9)  # nobody has taken over: nothing moves
        running.take_over()
        running.remote.tell(axis="leftx", value=1.0)
        running.live(9)
        running.remote.tell(plug=False)
        running.wait(lambda: running.events("hands_lost"))
        running.live(15)  # the episode stands still
        running.remote.tell(plug=True)
        running.wait(lambda: running.events("hands_back"))
        running.live(6)
        running.tap("start")  # and goes on, without the operator
        running.live(9)
        running.take_over()
        running.live(6)
        running.tap("back")
        status, _, errors = running.end()
    assert (status, errors) == (0, "")
    assert "the arm holds" in running.events("hands_lost")[0]["cause"]
    (done,) = recorded(running.folder)
    is_intervention = done["complementary_info.is_intervention"]
    moves = done["action"][:, 1]
    assert stretches(is_intervention) == [
        True,
        False,
        True,
        False,
        True,
    ]  # taken over amid the reset
    assert not moves[~is_intervention].any()
    edges = np.flatnonzero(np.diff(is_intervention)) + 1
    first, second, third = np.split(moves, edges)[::2]
    assert (first.min(), first.max()) == (0.0, 1.0)
    assert (second.min(), second.max()) == (-1.0, 0.0)
    assert not third.any()  # the stick of a pad that comes back is at rest until it moves
    assert np.abs(np.diff(done["sent"][:, :5], axis=0)).max() < 6  # [deg], across all of it
    seconds = np.diff(done["stamp"])[done["after_pause"][1:]]
    assert len(seconds) == 1  # of which there are no frames
    assert seconds[0] > 15 * TICK


def test_ctrl_c_ends_it_and_keeps_the_episode(tmp_path: Path) -> None:
    with teleoperate(tmp_path, "--teleoperate.record=true") as running:
        running.take_over()
        running.live(9)
        os.kill(running.process.pid, signal.SIGINT)
        status, output, errors = running.end()
    assert (status, errors) == (130, "")
    assert "SIGINT" in output
    (done,) = recorded(running.folder)
    assert done["next.truncated"][-1]
    assert not (tmp_path / "device").exists()


def test_b_is_an_emergency_stop_wherever_the_command_is(tmp_path: Path) -> None:
    with teleoperate(tmp_path) as running:
        running.take_over()
        running.tap("b")
        status, output, errors = running.end()
    assert (status, errors) == (1, "")
    assert "emergency stop" in output


def test_without_a_pad_one_line_says_so_and_nothing_is_written(tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "hil_app", "teleoperate", "--output_dir=out"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
    )
    assert process.returncode == 1
    (line,) = process.stderr.splitlines()
    assert line.startswith("hil-app: No gamepad is plugged in")
    assert not (tmp_path / "out").exists()


def test_an_operator_takes_over_in_a_training_and_the_policy_has_the_arm_again(
    tmp_path: Path,
) -> None:
    """The same hands in a training: demonstrations are flagged, so is every take-over."""
    config = tmp_path / "small.yaml"
    config.write_text(SMALL)
    options = (f"--config_path={config}", "--teleop.type=gamepad")
    with teleoperate(tmp_path, *options, command="train") as running:
        running.wait(lambda: running.events("hands_ready"))
        running.remote.tell(axis="leftx", value=-1.0)  # a demonstration needs no take-over
        running.label("y")
        running.remote.tell(axis="leftx", value=0.0)
        running.remote.tell(axis="lefty", value=-1.0)
        running.hold_for("rightshoulder", 70)  # more than one episode's ticks, and a reset's
        status, output, errors = running.end()
    assert (status, errors) == (0, ""), output
    shown, *trained = recorded(running.folder)
    assert shown["complementary_info.is_intervention"].all()
    is_intervention = np.concatenate(
        [part["complementary_info.is_intervention"] for part in trained]
    )
    actions = np.concatenate([part["action"] for part in trained])
    wanted = np.concatenate([part["policy_action"] for part in trained])
    assert 8 <= is_intervention.sum() <= 70
    assert actions[is_intervention][-1].tolist() == [1.0, 0.0, 0.0, 1.0]
    np.testing.assert_array_equal(actions[~is_intervention], wanted[~is_intervention])
    assert (actions[is_intervention] != wanted[is_intervention]).any(axis=1).all()

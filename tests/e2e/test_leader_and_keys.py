"""The real command with an operator at the terminal's keys, and a leader arm in the hand."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recordings import recorded
from sample_cameras import HEIGHT, WIDTH, streaming
from terminals import Terminal, in_terminal
from virtual_arms import Running, virtual_arm
from waiting import PATIENCE_S, until

from robots.base import JOINTS

SMALL = """
robot:
  type: so101
  rest_pose: null
  safety: {patience_s: 2, watchdog_s: 2, let_down_s: 10, deadman_s: 60}  # busy machines
env: {fps: 30, paced: true, control_time_s: 30, reset_speed: 120, wait_for_ready: never}
processor:
  step_size: [0.01, 0.01, 0.01]
  observation: {object: null}
  images: {resize: [16, 16]}
policy: {hidden_dims: [16], latent_dim: 8}
learner: {mode: background, learning_starts: 1000, batch_size: 16}  # after all that is tried here
train: {demonstrations: 1, ticks: 3000}
eval: {episodes: 0}
"""
POSE = {"shoulder_pan": 12.0, "shoulder_lift": -5.0, "elbow_flex": 8.0, "wrist_flex": 88.0}
ALL = {**POSE, "wrist_roll": 20.0, "gripper": 3.0}


@pytest.fixture
def follower() -> Iterator[Running]:
    with virtual_arm() as running:
        yield running


@pytest.fixture
def leader() -> Iterator[Running]:
    with virtual_arm() as running:
        yield running


@contextmanager
def train(folder: Path, follower: Running, *options: str) -> Iterator[Terminal]:
    config = folder / "small.yaml"
    config.write_text(SMALL)
    command = [sys.executable, "-m", "hil_app", "train", f"--config_path={config}"]
    size = f"width: {WIDTH}, height: {HEIGHT}, fps: 30"
    with streaming() as stream:
        camera = f"--robot.cameras.front={{index_or_path: '{stream.address}', {size}}}"
        where = (f"--robot.port={follower.port}", camera, "--output_dir=out")
        with in_terminal(*command, *where, *options, cwd=folder) as terminal:
            yield terminal


def events(folder: Path) -> list[dict[str, Any]]:
    path = folder / "out/events.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def summary(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "out/summary.json").read_text())
    return found


def wait(terminal: Terminal, condition: Callable[[], object]) -> None:
    until(condition, terminal.process)


def motors(running: Running, what: str) -> list[int]:
    return [motor[what] for motor in running.arm.report()["motors"].values()]


def moves(running: Running) -> bool:
    before = motors(running, "goal")
    time.sleep(0.05)
    return motors(running, "goal") != before


def ended(terminal: Terminal) -> tuple[int, str]:
    _, errors = terminal.process.communicate(timeout=PATIENCE_S)
    return terminal.process.returncode, errors


def test_the_space_bar_halts_a_moving_arm_at_once_and_ends_the_run(
    follower: Running, tmp_path: Path
) -> None:
    teleop = ("--teleop=null", "--train.demonstrations=0")
    with train(tmp_path, follower, *teleop) as terminal:
        before = terminal.modes
        wait(terminal, lambda: moves(follower))
        terminal.press(" ")
        wait(terminal, lambda: "halted" in reported(tmp_path))
        halted = motors(follower, "goal")
        status, errors = ended(terminal)
        assert (status, errors) == (1, "")
        assert terminal.modes == before
    assert motors(follower, "goal") == halted
    assert set(motors(follower, "torque_enable")) == {0}
    assert follower.arm.report()["violations"] == []
    assert summary(tmp_path)["ended"] == "emergency stop"
    names = reported(tmp_path)
    assert names.count("halted") == 1
    assert names.index("halted") < names.index("released") < names.index("run_ended")


def test_the_space_bar_halts_an_arm_that_is_on_its_way_to_rest(
    follower: Running, tmp_path: Path
) -> None:
    rest = "--robot.rest_pose=[0, -98, 85, 60, 0, 5]"
    teleop = ("--teleop=null", "--train.demonstrations=0")
    with train(tmp_path, follower, rest, *teleop) as terminal:
        wait(terminal, lambda: shown(follower)["shoulder_lift"] > -20)
        terminal.press("q")
        wait(terminal, lambda: shown(follower)["shoulder_lift"] < -40)
        terminal.press(" ")
        assert ended(terminal) == (1, "")
    assert -90 < shown(follower)["shoulder_lift"] < -40
    assert set(motors(follower, "torque_enable")) == {0}
    assert follower.arm.report()["violations"] == []
    assert summary(tmp_path)["ended"] == "emergency stop"
    halted = next(event for event in events(tmp_path) if event["event"] == "halted")
    assert halted["cause"] == "emergency stop on the way to rest"


def test_an_operator_leads_a_demonstration_lets_the_policy_act_and_takes_over(
    follower: Running, leader: Running, tmp_path: Path
) -> None:
    teleop = (f"--teleop.port={leader.port}", "--teleop.control=joints")

    def gap() -> int:
        ways = np.abs(np.subtract(motors(leader, "present"), motors(follower, "present")))
        return int(ways[:-1].max())

    ready = ("--env.wait_for_ready=first", "--env.reset_time_s=0")
    with train(tmp_path, follower, "--teleop.type=so101_leader", *teleop, *ready) as terminal:
        wait(terminal, lambda: "leader_ready" in reported(tmp_path))
        wait(terminal, lambda: "awaits_operator" in reported(tmp_path))
        assert set(motors(leader, "torque_enable")) == {1}
        assert "taken_over" not in reported(tmp_path)
        terminal.press("\n")
        wait(terminal, lambda: "taken_over" in reported(tmp_path))  # the demonstration
        wait(terminal, lambda: set(motors(leader, "torque_enable")) == {0})
        leader.arm.hand(ALL)
        wait(terminal, lambda: abs(shown(leader)["shoulder_pan"] - 12) < 0.5)
        wait(terminal, lambda: gap() < 12)  # a degree
        shown_now = shown(follower)
        assert {name: shown_now[name] for name in POSE} == pytest.approx(POSE, abs=1.5)
        assert shown_now["wrist_roll"] == pytest.approx(20, abs=1.5)
        terminal.press("s")
        leader.arm.hand(None)
        wait(terminal, lambda: set(motors(leader, "torque_enable")) == {1})  # the policy acts
        wait(terminal, lambda: reported(tmp_path).count("leader_ready") == 2)
        wait(terminal, lambda: reported(tmp_path).count("awaits_operator") == 2)
        terminal.press("\n")
        wait(terminal, lambda: moves(follower) and moves(leader))
        take_over(terminal, leader)
        wait(terminal, lambda: gap() < 12)  # and the arm stays with it
        terminal.press("q")
        assert ended(terminal) == (0, "")
    assert summary(tmp_path)["ended"] == "stopped by the operator"
    for running in (follower, leader):
        assert running.arm.report()["violations"] == []
        assert set(motors(running, "torque_enable")) == {0}
    first = recorded(tmp_path / "out")[0]
    assert first["complementary_info.is_intervention"].all()
    assert first["next.reward"][-1] == 1
    assert np.abs(first["action"][:, :3]).max() <= 1
    assert (first["action"][:, 3] == 0).sum() == 1  # closed once
    steps = np.abs(np.diff(first["sent"][:, :5], axis=0))
    assert steps.max() <= 120 / 30 + 0.2


def take_over(terminal: Terminal, leader: Running) -> None:
    """Press the key, and again if the arm was still on its way to the reset pose."""

    def taken() -> bool:
        if set(motors(leader, "torque_enable")) == {0}:
            return True
        terminal.press("t")
        time.sleep(0.5)
        return False

    until(taken)


def reported(folder: Path) -> list[str]:
    return [event["event"] for event in events(folder)]


def shown(running: Running) -> dict[str, float]:
    """Body joints [deg]."""
    steps = motors(running, "present")
    return {
        name: (step - (2047.5 if name == "wrist_roll" else 2047)) * 360 / 4095
        for name, step in zip(JOINTS[:-1], steps[:-1], strict=True)
    }

"""The real command and those who watch over its arms: nobody is let down by surprise, or late."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sample_cameras import HEIGHT, WIDTH, streaming
from virtual_arms import Running, virtual_arm

from hil_app.bench.torture.runs import STORMS, runs

SMALL = """
robot:
  type: so101
  rest_pose: null
  safety: {patience_s: 2, watchdog_s: 2, let_down_s: 10, deadman_s: 60}  # busy machines
teleop: {type: so101_leader, deadman_s: 2}
env: {fps: 30, paced: true, control_time_s: 1, reset_speed: 120, reset_time_s: 0}
processor:
  step_size: [0.01, 0.01, 0.01]
  observation: {object: null}
  images: {resize: [16, 16]}
policy: {hidden_dims: [16], latent_dim: 8}
learner: {mode: background, learning_starts: 20, batch_size: 16}
train: {demonstrations: 0, ticks: 60, eval_every: 60, eval_episodes: 4}
eval: {episodes: 0}
"""


def torques(arm: Running) -> set[int]:
    return {motor["torque_enable"] for motor in arm.arm.report()["motors"].values()}


def test_a_leader_goes_along_while_the_policy_is_judged(tmp_path: Path) -> None:
    """Nobody asks what the operator does with it then, for longer than its deadman is patient."""
    (tmp_path / "small.yaml").write_text(SMALL)
    with virtual_arm() as follower, virtual_arm() as leader, streaming() as camera:
        options = {
            "config_path": "small.yaml",
            "output_dir": "out",
            "robot.port": follower.port,
            "teleop.port": leader.port,
            "robot.cameras.front.index_or_path": camera.address,
            "robot.cameras.front.height": HEIGHT,
            "robot.cameras.front.width": WIDTH,
        }
        given = [f"--{name}={value}" for name, value in options.items()]
        done = subprocess.run(
            [sys.executable, "-m", "hil_app", "train", *given],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=tmp_path,
        )
        assert (done.returncode, done.stderr) == (0, "")
        for arm in (follower, leader):
            assert torques(arm) == {0}
            assert arm.arm.report()["violations"] == []
    lines = (tmp_path / "out/events.jsonl").read_text().splitlines()
    reported = [json.loads(line)["event"] for line in lines]
    assert reported.count("evaluation") == 1
    assert reported.count("leader_ready") == 1
    assert {"leader_lost", "watchdog_let_down", "deadman_lost"}.isdisjoint(reported)


@pytest.mark.parametrize("trouble", [STORMS, "Ctrl-Z"])
def test_signals_leave_no_torque_on(trouble: str) -> None:
    [row] = runs({trouble: 2}, seed=7, report=lambda _: None, at_once=2)
    assert row.good, row.faults

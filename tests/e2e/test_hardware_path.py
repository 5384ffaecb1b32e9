"""The real command on the hardware path: SDK, serial port, servos, cameras, in real time."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attended_sessions import teleoperate
from recordings import recorded
from virtual_arms import Running, virtual_arm
from waiting import PATIENCE_S, until

from configs.events import tell_nobody
from configs.robot import SO100Config
from hil_app.__main__ import main
from robots.base import GRIPPER
from robots.feetech.servos import Servos

Here = Callable[..., subprocess.CompletedProcess[str]]

UNHURRIED = (
    "--robot.safety.patience_s=2",
    "--robot.safety.watchdog_s=2",
    "--robot.safety.let_down_s=10",
    "--robot.safety.deadman_s=60",
)
"""Times that a busy machine keeps."""
SMALL = (
    "--train.demonstrations=2",
    "--train.ticks=60",
    "--eval.episodes=1",
    "--env.control_time_s=5",
    "--learner.learning_starts=20",
    "--learner.batch_size=16",
    "--policy.hidden_dims=[16]",
    "--policy.latent_dim=16",
)


@pytest.fixture
def arm() -> Iterator[Running]:
    with virtual_arm("--arm=so100", "--world=sim_pick_lift_pixels", "--camera-port=0") as running:
        yield running


def command(running: Running, *options: str, name: str = "train") -> list[str]:
    address = re.search(r"http://127.0.0.1:\d+", running.ready)
    assert address is not None
    cameras = [
        f"--robot.cameras.{name}.index_or_path={address[0]}/{name}" for name in ("front", "wrist")
    ]
    preset = "--config_path=so100_pick_lift"
    program = [sys.executable, "-m", "hil_app", name, preset, f"--robot.port={running.port}"]
    return [*program, *cameras, *UNHURRIED, *SMALL, *options]


def start(running: Running, folder: Path, *options: str, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(running, "--output_dir=out", *options, name=name),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def events(folder: Path) -> list[dict[str, Any]]:
    path = folder / "out/events.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def wait_for(folder: Path, event: str, count: int = 1) -> None:
    until(lambda: sum(one["event"] == event for one in events(folder)) >= count)


def torque(running: Running) -> set[int]:
    return {motor["torque_enable"] for motor in running.arm.report()["motors"].values()}


def test_a_training_run_on_the_hardware_path(arm: Running, tmp_path: Path) -> None:
    done = subprocess.run(
        command(arm, "--output_dir=out"), cwd=tmp_path, capture_output=True, text=True, timeout=200
    )
    assert (done.returncode, done.stderr) == (0, "")
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["ended"] == "finished"
    assert summary["demonstrations"]["success_rate"] == 1.0
    assert summary["train"]["ticks"] >= 60
    report = arm.arm.report()
    assert report["violations"] == []
    assert torque(arm) == {0}
    first = recorded(tmp_path / "out")[0]
    assert first["observation.images.front"].shape[1:] == (64, 64, 3)
    assert first["complementary_info.is_intervention"].all()
    assert np.diff(first["stamp"]).mean() > 0.95 / 30  # no faster than asked


def test_a_real_arm_is_teleoperated_as_users_of_lerobot_type_it(
    arm: Running, tmp_path: Path
) -> None:
    robot = ("--robot.type=so100_follower", f"--robot.port={arm.port}", *UNHURRIED)
    with teleoperate(tmp_path, *robot) as running:
        running.take_over()
        running.push("leftx", 1.0, 15)
        running.tap("back")
        status, output, errors = running.end()
    assert (status, errors) == (0, ""), output
    report = arm.arm.report()
    assert report["violations"] == []
    assert torque(arm) == {0}


@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM]
)
def test_a_signal_brings_the_arm_to_rest_and_keeps_the_episode(
    arm: Running, tmp_path: Path, number: signal.Signals
) -> None:
    run = start(arm, tmp_path, "--dataset.num_episodes=50", name="record")
    wait_for(tmp_path, "episode", 1)
    time.sleep(1.0)
    os.kill(run.pid, number)
    _, errors = run.communicate(timeout=PATIENCE_S)
    assert (run.returncode, errors) == (128 + number, "")
    assert torque(arm) == {0}
    assert arm.arm.report()["violations"] == []
    rest = SO100Config().rest_pose
    assert rest is not None
    goals = [motor["goal"] for motor in arm.arm.report()["motors"].values()]
    servos = Servos(SO100Config(port=arm.port), 1.0, tell_nobody)
    servos.open()  # where the arm was sent last: limp, it sinks the longer the further
    went = servos.units.joints(np.array(goals))
    servos.close()
    np.testing.assert_allclose(went[:GRIPPER], rest[:GRIPPER], atol=0.5)
    reported = [event["event"] for event in events(tmp_path)]
    assert "released" in reported
    assert "rest_not_reached" not in reported
    assert len(recorded(tmp_path / "out")) >= 2


def test_a_lasting_fault_ends_the_run_with_its_cause_and_whole_data(
    arm: Running, tmp_path: Path
) -> None:
    run = start(arm, tmp_path, name="train")
    wait_for(tmp_path, "episode", 1)
    arm.arm.set(errors={"elbow_flex": 32})
    _, errors = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 1
    assert errors.startswith("hil-app: elbow_flex reports overload")
    assert errors.count("\n") == 1
    assert torque(arm) == {0}
    assert events(tmp_path)[-1]["event"] == "run_ended"
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert "elbow_flex reports overload" in summary["ended"]
    for episode in recorded(tmp_path / "out"):
        assert (episode["next.done"] | episode["next.truncated"])[-1]


def test_the_scripted_operator_needs_a_world_that_it_can_see(tmp_path: Path, here: Here) -> None:
    with virtual_arm("--arm=so100") as blind:
        words = ("--config_path=so100_pick_lift", f"--robot.port={blind.port}")
        done = here("train", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert "the scripted operator knows its way only in a simulated world" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_the_wrong_kind_of_arm_is_reported(arm: Running, tmp_path: Path, here: Here) -> None:
    _, _, _, *words = command(arm, "--robot.type=so101", "--output_dir=out")
    done = here(*words, cwd=tmp_path)
    assert done.returncode == 1
    assert "is an so100, not an so101: say --robot.type=so100" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("train", "--config_path=so101_pick_lift"),  # its scripted operator sees no world
        ("train", "--config_path=so101_pick_lift", "--robot.cameras={}"),  # nothing to see
        ("train", "--robot.type=so101_follower"),  # neither cameras nor a world
        ("teleoperate", "--robot.type=so101_follower"),  # no gamepad
        ("record", "--config_path=so101_pick_lift", "--teleop.type=so101_leader"),
    ],
)
def test_a_wrong_port_is_said_before_what_follows_from_it(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port, out = tmp_path / "no", tmp_path / "out"
    assert main([*words, f"--robot.port={port}", f"--output_dir={out}"]) == 1
    assert capsys.readouterr().err.startswith(f"hil-app: There is no port {port} (serial ports")
    assert not out.exists()

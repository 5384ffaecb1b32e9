"""``hil-app doctor``, as people run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import pytest
from sample_cameras import HEIGHT, WIDTH, image
from virtual_arms import Running

from hil_app.checks.finding import Check
from hil_app.cli import doctor as command
from robots.virtual.fault_settings import FaultSettings

Here = Callable[..., subprocess.CompletedProcess[str]]

TOPICS = ["software", "computer", "serial ports", "arm", "cameras", "teleop", "gamepad"]
# Even for root, whom nothing is forbidden otherwise, files have their permissions after this: it
# drops CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH before it becomes the command.
AS_OTHERS = """
import ctypes, os, sys
for privilege in (1, 2):
    ctypes.CDLL(None).prctl(24, privilege, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


# The command without its looks at the software, which load all of it, each in a new process.
HARDWARE = """
import sys
from hil_app.__main__ import main
from hil_app.cli import doctor
checks = doctor.checks
doctor.checks = lambda *of, **how: [one for one in checks(*of, **how) if one.topic != "software"]
sys.exit(main(["doctor", *sys.argv[1:]]))
"""


@pytest.fixture
def hardware(
    monkeypatch: pytest.MonkeyPatch, here: Here, tmp_path: Path
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The same in this process."""
    checks = command.checks

    def some(*of: Any, **how: Any) -> list[Check]:
        return [one for one in checks(*of, **how) if one.topic != "software"]

    monkeypatch.setattr(command, "checks", some)
    return partial(here, "doctor", cwd=tmp_path)


@pytest.fixture
def arm(chain: Running) -> Running:
    chain.arm.set(**FaultSettings().model_dump(mode="json"))
    chain.arm.set(power_cycle=True)
    return chain


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A camera that is a folder."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    cv2.imwrite(str(folder / "1.png"), image(5))
    return folder


def doctor(*options: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hil_app", "doctor", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=cwd)
    assert "Traceback" not in done.stdout + done.stderr
    return done


def camera(name: str, source: Path | str) -> list[str]:
    facts = {"index_or_path": source, "width": WIDTH, "height": HEIGHT}
    return [f"--robot.cameras.{name}.{key}={value}" for key, value in facts.items()]


def named(arm: Running) -> list[str]:
    return ["--robot.type=so101", f"--robot.port={arm.port}"]


def test_a_computer_arm_and_camera_in_order_are_ready(arm: Running, images: Path) -> None:
    before = arm.arm.report()
    nobody = ["--teleop=null", "--train.demonstrations=0"]
    done = doctor(*named(arm), *nobody, *camera("front", images), cwd=images.parent)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout
    assert [line for line in lines if line in TOPICS] == TOPICS
    assert lines[-1].startswith("Ready.")
    assert not any("✗" in line for line in lines)
    assert any(line.startswith("✓ all six motors answer") for line in lines)
    assert any(line.startswith(f"✓ front ({images}) gives 64x48") for line in lines)
    after = arm.arm.report()
    assert after["motors"] == before["motors"]
    assert after["violations"] == before["violations"]
    assert list(images.parent.iterdir()) == [images]  # no trace


def test_each_problem_is_a_line_with_its_remedy_under_it(arm: Running, hardware: Here) -> None:
    arm.arm.set(missing=["wrist_flex"], voltage=4.0, temperature={"gripper": 75})
    done = hardware(*named(arm), *camera("front", "/dev/video99"))
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    wrong = [index for index, line in enumerate(lines) if line.startswith("✗ ")]
    reported = [lines[index] for index in wrong]
    for words in (
        "wrist_flex (ID 4) does not answer",
        "the supply is below 4.5 V: 4.0 V",
        "too hot, from 60 deg C: 75 deg C at gripper",
        "front (/dev/video99) does not open",
    ):
        assert sum(words in line for line in reported) == 1
    assert all(lines[index + 1].startswith("  → ") for index in wrong)
    assert lines[-1].startswith(f"{len(reported)} problems (✗).")


def test_json_says_the_same_for_programs_and_without_an_arm_the_computer_is_looked_at() -> None:
    done = doctor("--json")
    found = json.loads(done.stdout)
    assert done.returncode == (0 if found["ok"] else 1)
    assert found["ok"] == all(finding["mark"] != "problem" for finding in found["findings"])
    assert found["ok"], found
    facts = {finding["fact"]: finding for finding in found["findings"]}
    (no_arm,) = (fact for fact in facts if fact.startswith("no arm is configured"))
    assert facts[no_arm] == {"topic": "arm", "mark": "ok", "fact": no_arm, "remedy": ""}


def test_a_leader_is_looked_at_beside_the_arm(arm: Running, hardware: Here) -> None:
    arm.arm.set(firmware={"gripper": [3, 9]})
    leader = ["--teleop.type=so101_leader", "--teleop.port=/dev/nowhere"]
    done = hardware("--json", *named(arm), *leader)
    assert done.returncode == 1
    wrong = [one for one in json.loads(done.stdout)["findings"] if one["mark"] == "problem"]
    assert [one["topic"] for one in wrong] == ["arm", "leader"]
    assert "3.9 at gripper" in wrong[0]["fact"]
    assert "There is no port /dev/nowhere" in wrong[1]["fact"]


@pytest.mark.parametrize(
    ("kind", "pad"), [("gamepad", "a pad that nobody has"), ("gamepad_hid", "1234:5678")]
)
def test_a_gamepad_that_a_run_names_and_that_is_not_there_is_a_problem(
    kind: str, pad: str, hardware: Here
) -> None:
    named = ("--env.paced=true", f"--teleop.type={kind}", f"--teleop.pad={pad}")
    done = hardware("--json", *named)
    assert done.returncode == 1
    found = json.loads(done.stdout)["findings"]
    (wrong,) = [one for one in found if one["mark"] == "problem"]
    assert wrong["topic"] == "teleop"
    assert "o gamepad" in wrong["fact"]
    assert wrong["remedy"]
    assert "no gamepad is connected" not in [one["fact"] for one in found]  # and all is well


def test_a_port_that_may_not_be_used_is_reported_with_the_group_to_join(arm: Running) -> None:
    device = os.path.realpath(arm.port)
    mode = os.stat(device).st_mode
    os.chmod(device, 0)
    try:
        command = [sys.executable, "-c", AS_OTHERS, sys.executable, "-c", HARDWARE]
        options = ("--json", "--robot.type=so101", f"--robot.port={device}")
        done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=120)
    finally:
        os.chmod(device, mode)
    assert done.returncode == 1, done.stderr
    wrong = [one for one in json.loads(done.stdout)["findings"] if one["mark"] == "problem"]
    assert wrong[0]["fact"] == f"No permission to use {device}"
    assert "usermod -aG dialout" in wrong[0]["remedy"]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--robot.typ=so101", "unknown key"),
        ("--config_path=nowhere.yaml", "nowhere.yaml"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_one_line(
    option: str, message: str, hardware: Here
) -> None:
    done = hardware(option)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1

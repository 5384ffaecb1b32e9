"""The configuration that a set-up fills: it can be used from the start, with a leader, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from configs.errors import ConfigError
from hil_app.cli.setup.draft import Draft
from hil_app.cli.setup.steps import steps_of

STEPS = ["port", "motors", "calibrate", "cameras", "limits"]


@pytest.mark.parametrize("arm", ["so101", "so100"])
@pytest.mark.parametrize("teleop", ["gamepad", "keyboard"])
def test_a_new_file_is_a_run_of_that_arm_in_real_time(
    tmp_path: Path, arm: str, teleop: str
) -> None:
    draft = Draft(tmp_path / "left arm.yaml")
    draft.begin(arm, teleop)
    draft.check()
    config = draft.config
    assert (config.robot.type, config.robot.cameras) == (arm, {})
    assert config.robot.follower is not None
    assert config.robot.follower.id == "left arm"
    assert config.manual is not None
    assert config.env.paced
    assert [step.name for step in steps_of(draft, [])] == STEPS
    assert [step.state(draft) for step in steps_of(draft, [])] == [None] * 5


def test_a_leader_has_steps_and_names_of_its_own_and_is_found_second(tmp_path: Path) -> None:
    draft = Draft(tmp_path / "mine.yaml")
    draft.begin("so101", "so101_leader")
    draft.put({("robot", "port"): "/dev/ttyACM1"})  # which a leader has by default
    draft.check()
    assert draft.arm("robot").port == "/dev/ttyACM1"
    leaders = [f"leader-{name}" for name in STEPS[:3]]
    assert [step.name for step in steps_of(draft, [])] == [*STEPS[:3], *leaders, *STEPS[3:]]
    draft.put({("teleop", "port"): "/dev/ttyACM0"})
    draft.check()
    assert draft.config.teleop is not None
    leader = draft.config.teleop.leader
    assert leader is not None
    assert (leader.port, leader.id) == ("/dev/ttyACM0", "mine_leader")


def test_what_is_wrong_anywhere_in_a_file_is_said_at_the_start(tmp_path: Path) -> None:
    draft = Draft(tmp_path / "mine.yaml")
    draft.begin("so101", "gamepad")
    draft.put({("env", "fps"): -1})
    with pytest.raises(ConfigError, match=r"mine\.yaml: env\.fps: "):
        draft.check()

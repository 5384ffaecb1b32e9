"""A run whose action has pitch and roll, from the demonstrations to the evaluation."""

import numpy as np
import pytest
from recordings import recorded
from sample_runs import tiny

from configs.load import ConfigError
from hil_app.build.assembly import Assembly
from hil_app.build.robots import make_robot
from hil_app.cli import eval as evaluate
from hil_app.control.policy import NoPolicy
from hil_app.learning.checkpoint import load_policy
from hil_app.runs.folder import find_checkpoint
from hil_app.runs.session import Session
from hil_app.runs.training import Training
from robots.kinematics import Kinematics
from teleop.device import DeviceState

WRIST = {"wrist": {"pitch_step": 4.0}}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "wrist"
    with Session(tiny(folder, processor=WRIST), "train") as session:
        Training(session).run()
    return folder


def test_every_frame_has_the_whole_action(run):
    episodes = recorded(run)
    actions = np.concatenate([episode["action"] for episode in episodes])
    wishes = np.concatenate([episode["policy_action"] for episode in episodes])
    is_intervention = np.concatenate(
        [episode["complementary_info.is_intervention"] for episode in episodes]
    ).astype(bool)
    assert actions.shape == wishes.shape == (len(is_intervention), 6)
    assert not actions[is_intervention, 3:5].any()  # the scripted operator moves the position alone
    assert np.abs(actions[~is_intervention, 3:5]).max() > 0.5
    assert (np.abs(actions[:, :5]) <= 1).all()
    assert set(np.unique(actions[:, 5])) <= {0, 1, 2}


def test_the_policy_acts_in_five_motions(run, tmp_path):
    policy = load_policy(find_checkpoint(run), seed=0)
    assert policy.config.continuous_dims == 5
    usual, own = tiny(tmp_path / "a"), tiny(tmp_path / "b", processor=WRIST)
    assert policy.config.dataset_stats == Assembly(own).policy_config.dataset_stats
    assert Assembly(usual).policy_config.continuous_dims == 3


def test_its_checkpoint_is_judged_on_its_own(run, tmp_path):
    folder = tmp_path / "judged"
    assert evaluate.run(["--checkpoint", str(run), "--output_dir", str(folder)]) == 0
    assert (folder / "summary.json").exists()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--processor.wrist=null", "processor.wrist: the policy was trained to give 5 motions"),
        ("--processor.wrist.pitch_step=5", "other workspace bounds, step sizes, gripper position"),
        ("--processor.wrist.pitch=[-9, 9]", "other workspace bounds, step sizes, gripper position"),
    ],
)
def test_it_is_not_judged_with_another_wrist(run, tmp_path, option, message):
    with pytest.raises(ConfigError, match=message):
        evaluate.run(["--checkpoint", str(run), option, "--output_dir", str(tmp_path / "not")])
    assert not (tmp_path / "not").exists()


class SecondStick:
    """A pad whose right stick is held up and to the left."""

    name = "pad"

    def poll(self):
        return DeviceState(axes={"righty": -0.8, "rightx": -0.6})

    def rumble(self, strength, seconds):
        """Nothing to feel."""


@pytest.mark.parametrize("arm", ["so100", "so101"])
def test_the_twin_s_fingers_rise_and_turn_about_a_tip_that_stays(tmp_path, arm):
    """0.8 of 4 and -0.6 of 10 degrees a tick, as the stick has it; the servos lag by two."""
    parts = {
        "robot": {"type": f"{arm}_sim"},
        "processor": WRIST,
        "env": {"control_time_s": 1.2, "paced": True},
    }
    parts["teleop"] = {"type": "gamepad", "dead_zone": 0.0, "curve": {"pitch": 1, "roll": 1}}
    config = tiny(tmp_path, **parts)
    seen = []
    with make_robot(config) as twin:
        kinematics = Kinematics(twin.spec.arm)
        parts = Assembly(config, robot=twin, device=SecondStick())
        teleop = parts.teleop("always")
        loop = parts.loop(teleop, NoPolicy(), lambda: False)
        transition = loop.reset(0)
        while not transition.done:
            joints = transition.reading.joints
            roll = kinematics.clockwise * joints[4]
            seen.append([*kinematics.tip(joints), kinematics.pitch(joints), roll])
            transition = loop.tick(transition)
    seen = np.array(seen)
    ticks = len(seen)
    assert ticks > 8
    assert np.abs(seen[:, :3] - seen[0, :3]).max() < 2e-3  # [m]
    assert (np.diff(seen[:, 3]) > 0).all()
    assert seen[-1, 3] - seen[0, 3] == pytest.approx(
        3.2 * (ticks - 1), abs=6.4
    )  # or two ticks behind
    assert seen[-1, 4] - seen[0, 4] == pytest.approx(-6 * (ticks - 1), abs=12)

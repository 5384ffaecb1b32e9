"""A recorded episode again: the same motion, or none."""

import json
import shutil
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sample_datasets import write_dataset
from sample_runs import tiny

from configs.load import ConfigError
from hil_app.__main__ import main
from hil_app.build.seeds import seed_of
from hil_app.datasets.convert import as_joints
from hil_app.datasets.places import making
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.layout import DatasetError
from hil_app.runs.dataset import recorder
from hil_app.runs.folder import EVENTS
from hil_app.runs.replaying.recorded_episode import fitted, read_recorded
from hil_app.runs.replaying.rehearsal import rehearse
from hil_app.runs.replaying.replay import Difference, Replayed
from hil_app.runs.replaying.replay import replay as do_again
from hil_app.runs.session import Session
from hil_app.runs.training import Training
from robots.arm import ARMS
from robots.base import RobotError
from robots.twin.robot import SimRobot
from teleop.base import NEUTRAL, TeleopSample
from teleop.no_teleop import NoTeleop

ALL_JOINTS = {"observation": {"joints": "all"}}
# with steps so short the arm's sag is more than one, and targets start again where it changes hands
SAGGING = {**ALL_JOINTS, "step_size": [0.02, 0.02, 0.0005]}
EPISODES = 2
OLDER = Path(__file__).parents[3] / "older_datasets.zip"


class Wanderer:
    """A policy that goes where it likes, so that the operator has to take over."""

    version = 0

    def __init__(self):
        self._random = np.random.default_rng(0)

    def refresh(self):
        pass

    def act(self, features):  # noqa: ARG002 - the Policy protocol
        move = self._random.uniform(-1, 1, 3) + np.array([0, 0, 0.3])
        return np.append(move, self._random.integers(3)).astype(np.float32)


def shared_control(folder, processor=SAGGING):
    """A dataset in which policy and operator take turns, as a training records it."""
    config = tiny(folder / "run", env={"control_time_s": 6.0}, processor=processor)
    with Session(config, "train") as session:
        teleop = session.teleop("on_take_over")
        loop = session.parts.loop(teleop, Wanderer(), session.stop)
        with (
            recorder(session.parts, folder / "run/dataset", session.events) as kept,
            session.robot,
            teleop,
        ):
            for index in range(EPISODES):
                seed = seed_of(config, "train", index)
                loop.episode(seed, [partial(kept.add, stage="train")])
    return Dataset(folder / "run/dataset")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return shared_control(tmp_path_factory.mktemp("shared"))


def config_for(folder, recorded, **changes):
    options = {"processor": SAGGING, "env": {"control_time_s": 6.0}, **changes}
    return fitted(tiny(folder / "again", **options), recorded)


def again(folder, recorded, what="actions", **changes):
    """What is told of a replay."""
    config = config_for(folder, recorded, **changes)
    if what == "actions":
        recorded = rehearse(config, recorded)
        config = fitted(config, recorded)
    with Session(config, "replay") as session:
        do_again(session, recorded, what)
    lines = (session.folder / EVENTS).read_text().splitlines()
    (reported,) = [event for line in lines if (event := json.loads(line))["event"] == "replayed"]
    return reported


def refused(folder, recorded, **changes):
    """Why actions are not replayed with this config."""
    with pytest.raises(ConfigError) as error:
        again(folder, recorded, **changes)
    assert not (folder / "again").exists(), "nothing is written, and nothing has moved"
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("episode", range(EPISODES))
def test_the_actions_lead_to_the_same_targets_bit_for_bit(shared, tmp_path, episode):
    recorded = read_recorded(shared, episode)
    assert 0 < recorded.is_intervention.sum() < len(recorded), "the arm changes hands"
    reported = again(tmp_path, recorded)
    assert (reported["frames"], reported["of"]) == (len(recorded), len(recorded))
    assert reported["targets"]["max"] == reported["targets"]["gripper_max"] == 0
    assert reported["joints"]["max"] == reported["joints"]["gripper_max"] == 0
    assert reported["success"] == shared.episodes[episode].success


def test_the_episodes_of_a_training_meet_their_own_scenes(tmp_path):
    """Of both stages: what the arm does there, and what comes of it, is as it was."""
    config = tiny(tmp_path / "run", processor=ALL_JOINTS)
    with Session(config, "train") as session:
        Training(session).run()
    dataset = Dataset(tmp_path / "run/dataset")
    stages = [about.stage for about in dataset.episodes]
    assert set(stages) == {"demonstrate", "train"}
    for episode in (stages.index("train") - 1, len(stages) - 1):
        recorded = read_recorded(dataset, episode)
        reported = again(tmp_path / str(episode), recorded, env={}, processor=ALL_JOINTS)
        assert reported["joints"]["max"] == 0
        assert reported["success"] == dataset.episodes[episode].success


def test_the_joint_targets_can_be_sent_past_the_pipeline(shared, tmp_path):
    other = {"processor": {"step_size": [0.001, 0.001, 0.001]}}
    reported = again(tmp_path, read_recorded(shared, 0), "joints", **other)
    assert reported["targets"]["max"] == reported["joints"]["max"] == 0


def test_without_measured_joints_the_targets_alone_are_compared(tmp_path):
    dataset = shared_control(tmp_path, processor={})
    recorded = replace(read_recorded(dataset, 0), joints=None, start=None)
    reported = again(tmp_path, recorded, processor={})
    assert reported["targets"]["max"] == 0
    assert "joints" not in reported


def test_an_arm_goes_to_where_the_episode_began(shared, tmp_path):
    """Its own reset pose is another now."""
    recorded = read_recorded(shared, 0)
    pose = [10.0, -30.0, 30.0, 80.0, 0.0, 45.0]
    config = config_for(tmp_path, recorded, robot={"reset_pose": pose})
    np.testing.assert_allclose(config.robot.reset_pose, recorded.start, atol=1e-5)
    reported = again(tmp_path, recorded, robot={"reset_pose": pose})
    assert reported["targets"]["max"] < 0.01
    assert reported["joints"]["max"] < 0.1


def test_a_pose_that_the_arm_sagged_from_is_still_its_reset_pose(shared, tmp_path):
    recorded = read_recorded(shared, 0)
    joints = recorded.joints.copy()
    joints[0] += (0.0, 2.5, -2.0, 1.0, 0.0, 3.0)
    sagged = replace(recorded, joints=joints, start=joints[0])
    reported = tiny(tmp_path / "again").robot.reset_pose
    assert config_for(tmp_path, sagged).robot.reset_pose == pytest.approx(reported, abs=1e-5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"env": {"fps": 20}}, "env.fps: 20, but it was recorded at 10 Hz: set --env.fps=10"),
        ({"robot": {"type": "so100_sim"}}, "robot.type: so100_sim, but so101_sim was recorded"),
        (
            {"processor": {**SAGGING, "wrist": {}}},
            "processor.wrist: the recorded actions have 4 numbers, but those of this config 6: "
            "set it to null",
        ),
    ],
)
def test_another_clock_arm_or_action_is_refused(shared, tmp_path, changes, said):
    assert refused(tmp_path, read_recorded(shared, 0), **changes) == said


@pytest.mark.parametrize(
    "processor",
    [
        {"step_size": [0.019, 0.02, 0.0005]},
        {"bounds": {"min": [0.2, -0.05, 0.05], "max": [0.3, 0.05, 0.2]}},
        {"gripper": {"max_step": 5.0}},
    ],
    ids=lambda processor: next(iter(processor)),
)
def test_a_config_that_makes_another_motion_of_the_actions_is_refused(shared, tmp_path, processor):
    said = refused(tmp_path, read_recorded(shared, 0), processor={**SAGGING, **processor})
    assert said.startswith("--episode: with this config the actions of episode 0 are not the")
    assert "--what joints" in said


def test_actions_that_begin_amid_an_episode_are_refused(shared, tmp_path):
    """They count from a target that was already elsewhere."""
    recorded = read_recorded(shared, 0)
    amid = replace(
        recorded,
        actions=recorded.actions[5:],
        sent=recorded.sent[5:],
        is_intervention=recorded.is_intervention[5:],
        joints=np.vstack([recorded.joints[:1], recorded.joints[6:]]),
    )
    assert "at frame 0 they would send" in refused(tmp_path, amid)


@pytest.fixture
def elsewhere(monkeypatch):
    """The arm does not come to where it was sent."""
    reset = SimRobot.reset

    def and_on(self, seed):
        reset(self, seed)
        for _ in range(30):
            self.command(np.array([40, 0, 0, 60, 0, 45], np.float32))

    monkeypatch.setattr(SimRobot, "reset", and_on)


@pytest.mark.usefixtures("elsewhere")
def test_an_arm_that_stands_elsewhere_does_not_jump(shared, tmp_path):
    with pytest.raises(RobotError, match="deg from where the episode began"):
        again(tmp_path, read_recorded(shared, 0))


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("what", ["actions", "joints"])
def test_a_stop_on_the_way_to_the_start_is_no_fault_and_moves_nothing(
    shared, tmp_path, monkeypatch, what
):
    command, targets = SimRobot.command, []

    def noted(self, target):
        targets.append(target)
        return command(self, target)

    monkeypatch.setattr(NoTeleop, "read", lambda _: TeleopSample(NEUTRAL, stop=True))
    monkeypatch.setattr(SimRobot, "command", noted)
    assert again(tmp_path, read_recorded(shared, 0), what)["frames"] == 1
    np.testing.assert_allclose(targets[-1][:5], [40, 0, 0, 60, 0], atol=8.0)


def test_nobody_takes_over_but_everybody_can_stop(shared):
    recorded = read_recorded(shared, 0)
    presses = TeleopSample(
        np.ones(4, np.float32), intervening=True, success=True, failure=True, rerecord=True
    )

    class Operator(NoTeleop):
        sample = presses

        def read(self):
            return self.sample

        idle = read

    operator = Operator()
    teleop = Replayed(recorded, operator)
    for poll in (teleop.read, teleop.idle):
        sample = poll()
        assert (sample.action == recorded.actions[0]).all()
        assert sample.intervening == recorded.is_intervention[0]
        assert (sample.success, sample.failure, sample.rerecord) == (False, False, False)
    for press in ("stop", "emergency_stop", "paused"):
        operator.sample = replace(presses, **{press: True})
        for poll in (teleop.read, teleop.idle):
            assert getattr(poll(), press)


def test_a_pause_skips_no_action(shared, tmp_path, monkeypatch):
    """The arm stands still for some polls, then goes on with the action that was due."""
    polls = []

    def read(self):
        polls.append(self)
        return TeleopSample(NEUTRAL, paused=4 <= len(polls) < 9)

    monkeypatch.setattr(NoTeleop, "read", read)
    reported = again(tmp_path, read_recorded(shared, 0))
    assert len(polls) > reported["frames"] == reported["of"]
    assert reported["targets"]["max"] == 0


def test_a_stop_ends_it_there(shared, tmp_path, monkeypatch):
    polls = []

    def read(self):
        polls.append(self)
        return TeleopSample(NEUTRAL, stop=len(polls) == 7)

    monkeypatch.setattr(NoTeleop, "read", read)
    reported = again(tmp_path, read_recorded(shared, 0))
    assert reported["frames"] == 7 < reported["of"]


def test_a_difference_says_where_it_is_largest():
    one, other = np.zeros((4, 6), np.float32), np.zeros((4, 6), np.float32)
    other[2, 3], other[1, 5] = 8, 4
    found = Difference.between(ARMS["so101"].spec(), one, other)
    assert (found.max, found.joint, found.frame) == (8, "wrist_flex", 2)
    assert found.mean == 0.4
    assert "at most 8.00 (wrist_flex, frame 2), gripper at most 4.0 %" in str(found)


def test_a_dataset_of_other_tools_is_refused(tmp_path):
    write_dataset(tmp_path / "data")
    info = tmp_path / "data/meta/info.json"
    content = json.loads(info.read_text())
    del content["features"]["sent"]
    info.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match="has no column sent, nor joint targets for its actions"):
        read_recorded(Dataset(tmp_path / "data"), 0)


@pytest.fixture(scope="module")
def alone(tmp_path_factory, shared):
    """The same dataset, away from its run's folder."""
    root = tmp_path_factory.mktemp("alone") / "data"
    shutil.copytree(shared.root, root)
    return root


def replayed(root, *options):
    """What the command tells of a replay of the second episode."""
    out = root.parent / f"again-{len(list(root.parent.iterdir()))}"
    fast = (f"--output_dir={out}", "--env.paced=false")
    assert main(["dataset", "replay", str(root), "--episode=1", *fast, *options]) == 0
    events = [json.loads(line) for line in (out / EVENTS).read_text().splitlines()]
    (reported,) = [event for event in events if event["event"] == "replayed"]
    return reported, [event["event"] for event in events]


def assert_as_recorded(reported):
    for name in ("targets", "joints"):
        assert reported[name]["max"] == reported[name]["gripper_max"] == 0
    assert reported["frames"] == reported["of"]


@pytest.mark.parametrize("what", ["actions", "joints"])
def test_a_dataset_alone_knows_motion_rate_and_scene(alone, what):
    """Its step size is its own, the rate is not the usual one, and no config is named."""
    reported, events = replayed(alone, f"--what={what}")
    assert_as_recorded(reported)
    assert "scene" not in events, "it is no guess"


def test_its_motion_goes_before_that_of_a_preset(alone):
    reported, _ = replayed(alone, "--config_path=sim_pick_lift_pixels")
    assert_as_recorded(reported)


def test_an_option_that_says_otherwise_is_refused(alone, tmp_path, capsys):
    options = [
        "--episode=1",
        f"--output_dir={tmp_path / 'no'}",
        "--processor.step_size=[0.1,0.1,0.1]",
    ]
    assert main(["dataset", "replay", str(alone), *options]) == 2
    assert "are not the recorded motion" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_a_scene_is_of_the_seed_that_was_recorded(shared):
    for episode in range(EPISODES):
        recorded = read_recorded(shared, episode)
        assert recorded.seed == seed_of(tiny(shared.root / "x"), *recorded.scene)


def test_joints_are_done_again_from_a_converted_dataset(alone, capsys):
    root = alone.parent / "converted"
    with making(root) as draft:
        as_joints(Dataset(alone), draft)
    reported, _ = replayed(root, "--what=joints")
    assert_as_recorded(reported)
    assert main(["dataset", "replay", str(root), "--episode=1"]) == 2
    assert "are the joint targets: --what joints" in capsys.readouterr().err


def test_a_motion_that_is_none_is_one_line(alone, tmp_path, capsys):
    """A dataset may be somebody else's: it says what its actions did, and nothing of the arm."""
    root = tmp_path / "data"
    shutil.copytree(alone, root)
    info = root / "meta/info.json"
    content = json.loads(info.read_text())
    config = content["features"]["action"]["info"]["config"]
    config["robot"]["port"] = "/dev/null"
    config["env"] = {"fps": 1}
    config["processor"]["success_classifier"] = {"checkpoint": "/"}
    info.write_text(json.dumps(content))
    reported, _ = replayed(root)
    assert_as_recorded(reported)
    config["processor"]["step_size"] = "wide"
    info.write_text(json.dumps(content))
    assert main(["dataset", "replay", str(root), "--episode=1"]) == 2
    said = capsys.readouterr().err
    assert "processor.step_size" in said
    assert said.count("\n") == 1


@pytest.fixture
def older(tmp_path):
    """A run's folder of an earlier version."""
    with zipfile.ZipFile(OLDER) as file:
        file.extractall(tmp_path)
    return tmp_path / "run"


@pytest.mark.parametrize("what", ["actions", "joints"])
def test_what_an_earlier_version_recorded_is_done_with_its_runs_config(older, what):
    """In the scene of its run's seed, which is all that is known."""
    reported, events = replayed(older / "dataset", f"--what={what}")
    assert_as_recorded(reported)
    assert "scene" in events


def test_without_its_run_it_asks_for_a_config(older, capsys):
    (older / "dataset").rename(older / "moved")
    assert main(["dataset", "replay", str(older / "moved"), "--episode=0"]) == 2
    assert "name that run's config.yaml, or the preset" in capsys.readouterr().err
    reported, _ = replayed(older / "moved", f"--config_path={older / 'config.yaml'}")
    assert_as_recorded(reported)

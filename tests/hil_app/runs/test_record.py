"""Episodes into a dataset: by an operator alone, or by a policy that an operator corrects."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from recordings import recorded, stages
from sample_runs import tiny

from configs.load import ConfigError
from configs.task import TaskConfig
from hil_app.build.assembly import Assembly
from hil_app.cli import run_command as run_command
from hil_app.cli.trained import learned_policy
from hil_app.control.outcomes import RECORD
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.layout import DatasetError
from hil_app.recording.writer import DatasetWriter
from hil_app.runs import report
from hil_app.runs.dataset import root_of, spec_of
from hil_app.runs.folder import EVENTS, find_checkpoint
from hil_app.runs.record import record
from hil_app.runs.session import Session
from hil_app.runs.teleoperation import teleoperate
from hil_app.runs.training import Training
from robots.twin.robot import SimRobot
from teleop.scripted import ScriptedTeleop


def recording(folder, checkpoint=None, **changes):
    """A session in which episodes are recorded, when it is over."""
    options = {"dataset": {"num_episodes": 3, **changes.pop("dataset", {})}, **changes}
    config = tiny(folder, **options)
    with Session(config, "record") as session:
        record(session, None if checkpoint is None else learned_policy(config, checkpoint))
    return session


def reported(session, name):
    lines = (session.folder / EVENTS).read_text().splitlines()
    return [event for line in lines if (event := json.loads(line))["event"] == name]


def starts(episodes):
    """What was seen first in each."""
    return [episode["observation.environment_state"][0].tobytes() for episode in episodes]


@pytest.fixture
def throwing(monkeypatch):
    """The operator asks in so many polls to record the episode again."""
    read, reads = ScriptedTeleop.read, []

    def at(*polls):
        def poll(self):
            reads.append(self)
            return replace(read(self), rerecord=len(reads) in polls)

        monkeypatch.setattr(ScriptedTeleop, "read", poll)

    return at


def test_an_operator_shows_the_task_as_often_as_wanted(tmp_path):
    session = recording(tmp_path / "run")
    episodes = recorded(session.folder)
    assert stages(session.folder) == [RECORD] * 3
    assert all(episode["complementary_info.is_intervention"].all() for episode in episodes)
    assert len(set(starts(episodes))) == 3
    (stage,) = session.monitor.stages
    assert [len(episode["action"]) for episode in episodes] == [e.ticks for e in stage.episodes]
    assert [bool(e["next.success"].any()) for e in episodes] == [e.success for e in stage.episodes]


def test_the_dataset_says_what_it_holds(tmp_path):
    session = recording(tmp_path / "run", dataset={"num_episodes": 1})
    dataset = Dataset(session.folder / "dataset")
    assert (dataset.fps, dataset.robot_type) == (10.0, "so101_sim")
    assert dataset.episodes[0].tasks == ("Pick up the cube and lift it",)
    names = dataset.features["observation.state"].names
    assert names[:4] == ("gripper.pos", "ee.x", "ee.y", "ee.z")
    objects = dataset.features["observation.environment_state"].names
    assert objects == ("object.x", "object.y", "object.z")
    assert dataset.features["action"].names == ("delta_x", "delta_y", "delta_z", "gripper")
    np.testing.assert_allclose(recorded(session.folder)[0]["sent"][0, 5], 45, atol=1)


def test_with_a_wrist_the_action_has_its_motions():
    config = tiny("nowhere", processor={"wrist": {}})
    names = spec_of(Assembly(config)).names["action"]
    assert names == ("delta_x", "delta_y", "delta_z", "delta_pitch", "delta_roll", "gripper")


@pytest.mark.parametrize(
    ("changes", "task"),
    [
        ({"dataset": {"task": "stack the cubes"}}, "stack the cubes"),
        ({"robot": {"task": "reach"}}, "Bring the gripper to the point"),
        (
            {
                "robot": {"type": "so101"},
                "env": {"paced": True},
                "learner": {"mode": "background"},
                "processor": {"observation": {"object": None}},
            },
            TaskConfig.label,
        ),
    ],
    ids=["named", "of the simulated world", "of an arm that is not connected"],
)
def test_the_task_in_words(changes, task):
    config = tiny("nowhere", **changes)
    assert spec_of(Assembly(config)).task == task


def test_an_episode_to_record_again_is_thrown_away_and_starts_from_the_same_scene(
    tmp_path, throwing
):
    usual = recording(tmp_path / "usual")
    throwing(4, 7)
    session = recording(tmp_path / "run")
    announced = reported(session, "episode")
    assert [event["rerecord"] for event in announced] == [True, True, False, False, False]
    assert len({event["seed"] for event in announced[:3]}) == 1
    episodes = recorded(session.folder)
    assert starts(episodes) == starts(recorded(usual.folder))
    assert [len(e["action"]) for e in episodes] == [e["ticks"] for e in announced[2:]]


def test_a_dataset_that_is_there_is_gone_on_with(tmp_path):
    root = tmp_path / "data"
    whole = recording(tmp_path / "whole", dataset={"num_episodes": 5})
    first = recording(tmp_path / "first", dataset={"root": str(root)})
    before = [episode["action"].tobytes() for episode in recorded(tmp_path, root)]
    more = recording(tmp_path / "more", dataset={"root": str(root), "num_episodes": 2})
    episodes = recorded(tmp_path, root)
    assert [episode["action"].tobytes() for episode in episodes[:3]] == before
    assert starts(episodes) == starts(recorded(whole.folder))  # never the same scene twice
    assert not reported(first, "dataset_goes_on")
    (event,) = reported(more, "dataset_goes_on")
    assert event["note"].startswith(f"{root} has 3 episodes")
    assert not (first.folder / "dataset").exists()
    assert report.summarize(more.monitor, ended="finished")["dataset"]["new"] == 2


def test_what_a_crash_left_is_brought_back_and_told(tmp_path):
    root = tmp_path / "data"
    recording(tmp_path / "first", dataset={"root": str(root), "num_episodes": 1})
    whole = list(Dataset(root).frames(0))
    config = tiny("nowhere", dataset={"root": str(root)})
    writer = DatasetWriter(root, spec_of(Assembly(config)))
    for frame in whole[:4]:
        writer.add(frame, "record")
    writer.close()  # as if the process had been killed
    session = recording(tmp_path / "more", dataset={"root": str(root), "num_episodes": 1})
    (event,) = reported(session, "dataset_repaired")
    assert "brought back episode 1 with 4 frames" in event["note"]
    lengths = [len(episode["action"]) for episode in recorded(tmp_path, root)]
    assert lengths[:2] == [len(whole), 4]
    assert len(lengths) == 3
    assert recorded(tmp_path, root)[1]["next.truncated"].tolist() == [False] * 3 + [True]


def test_a_dataset_that_does_not_fit_is_refused_in_a_line(tmp_path):
    root = str(tmp_path / "data")
    recording(tmp_path / "first", dataset={"root": root, "num_episodes": 1})
    with pytest.raises(DatasetError, match="10 frames a second, not 20") as refused:
        recording(tmp_path / "other", dataset={"root": root}, env={"fps": 20})
    assert "\n" not in str(refused.value)
    assert len(recorded(tmp_path, tmp_path / "data")) == 1


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A checkpoint of a policy that has learned little."""
    with Session(tiny(tmp_path_factory.mktemp("trained") / "run"), "train") as session:
        Training(session).run()
    return find_checkpoint(session.folder)


def test_over_a_checkpoint_the_policy_acts_and_the_operator_takes_over(trained, tmp_path):
    stalled = {"intervention": {"free_s": 0.4, "stall_s": 0.4}}
    session = recording(tmp_path / "run", trained, teleop=stalled)
    episodes = recorded(session.folder)
    is_intervention = np.concatenate([e["complementary_info.is_intervention"] for e in episodes])
    acted, wanted = (
        np.concatenate([e[key] for e in episodes]) for key in ("action", "policy_action")
    )
    assert 0 < is_intervention.sum() < len(is_intervention)
    np.testing.assert_array_equal(acted[~is_intervention], wanted[~is_intervention])
    assert (acted[is_intervention] != wanted[is_intervention]).any(axis=1).all()
    updates = json.loads((trained / "state.json").read_text())["updates"]
    assert updates > 0
    assert {v for e in episodes for v in e["weights_version"].tolist()} == {updates}


def test_nobody_but_a_policy_can_be_recorded_without_an_operator(trained, tmp_path):
    alone = {"teleop": None, "train": {"demonstrations": 0}}
    with pytest.raises(ConfigError, match="teleop: nobody is there to show the task"):
        run_command.record(tiny(tmp_path / "none", **alone))
    assert not (tmp_path / "none").exists()
    session = recording(tmp_path / "run", trained, **alone)
    flags = [e["complementary_info.is_intervention"].any() for e in recorded(session.folder)]
    assert flags == [False] * 3


def test_teleoperation_records_into_the_same_place(tmp_path):
    root = tmp_path / "data"
    wanted = {"teleoperate": {"record": True, "episodes": 2}, "dataset": {"root": str(root)}}
    for run in ("first", "more"):
        with Session(tiny(tmp_path / run, **wanted), "teleoperate") as session:
            teleoperate(session)
    assert len(recorded(tmp_path, root)) == 4
    assert {episode.stage for episode in Dataset(root).episodes} == {"teleoperate"}
    with Session(tiny(tmp_path / "none", teleoperate={"episodes": 1}), "teleoperate") as session:
        teleoperate(session)
    assert not (session.folder / "dataset").exists()


def test_a_training_keeps_its_dataset_in_its_own_folder(tmp_path):
    config = tiny(tmp_path / "run", dataset={"root": str(tmp_path / "data")})
    with pytest.raises(ConfigError, match=r"dataset\.root: a training keeps its dataset") as no:
        run_command.train(config, "train")
    assert "\n" not in str(no.value)
    assert not (tmp_path / "run").exists()
    assert root_of(tiny(tmp_path / "run"), tmp_path / "run") == tmp_path / "run" / "dataset"


@pytest.mark.parametrize("codec", ["h264", "av1"])
def test_images_are_encoded_as_wanted(codec, tmp_path, monkeypatch):
    """The coarser, the smaller; and the file says which codec it is of."""
    renderer = SimpleNamespace(paint=drawn, close=lambda: None)  # needs no OpenGL
    monkeypatch.setattr(SimRobot, "_renderer", lambda *_args, **_options: renderer)
    sizes = []
    for crf in (10, 45):
        wanted = {"num_episodes": 1, "encoding": {"codec": codec, "crf": crf}}
        eye = {"cameras": {"eye": {"width": 64, "height": 64}}}
        session = recording(tmp_path / str(crf), dataset=wanted, robot=eye)
        (film,) = (session.folder / "dataset" / "videos").rglob("*.mp4")
        sizes.append(film.stat().st_size)
        dataset = Dataset(session.folder / "dataset")
        info = dataset.features["observation.images.eye"].info
        assert info["video.codec"] == codec
    assert sizes[0] > 2 * sizes[1]


def drawn(_data, _view):
    """An image that no codec can make small without loss."""
    return np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)

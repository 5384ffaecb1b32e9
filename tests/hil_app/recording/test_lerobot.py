"""Datasets go both ways between hil-app and lerobot 0.4.4, which runs in an environment of its own.

`lerobot_env.py` says how that is made, and in what it differs from what lerobot's authors have.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

import av
import lerobot_checks as check
import numpy as np
import pytest
import sample_datasets as sample
from lerobot_env import LeRobot, environment

from configs.load import merge, read, validate
from hil_app.build.assembly import Assembly
from hil_app.control.policy import NoPolicy
from hil_app.datasets.convert import as_joints
from hil_app.datasets.editing.change import edit_in_place, undo
from hil_app.datasets.editing.edits import Delete, Mark, Trim
from hil_app.datasets.places import making
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.layout import INFO
from hil_app.recording.frames import Frame
from hil_app.recording.writer import DatasetWriter
from hil_app.runs.dataset import recorder
from hil_app.support.events import EventLog

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

TASK = "lift the cube"
TWIN = {
    "robot": {
        "cameras": {
            "front": {"view": "front", "width": 128, "height": 96},
            "wrist": {"view": "wrist", "width": 64, "height": 64},
        }
    },
    "env": {"control_time_s": 4.0},
    "dataset": {"task": TASK},
}


@pytest.fixture(scope="module")
def lerobot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LeRobot]:
    work = tmp_path_factory.mktemp("lerobot")
    yield LeRobot(environment(work), work)
    shutil.rmtree(work)  # more than a gigabyte


def record_on_the_twin(root: Path, count: int) -> tuple[list[list[Frame]], int]:
    """Episodes in which an operator helps a policy that wants nothing; returns frames and fps."""
    config = validate(merge(read("sim_pick_lift_pixels"), TWIN))
    episodes: list[list[Frame]] = [[] for _ in range(count)]
    parts = Assembly(config)
    with (
        parts.robot,
        parts.teleop("on_take_over") as teleop,
        EventLog() as events,
        recorder(parts, root, events) as kept,
    ):
        loop = parts.loop(teleop, NoPolicy(), lambda: False)
        for seed, frames in enumerate(episodes):
            loop.episode(seed, [frames.append, partial(kept.add, stage="record")])
    return episodes, int(config.env.fps)


def test_what_is_recorded_on_the_twin_opens_in_lerobot(lerobot: LeRobot, tmp_path: Path) -> None:
    root = tmp_path / "twin"
    episodes, fps = record_on_the_twin(root, 3)
    assert {frame.is_intervention for frame in chain(*episodes)} == {False, True}
    seen = lerobot.read(root, *check.STATE)
    check.everything_is_as(seen, episodes, fps)
    check.facts_are_as(seen, episodes, fps, TASK)
    check.parts_are_as(seen, episodes)
    check.buffer_is_as(seen, episodes)
    check.stats_are_as(seen, episodes, fps)
    check.images_are_ours(seen, root)


def test_what_the_command_records_opens_in_lerobot(lerobot: LeRobot, tmp_path: Path) -> None:
    root = tmp_path / "recorded"
    command = [sys.executable, "-m", "hil_app", "record", f"--dataset.root={root}"]
    options = ["--dataset.num_episodes=2", "--env.control_time_s=3", "--dataset.encoding.codec=av1"]
    subprocess.run([*command, *options], cwd=tmp_path, check=True, timeout=200)
    seen, dataset = lerobot.read(root, *check.STATE), Dataset(root)
    assert seen.facts["episodes"] == 2
    columns = [dataset.columns(episode) for episode in range(2)]
    assert set(seen["all"]) == {*columns[0], *check.CAMERAS, "task"}
    for key in columns[0]:
        check.same(seen["all"][key], np.concatenate([part[key] for part in columns]))
    check.images_are_ours(seen, root)


@pytest.mark.parametrize("codec", ["h264", "av1"])
def test_every_image_is_at_its_place(lerobot: LeRobot, tmp_path: Path, codec: str) -> None:
    root = tmp_path / codec
    episodes = sample.write_dataset(root, codec=codec)
    seen = lerobot.read(root, *check.STATE)
    assert check.identified_images(seen["all"]) == [
        (episode, number)
        for episode, frames in enumerate(episodes)
        for number in range(len(frames))
    ]
    check.everything_is_as(seen, episodes, sample.FPS)
    check.facts_are_as(seen, episodes, sample.FPS, TASK)
    check.parts_are_as(seen, episodes)
    check.buffer_is_as(seen, episodes)
    check.stats_are_as(seen, episodes, sample.FPS)
    for video in root.rglob("*.mp4"):  # what torchcodec, lerobot's other reader, counts images by
        with av.open(str(video)) as file:
            stream = file.streams.video[0]
            assert (stream.start_time, stream.average_rate) == (0, sample.FPS)
            length = len(episodes[int(video.stem.removeprefix("file-"))])
            assert stream.frames == length + 1


def test_it_opens_while_an_episode_is_under_way(lerobot: LeRobot, tmp_path: Path) -> None:
    """Even in the moment in which a finished one does not count yet."""
    root = tmp_path / "growing"
    episodes = sample.write_dataset(root)
    info = (root / INFO).read_bytes()
    writer = DatasetWriter(root, sample.spec())
    for frame in sample.episode(3, 5):
        writer.add(frame, "record")
    writer.finish()
    for frame in sample.episode(4, 5)[:-1]:
        writer.add(frame, "record")
    (root / INFO).write_bytes(info)
    seen = lerobot.read(root, *check.STATE)
    writer.close()
    assert check.identified_images(seen["all"]) == check.places(episodes)
    check.everything_is_as(seen, episodes, sample.FPS)
    check.parts_are_as(seen, episodes)


def test_its_act_trains_on_our_joints(lerobot: LeRobot, tmp_path: Path) -> None:
    """It takes the measured joints for the state and joint targets for actions, and no other."""
    episodes, _ = record_on_the_twin(tmp_path / "twin", 2)
    root, frames = tmp_path / "joints", list(chain(*episodes))
    with making(root) as draft:
        as_joints(Dataset(tmp_path / "twin"), draft)
    found = lerobot.read(root)["all"]
    sent = np.stack([frame.sent for frame in frames])
    check.same(found["action"], sent)
    joints = np.stack([frame.reading.joints for frame in frames])
    check.same(found["observation.state"], joints)
    for key in check.CAMERAS:
        images = np.stack([frame.observation[key] for frame in frames])
        check.close(found[key], check.coarse_colours(images), check.WORST, check.MEAN)
    done = lerobot.train_act(root, steps=12)
    assert done["inputs"] == {
        "observation.state": [6],
        "observation.images.front": [3, 96, 128],
        "observation.images.wrist": [3, 64, 64],
    }
    assert done["outputs"] == {"action": [6]}
    assert np.isfinite(done["losses"]).all()
    assert done["losses"][-1] < done["losses"][0]
    low, high = sent.min(axis=0) - 30, sent.max(axis=0) + 30
    assert ((low < done["action"]) & (done["action"] < high)).all(), "of the arm's own units"


def test_its_tools_edit_our_datasets(lerobot: LeRobot) -> None:
    """Merge, delete, split, merge again: each time both sides read what should be there."""
    home = lerobot.datasets / "me"
    episodes = sample.write_dataset(home / "a")
    episodes += sample.write_dataset(
        home / "b", [sample.episode(3, 5), sample.episode(4, 7, success=False)]
    )

    def edit(name: str, kind: str, *options: str) -> None:
        lerobot.edit(f"--repo_id=me/{name}", f"--operation.type={kind}", *options)

    def holds(name: str, *kept: int, lasts: Sequence[int] = ()) -> None:
        """``lasts`` are the episodes that still have what was seen last."""
        rows = [(episode, n) for episode in kept for n in range(len(episodes[episode]))]
        assert check.identified_images(lerobot.read(home / name, *check.STATE)["all"]) == rows
        assert check.read_by_us(home / name) == [
            step for e in kept for step in check.steps(e, episodes[e], last_seen=e in lasts)
        ]

    edit("all", "merge", "--operation.repo_ids=['me/a', 'me/b']")
    holds("all", 0, 1, 2, 3, 4, lasts=(0, 1, 2, 3, 4))
    edit("all", "delete_episodes", "--new_repo_id=me/some", "--operation.episode_indices=[1, 3]")
    holds("some", 0, 2, 4)
    edit("a", "split", '--operation.splits={"train": [0, 2], "val": [1]}')
    holds("a_train", 0, 2)
    holds("a_val", 1)
    edit("again", "merge", "--operation.repo_ids=['me/a_val', 'me/b', 'me/a_train']")
    holds("again", 1, 3, 4, 0, 2, lasts=(3, 4))
    edit("b", "remove_feature", "--new_repo_id=me/less", "--operation.feature_names=['sent']")
    holds("less", 3, 4, lasts=(3, 4))
    edit("b", "info")


EDIT = (Delete(episode=0), Trim(episode=1, first=3, last=7), Mark(episode=2, success=False))
KEPT = [*((1, n) for n in range(3, 8)), *((2, n) for n in range(4))]  # episode and frame


@pytest.mark.parametrize("codec", ["h264", "av1"])
def test_what_is_edited_opens_in_lerobot(lerobot: LeRobot, tmp_path: Path, codec: str) -> None:
    root = tmp_path / codec
    episodes = sample.write_dataset(root, codec=codec)
    edit_in_place(root, EDIT)
    seen, dataset = lerobot.read(root, *check.STATE), Dataset(root)
    assert seen.facts["lengths"] == [5, 4]
    assert check.identified_images(seen["all"]) == KEPT
    for key in dataset.columns(0):
        both = np.concatenate([dataset.columns(episode)[key] for episode in range(2)])
        check.same(seen["all"][key], both)
    actions = [episodes[episode][number].action for episode, number in KEPT]
    check.same(seen["all"]["action"], np.stack(actions))
    check.images_are_ours(seen, root)
    assert check.read_by_us(root) == [(episode, n, n + 1) for episode, n in KEPT]
    undo(root)
    assert check.identified_images(lerobot.read(root)["all"]) == check.places(episodes)


def test_what_its_own_tools_record_opens_there_when_it_is_edited(
    lerobot: LeRobot, tmp_path: Path
) -> None:
    """Its files of videos, which episodes share, stay whole: only times are others."""
    recorded = [sample.episode(e, length) for e, length in enumerate((6, 9, 4))]
    frames = list(chain(*recorded))
    keys = (sample.STATE, *check.CAMERAS)
    columns = {key: np.stack([frame.observation[key] for frame in frames]) for key in keys}
    columns["action"] = np.stack([frame.action for frame in frames])
    columns["ends"] = np.array([frame.done for frame in frames])
    columns["task"] = np.repeat(("lift", "lower", "lift"), (6, 9, 4))
    root = tmp_path / "theirs_edited"
    lerobot.write(columns, root, sample.FPS)
    edit_in_place(root, EDIT)
    seen = lerobot.read(root)  # no rewards: no buffer of its own
    assert check.identified_images(seen["all"]) == KEPT
    check.images_are_ours(seen, root)
    actions = [recorded[episode][number].action for episode, number in KEPT]
    check.same(seen["all"]["action"], np.stack(actions))
    steps = [(e, n, n + 1) for e, n in KEPT if (e, n) != (2, 3)]  # it has no state after its last
    assert check.read_by_us(root) == steps
    edit_in_place(root, (Trim(episode=0, first=1, last=2),))
    assert check.identified_images(lerobot.read(root)["all"]) == [KEPT[1], KEPT[2], *KEPT[5:]]


def test_a_dataset_is_gone_on_with_after_its_tasks_were_renamed(lerobot: LeRobot) -> None:
    root = lerobot.datasets / "me/renamed"
    episodes = sample.write_dataset(root)
    rename = ("--operation.type=modify_tasks", "--operation.new_task=stack the cubes")
    lerobot.edit("--repo_id=me/renamed", *rename)
    later = [sample.episode(3, 5)]
    sample.write_dataset(root, later)
    seen = lerobot.read(root, *check.STATE)
    assert seen.facts["tasks"] == {"stack the cubes": 0, TASK: 1}
    assert seen.facts["episode_tasks"] == [["stack the cubes"]] * 3 + [[TASK]]
    assert list(seen["all"]["task"][-6:]) == ["stack the cubes"] + [TASK] * 5
    assert check.read_by_us(root) == [
        step for e, frames in enumerate(episodes + later) for step in check.steps(e, frames, True)
    ]


def test_we_read_what_its_own_tools_record(lerobot: LeRobot, tmp_path: Path) -> None:
    """Several episodes share its files; what it does not record has the defaults that we state."""
    lengths, tasks = (6, 9, 4), ("lift", "lower", "lift")
    recorded = [sample.episode(e, length) for e, length in enumerate(lengths)]
    frames = list(chain(*recorded))
    columns = {
        **{
            key: np.stack([frame.observation[key] for frame in frames])
            for key in frames[0].observation
        },
        "action": np.stack([frame.action for frame in frames]),
    }
    ends = np.array([frame.done for frame in frames])
    root = tmp_path / "theirs"
    described = {"ends": ends, "task": np.repeat(tasks, lengths)}
    lerobot.write({**columns, **described}, root, sample.FPS)
    assert len(list(root.rglob("data/*/*"))) == 1
    assert len(list(root.rglob("*.mp4"))) == len(check.CAMERAS)
    dataset = Dataset(root)
    assert (len(dataset), dataset.fps, dataset.cameras) == (19, sample.FPS, sample.CAMERAS)
    assert [episode.length for episode in dataset.episodes] == list(lengths)
    assert [episode.tasks for episode in dataset.episodes] == [(task,) for task in tasks]
    facts = {(e.stage, e.success, e.recovered) for e in dataset.episodes}
    assert facts == {(None, None, False)}
    for episode, wanted in enumerate(recorded):
        found = list(dataset.frames(episode))
        assert len(found) == len(wanted) - 1  # it has no state after the last
        for ours, theirs in zip(wanted, found, strict=False):
            np.testing.assert_array_equal(
                theirs.observation[sample.STATE], ours.observation[sample.STATE]
            )
            np.testing.assert_array_equal(theirs.action, ours.action)
            np.testing.assert_array_equal(theirs.policy_action, ours.action)
            assert (theirs.reward, theirs.discrete_penalty, theirs.weights_version) == (0, 0, 0)
            assert theirs.is_intervention
            assert not theirs.success
            assert not theirs.terminated
        assert [frame.truncated for frame in found] == [False] * (len(found) - 1) + [True]
    assert check.read_by_us(root) == [
        (e, n, n + 1) for e, length in enumerate(lengths) for n in range(length - 1)
    ]


def test_we_read_its_rewards_and_ends(lerobot: LeRobot, tmp_path: Path) -> None:
    """It calls the time limit done, too: only an end with a reward is one by the task."""
    recorded = [sample.episode(0, 5), sample.episode(1, 6, success=False)]
    frames = list(chain(*recorded))
    ends = np.array([frame.done for frame in frames])
    columns = {
        sample.STATE: np.stack([frame.observation[sample.STATE] for frame in frames]),
        "action": np.stack([frame.action for frame in frames]),
        "next.reward": np.float32([[frame.reward] for frame in frames]),
        "next.done": ends[:, None],
        "complementary_info.discrete_penalty": np.float32(
            [[frame.discrete_penalty] for frame in frames]
        ),
        "ends": ends,
        "task": np.array(["lift"] * len(frames)),
    }
    root = tmp_path / "rewarded"
    lerobot.write(columns, root, sample.FPS)
    dataset = Dataset(root)
    one, two = (list(dataset.frames(episode)) for episode in range(2))
    assert [frame.reward for frame in one] == [0, 0, 0, 0, 1]
    assert [frame.discrete_penalty for frame in one] == [0, -0.5, 0, -0.5, 0]
    assert (one[-1].terminated, one[-1].truncated, one[-1].success) == (True, False, True)
    assert len(two) == 5
    assert (two[-1].terminated, two[-1].truncated, two[-1].success) == (False, True, False)

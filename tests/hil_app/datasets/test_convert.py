"""A dataset as joints: what was measured and sent, and the images as they are."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from sample_datasets import CAMERAS, episode, identified, write_dataset

from hil_app.datasets.convert import as_joints
from hil_app.datasets.joints import Joints
from hil_app.datasets.places import making
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.columns import SENSED
from hil_app.recording.format.layout import INFO, DatasetError
from hil_app.recording.format.stats import of_column, read_stats
from hil_app.recording.mending.damage import damage
from hil_app.recording.mending.repair import repair
from robots.base import JOINTS

OLDER = Path(__file__).parents[2] / "older_datasets.zip"
NAMES = tuple(f"{joint}.pos" for joint in JOINTS)
PLACES = {"timestamp", "frame_index", "episode_index", "index", "task_index"}


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    write_dataset(tmp_path / "data")
    return Dataset(tmp_path / "data")


def converted(data: Dataset, name: str = "joints") -> Dataset:
    root = data.root.parent / name
    with making(root) as draft:
        as_joints(data, draft)
    return Dataset(root)


def refused(data: Dataset) -> str:
    with pytest.raises(DatasetError) as error:
        converted(data)
    assert not (data.root.parent / "joints").exists()
    assert "\n" not in str(error.value)
    return str(error.value)


def test_states_are_measured_joints_and_actions_are_joint_targets(data: Dataset) -> None:
    made = converted(data)
    assert {*made.features} == {"observation.state", "action", *PLACES, *data.info.cameras.values()}
    for key in ("observation.state", "action"):
        assert made.features[key].names == NAMES
        assert made.features[key].info == {"units": ["deg"] * 5 + ["%"]}
    for number in range(3):
        frames, columns = list(data.frames(number)), made.columns(number)
        seen = np.stack([frame.reading.joints for frame in frames])
        np.testing.assert_array_equal(columns["observation.state"], seen)
        np.testing.assert_array_equal(columns["action"], [frame.sent for frame in frames])
        final = made.final(number)
        assert final is not None
        last = frames[-1].next_reading.joints
        np.testing.assert_array_equal(final["observation.state"], last)
        for key in PLACES:
            np.testing.assert_array_equal(columns[key], data.columns(number)[key])


def test_videos_and_what_is_known_of_episodes_stay(data: Dataset) -> None:
    made = converted(data)
    assert made.episodes == data.episodes
    assert (made.fps, made.robot_type, made.cameras) == (data.fps, data.robot_type, CAMERAS)
    for path in data.root.rglob("*.mp4"):
        assert (made.root / path.relative_to(data.root)).read_bytes() == path.read_bytes()
    for number, length in enumerate((6, 9, 4)):
        images = [identified(image)[1:] for image in made.images(number, "wrist")]
        assert images == [(number, n) for n in range(length + 1)]


def test_statistics_are_of_the_new_columns(data: Dataset) -> None:
    made = converted(data)
    before, stats = read_stats(data.root), read_stats(made.root)
    assert stats.keys() == made.features.keys()
    actions = np.concatenate([data.columns(number)["sent"] for number in range(3)])
    for name in ("min", "max", "mean", "std", "count"):
        wanted = of_column(actions)[name]
        np.testing.assert_allclose(stats["action"][name], wanted, rtol=1e-5, atol=1e-9)
        key = "observation.images.front"
        np.testing.assert_allclose(stats[key][name], before[key][name])


def test_it_is_whole_and_needs_no_repair(data: Dataset) -> None:
    made = converted(data)
    assert list(damage(made)) == []
    assert not repair(made.root).anything
    table = pq.read_table(made.root / "meta/episodes/chunk-000/file-000.parquet")
    assert not [name for name in table.column_names if name.removeprefix("stats/") in SENSED]


def test_what_was_converted_can_be_converted_again(data: Dataset) -> None:
    made = converted(data)
    again = converted(made, "again")
    for number in range(3):
        for key, values in made.columns(number).items():
            np.testing.assert_array_equal(again.columns(number)[key], values)


@pytest.fixture
def older(tmp_path: Path) -> Path:
    with zipfile.ZipFile(OLDER) as file:
        file.extractall(tmp_path)
    return tmp_path


def test_an_older_dataset_whose_policy_saw_the_joints_has_them(older: Path) -> None:
    data = Dataset(older / "run/dataset")
    made = converted(data)
    joints = Joints.of(data)
    assert joints.measured == "observation.state"
    assert joints.units == ("deg",) * 5 + ("%",)
    measured = joints.at(data, 1)
    assert measured is not None
    assert measured.shape == (61, 6)
    np.testing.assert_array_equal(made.columns(1)["observation.state"], measured[:-1])
    np.testing.assert_array_equal(made.columns(1)["action"], data.columns(1)["sent"])
    assert made.features["action"].names == NAMES


def test_one_whose_policy_did_not_says_what_it_lacks(older: Path) -> None:
    said = refused(Dataset(older / "pictures"))
    assert "joints were not recorded: it was begun by an earlier version" in said


def test_a_dataset_of_other_tools_is_refused(data: Dataset) -> None:
    path = data.root / INFO
    content = json.loads(path.read_text())
    del content["features"]["sent"]
    path.write_text(json.dumps(content))
    said = refused(Dataset(data.root))
    assert "has no column sent, nor joint targets for its actions" in said


@pytest.mark.parametrize("what", ["video", "joint"])
def test_what_is_damaged_is_named_and_nothing_is_made(tmp_path: Path, what: str) -> None:
    sent = np.array([0, 1, np.nan, 3, 4, 5], np.float32)
    changes: dict[int, dict[str, Any]] = {2: {"sent": sent}} if what == "joint" else {}
    write_dataset(tmp_path / "data", [episode(0, 4, changes=changes)])
    data = Dataset(tmp_path / "data")
    if what == "video":
        next(data.root.rglob("*.mp4")).write_bytes(b"damaged")
        assert "episode 0, observation.images." in refused(data)
    else:
        assert "episode 0, frame 2: sent[2] (elbow_flex.pos) is nan" in refused(data)


def test_the_command(data: Dataset, tmp_path: Path) -> None:
    def run(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "hil_app", "dataset", "convert", str(data.root)]
        return subprocess.run(
            [*command, *options], capture_output=True, text=True, timeout=120, check=False
        )

    done = run("--out", str(tmp_path / "new"), "--as", "joints")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == f"{tmp_path / 'new'}: 3 episodes, 19 frames"
    assert "shoulder_pan.pos [deg]" in done.stdout
    again = run("--out", str(tmp_path / "new"), "--as", "joints")
    assert (again.returncode, again.stdout) == (1, "")
    assert "is not empty: name a new folder" in again.stderr

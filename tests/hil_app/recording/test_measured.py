"""What a robot measured is in the dataset, whatever the policy sees; older ones are without."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sample_datasets import STATE, episode, identified, spec, write_dataset
from sample_runs import tiny

from configs.learning.policy import FeatureType, GaussianActorConfig, PolicyFeature
from configs.names import ACTION
from hil_app.datasets.to_buffer import Source, buffer_from_dataset
from hil_app.learning.networks.actor import GaussianActorPolicy
from hil_app.recording import dataset as reading
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.columns import SENSED, grouped, sensed_names, sensed_units
from hil_app.recording.format.layout import INFO, JOURNAL, DatasetError
from hil_app.recording.frames import Frame
from hil_app.recording.mending.repair import repair
from hil_app.recording.writer import DatasetWriter
from hil_app.runs.dataset import recorder
from hil_app.runs.folder import EVENTS
from hil_app.runs.session import Session
from robots.base import Reading

OLDER = Path(__file__).parents[2] / "older_datasets.zip"  # without a column of SENSED and a seed


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A folder with ``images``, two episodes and one cut short, and ``run``, a run's folder."""
    with zipfile.ZipFile(OLDER) as file:
        file.extractall(tmp_path / "older")
    return tmp_path / "older"


def policy() -> GaussianActorPolicy:
    """One that sees the two numbers of the samples' state."""
    return GaussianActorPolicy(
        GaussianActorConfig(
            input_features={STATE: PolicyFeature(FeatureType.STATE, (2,))},
            output_features={ACTION: PolicyFeature(FeatureType.ACTION, (3,))},
            num_discrete_actions=3,
        )
    )


def test_columns_have_names_and_units(tmp_path: Path) -> None:
    write_dataset(tmp_path, [episode(0, 3)])
    features = json.loads((tmp_path / INFO).read_text())["features"]
    measured = {key: f for key, f in features.items() if key.startswith("measured.")}
    assert list(measured) == [
        f"measured.{what}"
        for what in ("joints", "velocities", "currents", "temperatures", "environment_state")
    ], "loads are not sensed"
    assert {feature["dtype"] for feature in measured.values()} == {"float32"}
    joints, speeds = features["measured.joints"], features["measured.velocities"]
    assert joints["names"][::5] == ["shoulder_pan.pos", "gripper.pos"]
    assert joints["info"]["units"][::5] == ["deg", "%"]
    assert (speeds["names"][0], speeds["info"]["units"][0]) == ("shoulder_pan.vel", "deg/s")
    assert features["measured.currents"]["info"]["units"] == ["mA"] * 6
    assert features["measured.environment_state"]["names"][0] == "object.x"
    assert "info" not in features["seed"]


def test_no_other_policy_takes_them_for_what_it_sees_or_does(tmp_path: Path) -> None:
    """lerobot goes by how a name begins, and its buffers keep all complementary_info."""
    write_dataset(tmp_path, [episode(0, 3)])
    for key in (*SENSED, "seed"):
        assert not key.startswith(("observation", "action", "complementary_info"))


def test_columns_are_listed_by_what_they_belong_to(tmp_path: Path) -> None:
    write_dataset(tmp_path, [episode(0, 3)])
    found = grouped([*Dataset(tmp_path).features, "of another tool"])
    assert list(found) == ["observation", "action", "outcome", "measured", "episode", "other"]
    assert found["action"][:3] == ["action", "policy_action", "sent"]
    assert found["outcome"][0] == "next.reward"
    assert {"measured.joints", "stamp", "age.front"} < {*found["measured"]}
    assert {"seed", "after_pause", "timestamp"} < {*found["episode"]}
    assert found["other"] == ["of another tool"]


def two_joints(number: int) -> Reading:
    return Reading(np.array([number, -number], np.float32), number / 10)


def toy_frame(number: int, length: int) -> Frame:
    """Of a robot of two joints without a gripper, whose policy sees a camera alone."""
    action = np.array([0.5, -0.5], np.float32)
    seen = [{f"{STATE}": np.float32([n])} for n in (number, number + 1)]
    return Frame(
        tick=number + 1,
        observation=seen[0],
        action=action,
        policy_action=action,
        sent=np.array([number + 0.5, 0], np.float32),
        next_observation=seen[1],
        reading=two_joints(number),
        next_reading=two_joints(number + 1),
        reward=0.0,
        discrete_penalty=0.0,
        success=False,
        terminated=False,
        truncated=number == length - 1,
        is_intervention=False,
        rerecord=False,
        weights_version=0,
        seed=3,
    )


def test_a_robot_of_two_joints(tmp_path: Path) -> None:
    joints, units = ("shoulder", "elbow"), ("deg", "deg")
    described = {"names": sensed_names(joints, ()), "info": sensed_units(units, 0)}
    with closing(DatasetWriter(tmp_path, spec(robot_type="toy", **described))) as writer:
        for number in range(4):
            writer.add(toy_frame(number, 4), "record")
        writer.finish()
    dataset = Dataset(tmp_path)
    assert dataset.features["measured.joints"].names == ("shoulder.pos", "elbow.pos")
    assert dataset.features["sent"].names == ("shoulder.pos", "elbow.pos")
    frames = list(dataset.frames(0))
    assert [frame.reading.joints.tolist() for frame in frames] == [[n, -n] for n in range(4)]
    assert frames[-1].next_reading.joints.tolist() == [4, -4]
    assert {frame.seed for frame in frames} == {3}


def test_what_is_sensed_must_stay_the_same(tmp_path: Path) -> None:
    frames = episode(0, 3)
    blind = replace(frames[1].reading, currents=None)
    with closing(DatasetWriter(tmp_path, spec())) as writer:
        writer.add(frames[0], "record")
        with pytest.raises(DatasetError, match=r"other numbers than .*\['measured.currents'\]"):
            writer.add(replace(frames[1], reading=blind), "record")


@pytest.fixture
def columns_read(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """The columns of all tables that are read meanwhile."""
    found: set[str] = set()
    read_table = reading.read_table

    def noted(*arguments: Any, **options: Any) -> Any:
        table = read_table(*arguments, **options)
        found.update(table.column_names)
        return table

    monkeypatch.setattr(reading, "read_table", noted)
    return found


def test_learning_does_not_read_what_was_measured(tmp_path: Path, columns_read: set[str]) -> None:
    write_dataset(tmp_path)
    dataset = Dataset(tmp_path)
    buffer = buffer_from_dataset(Source(dataset), policy(), 100)
    assert len(buffer) == 19
    assert {"action", "sent"} < columns_read
    assert not columns_read & {*SENSED}
    assert len(next(iter(dataset.frames(0))).reading.joints) == 6, "others still do"


def values(frames: list[Frame]) -> NDArray[Any]:
    return np.stack([np.append(frame.action, frame.sent) for frame in frames])


def test_an_older_dataset_is_read_and_learned_from(older: Path) -> None:
    dataset = Dataset(older / "pictures")
    for index, wanted in enumerate([episode(0, 4), episode(1, 5, success=False)]):
        found = list(dataset.frames(index))
        np.testing.assert_array_equal(values(found), values(wanted))
        assert [frame.reading.stamp for frame in found] == [f.reading.stamp for f in wanted]
        assert [frame.reading.ages for frame in found] == [f.reading.ages for f in wanted]
        assert {frame.reading.joints.size for frame in found} == {0}
        assert {frame.seed for frame in found} == {None}
        key = "observation.images.wrist"
        assert [identified(f.observation[key]) for f in found] == [
            identified(f.observation[key]) for f in wanted
        ]
    assert len(buffer_from_dataset(Source(dataset), policy(), 100)) == 9


def test_what_a_crash_left_of_an_older_one_is_brought_back(older: Path) -> None:
    root = older / "pictures"
    assert (root / JOURNAL).exists()
    found = repair(root)
    assert (found.episode, found.damaged) == (2, 0)
    frames = list(Dataset(root).frames(2))
    assert len(frames) == found.frames == 4
    np.testing.assert_array_equal(values(frames), values(episode(2, 6)[:4]))


def test_an_older_dataset_is_gone_on_with_as_it_is(older: Path) -> None:
    """A run that is resumed keeps its dataset; what was measured has no place in it."""
    root = older / "pictures"
    with closing(DatasetWriter(root, spec())) as writer:
        assert writer.repaired.episode == 2
        for frame in episode(3, 3):
            writer.add(frame, "record")
        writer.finish()
    dataset = Dataset(root)
    assert not {*dataset.features} & {*SENSED, "seed"}
    np.testing.assert_array_equal(values(list(dataset.frames(3))), values(episode(3, 3)))
    shutil.rmtree(root / "set_aside", ignore_errors=True)
    assert not repair(root).anything


def test_the_operator_is_reported_what_an_older_one_goes_on_without(older: Path) -> None:
    root, out = older / "run/dataset", older / "new"
    config = tiny(out, processor={"observation": {"joints": "all"}})
    with Session(config, "record") as session, recorder(session.parts, root, session.events):
        pass
    said = (out / EVENTS).read_text()
    assert "was begun by an earlier version: what the robot measures is not kept in it" in said


def test_actions_of_another_motion_are_not_mixed(tmp_path: Path) -> None:
    def moving(step: float) -> dict[str, Any]:
        return {"info": {ACTION: {"config": {"processor": {"step_size": [step]}}}}}

    write_dataset(tmp_path, [episode(0, 3)], **moving(0.01))
    write_dataset(tmp_path, [episode(1, 3)], **moving(0.01))
    write_dataset(tmp_path, [episode(2, 3)])  # it is not said of these
    with pytest.raises(DatasetError, match=r"its processor.step_size is \[0.01\], not \[0.02\]"):
        write_dataset(tmp_path, [episode(3, 3)], **moving(0.02))

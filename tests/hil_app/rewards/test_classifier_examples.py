"""Labels of recorded frames: each belongs to what was seen after its action."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sample_classifiers import FRONT, IMAGE, NUMBERS, SIDE, lifting, write_lifts
from sample_datasets import STATE, episode, write_dataset

from configs.learning.policy import FeatureType
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.layout import DatasetError
from hil_app.rewards.classifier import ClassifierError
from hil_app.rewards.examples import Examples, inputs_of, read_examples


def examples_of(*roots: Path, **options: bool) -> Examples:
    datasets = [Dataset(root) for root in roots]
    return read_examples(datasets, inputs_of(datasets, None, [STATE]), **options)


def high_up(examples: Examples) -> np.ndarray:
    """Whether the red square of each image is high up, as it is for success."""
    red = examples.inputs[FRONT][:, 0].float() - examples.inputs[FRONT][:, 1].float()
    upper, lower = red[:, : SIDE // 2].sum((1, 2)), red[:, SIDE // 2 :].sum((1, 2))
    return (upper > lower).numpy()


def test_every_label_belongs_to_the_image_beside_it(tmp_path: Path) -> None:
    """One frame off, and the first and the last frame of a success would be wrong."""
    written = write_lifts(tmp_path)
    examples = examples_of(tmp_path)
    assert len(examples.success) == sum(map(len, written))
    assert examples.success.tolist() == [f.success for frames in written for f in frames]
    assert np.array_equal(high_up(examples), examples.success)
    wanted = np.stack([frame.next_observation[STATE] for frames in written for frame in frames])
    assert np.array_equal(examples.inputs[STATE].numpy(), wanted)


def test_the_final_image_of_an_episode_is_an_example(tmp_path: Path) -> None:
    """Where episodes end at success it is the only one that shows it."""
    ended = [
        [
            *lifting(index, 6, first=6)[:-1],
            replace(lifting(index, 6, first=6)[-1], terminated=True, truncated=False),
        ]
        for index in range(3)
    ]
    write_dataset(tmp_path, ended)
    examples = examples_of(tmp_path)
    assert examples.success.sum() == 3
    assert np.array_equal(high_up(examples), examples.success)


def test_where_each_example_comes_from(tmp_path: Path) -> None:
    write_lifts(tmp_path / "one", [5, None])
    write_lifts(tmp_path / "two", [3])
    examples = examples_of(tmp_path / "one", tmp_path / "two")
    assert examples.names == ["one/0", "one/1", "two/0"]
    assert examples.episode.tolist() == [0] * 8 + [1] * 8 + [2] * 8
    assert examples.tick.tolist() == [1, 2, 3, 4, 5, 6, 7, 8] * 3
    assert examples.successful().tolist() == [True, False, True]
    assert examples.of([0, 2]).tolist() == [*range(8), *range(16, 24)]
    assert examples_of(tmp_path / "one").names == ["0", "1"]


def test_what_was_seen_before_a_pause_is_left_out(tmp_path: Path) -> None:
    """The dataset holds what was seen after it, and that is not what the label is about."""
    frames = lifting(0)
    frames[3] = replace(frames[3], after_pause=True)
    write_dataset(tmp_path, [frames])
    assert examples_of(tmp_path).tick.tolist() == [1, 2, 4, 5, 6, 7, 8]


def test_a_success_said_once_can_last(tmp_path: Path) -> None:
    said_once = [replace(f, success=f.tick == 5) for f in lifting(0)]
    write_dataset(tmp_path, [said_once, lifting(1, first=None)])
    usual = examples_of(tmp_path)
    assert usual.tick[usual.success].tolist() == [5]
    lasting = examples_of(tmp_path, success_lasts=True)
    assert lasting.tick[lasting.success].tolist() == [5, 6, 7, 8]
    assert lasting.successful().tolist() == [True, False]


def test_one_can_choose_what_to_look_at(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    dataset = [Dataset(tmp_path)]
    both = inputs_of(dataset, None, [])
    assert {key: feature.shape for key, feature in both.items()} == {
        "observation.images.front": (3, 64, 80),
        "observation.images.wrist": (3, 64, 80),
    }
    assert list(inputs_of(dataset, ["wrist"], [])) == ["observation.images.wrist"]
    (state,) = inputs_of(dataset, [], [STATE]).values()
    assert (state.type, state.shape) == (FeatureType.STATE, (2,))


def test_what_is_not_there_is_said_in_a_line(tmp_path: Path) -> None:
    write_lifts(tmp_path / "lifts")
    write_dataset(tmp_path / "blind", [episode(0, cameras=())])
    write_dataset(tmp_path / "wide", [episode(0, cameras=("front",), size=(32, 64))])
    lifts, blind, wide = (Dataset(tmp_path / name) for name in ("lifts", "blind", "wide"))
    with pytest.raises(ClassifierError, match=r"lifts has no observation.images.side; it has obs"):
        inputs_of([lifts], ["side"], [])
    with pytest.raises(ClassifierError, match="has no cameras: name the numbers"):
        inputs_of([blind], None, [])
    with pytest.raises(ClassifierError, match=r"blind has no observation.images.front"):
        inputs_of([lifts, blind], None, [])
    with pytest.raises(
        ClassifierError, match=r"is \(3, 32, 32\) in .* and \(3, 32, 64\) in .*wide"
    ):
        inputs_of([lifts, wide], None, [])
    with pytest.raises(DatasetError):
        Dataset(tmp_path)
    assert inputs_of([lifts], None, []) == {FRONT: IMAGE}


@pytest.mark.parametrize(
    ("firsts", "said"), [([None, None], "no frame of"), ([1, 1], "every frame of")]
)
def test_there_is_nothing_to_tell_apart(
    tmp_path: Path, firsts: list[int | None], said: str
) -> None:
    write_lifts(tmp_path, firsts)
    with pytest.raises(ClassifierError, match=said):
        examples_of(tmp_path)


def test_reading_tells_how_far_it_is(tmp_path: Path) -> None:
    write_lifts(tmp_path, [5, None])
    dataset, heard = [Dataset(tmp_path)], []
    read_examples(dataset, inputs_of(dataset, None, []), read=heard.append)
    assert heard == [8, 8]


def test_a_dataset_that_names_its_channels_first_is_read_the_same(tmp_path: Path) -> None:
    """As some of lerobot's own tools write them; the videos are no different."""
    write_dataset(tmp_path, [[*lifting(0)]])
    plain = examples_of(tmp_path)
    info = json.loads((tmp_path / "meta/info.json").read_text())
    turned = {"shape": [3, SIDE, SIDE], "names": ["channels", "height", "width"]}
    info["features"][FRONT] |= turned
    (tmp_path / "meta/info.json").write_text(json.dumps(info))
    found = examples_of(tmp_path)
    assert found.features == plain.features == {FRONT: IMAGE, STATE: NUMBERS}
    assert torch.equal(found.inputs[FRONT], plain.inputs[FRONT])

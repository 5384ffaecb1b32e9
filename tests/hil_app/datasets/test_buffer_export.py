"""From a buffer to a dataset and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sample_datasets import ENV_STATE, FPS, IMAGES, SIZE, STATE, episode, identified, spec

from hil_app.datasets.from_buffer import buffer_to_dataset
from hil_app.datasets.to_buffer import Source, buffer_from_dataset
from hil_app.learning import (
    ACTION,
    FeatureType,
    GaussianActorConfig,
    GaussianActorPolicy,
    PolicyFeature,
    ReplayBuffer,
)
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.layout import DatasetError
from hil_app.recording.frames import Frame

FRONT = f"{IMAGES}.front"


def policy(*keys: str) -> GaussianActorPolicy:
    inputs = {
        STATE: PolicyFeature(FeatureType.STATE, (2,)),
        ENV_STATE: PolicyFeature(FeatureType.ENV, (3,)),
        FRONT: PolicyFeature(FeatureType.VISUAL, (3, *SIZE)),
    }
    return GaussianActorPolicy(
        GaussianActorConfig(
            input_features={key: inputs[key] for key in keys},
            output_features={ACTION: PolicyFeature(FeatureType.ACTION, (3,))},
            num_discrete_actions=3,
            latent_dim=4,
            hidden_dims=[4],
        )
    )


NUMBERS = policy(STATE, ENV_STATE)
CAMERA = policy(STATE, ENV_STATE, FRONT)


def buffer_of(*episodes: list[Frame], policy: GaussianActorPolicy = NUMBERS, **options: Any) -> Any:
    frames = [frame for frames in episodes for frame in frames]
    return ReplayBuffer.from_frames(
        frames, policy, options.pop("capacity", 100), discount=0.9, **options
    )


def rows(buffer: ReplayBuffer) -> dict[str, Any]:
    """Everything in a buffer, in order, but its images."""
    batch = buffer.at(range(len(buffer)))
    groups = {name: batch[name] for name in ("state", "next_state", "complementary_info")}  # type: ignore[literal-required]
    flat = {name: batch[name].tolist() for name in ("action", "reward", "done", "truncated")}  # type: ignore[literal-required]
    for name, group in groups.items():
        flat |= {f"{name}.{k}": v.tolist() for k, v in group.items() if k != FRONT}
    return flat


def again(root: Path, policy: GaussianActorPolicy = NUMBERS) -> ReplayBuffer:
    return buffer_from_dataset(Source(Dataset(root)), policy, 100, discount=0.9)


def test_there_and_back_with_images(tmp_path: Path) -> None:
    episodes = [episode(i, n, success=i != 1, cameras=("front",)) for i, n in enumerate((5, 70, 4))]
    buffer = buffer_of(*episodes, policy=CAMERA)
    assert buffer_to_dataset(buffer, tmp_path, spec(), discount=0.9) == 3
    dataset = Dataset(tmp_path)
    assert [(e.length, e.stage, e.success) for e in dataset.episodes] == [
        (5, "train", True),
        (70, "train", False),
        (4, "train", True),
    ]
    found = again(tmp_path, CAMERA)
    assert rows(found) == rows(buffer)
    batch = found.at(range(79))
    for group, later in (("state", 0), ("next_state", 1)):
        for row, image in enumerate(batch[group][FRONT]):  # type: ignore[literal-required]
            _, number, _ = batch["state"][ENV_STATE][row].tolist()
            index = int(batch["state"][ENV_STATE][row, 0])
            seen = identified(image.permute(1, 2, 0).numpy())
            assert seen == (0, index, int(number) + later)
    frames = list(dataset.frames(0))
    assert [frame.reading.stamp for frame in frames] == [n / FPS for n in range(5)]
    assert np.isnan(frames[0].sent).all()


def test_an_episode_is_cut_where_rows_were_skipped(tmp_path: Path) -> None:
    """Only the operator's rows, as an offline buffer has them of the policy's episodes."""
    by_operator = {n: {"is_intervention": n in (1, 2, 5)} for n in range(7)}
    buffer = ReplayBuffer(100, state_keys=NUMBERS.replay_keys)
    for frame in episode(0, 7, cameras=(), changes=by_operator):
        if frame.is_intervention:
            buffer.add(
                frame.observation, frame.action, frame.reward, frame.next_observation, False, False
            )
    assert buffer_to_dataset(buffer, tmp_path, spec(), discount=0.9) == 2
    assert [each.length for each in Dataset(tmp_path).episodes] == [2, 1]
    found = rows(again(tmp_path))
    assert found["truncated"] == [0, 1, 1]
    assert found["action"] == rows(buffer)["action"]
    assert found[f"next_state.{STATE}"] == rows(buffer)[f"next_state.{STATE}"]


def test_the_oldest_row_of_a_full_ring_comes_first(tmp_path: Path) -> None:
    buffer = buffer_of(episode(0, 4, cameras=()), episode(1, 5, cameras=()), capacity=6)
    assert buffer_to_dataset(buffer, tmp_path, spec(), discount=0.9) == 2
    assert [each.length for each in Dataset(tmp_path).episodes] == [1, 5]
    assert rows(again(tmp_path)) == rows(buffer)


def test_a_dataset_is_gone_on_with(tmp_path: Path) -> None:
    buffer = buffer_of(episode(0, 3, cameras=()))
    for _ in range(2):
        assert buffer_to_dataset(buffer, tmp_path, spec(), discount=0.9, stage="record") == 1
    assert [each.stage for each in Dataset(tmp_path).episodes] == ["record", "record"]


def test_rows_of_several_ticks_are_refused(tmp_path: Path) -> None:
    buffer = buffer_of(episode(0, 5, cameras=()), n_steps=3)
    with pytest.raises(DatasetError, match="sum rewards over several ticks"):
        buffer_to_dataset(buffer, tmp_path / "new", spec(), discount=0.9)


def test_an_episode_that_cannot_be_written_leaves_nothing_to_repair(tmp_path: Path) -> None:
    buffer = ReplayBuffer(100, state_keys=NUMBERS.replay_keys)
    for frame in episode(0, 70, cameras=()):
        info = {"discount": 0.9 if frame.tick <= 66 else 0.5}
        buffer.add(
            frame.observation,
            frame.action,
            frame.reward,
            frame.next_observation,
            False,
            False,
            info,
        )
    with pytest.raises(DatasetError, match="several ticks"):
        buffer_to_dataset(buffer, tmp_path, spec(), discount=0.9)
    assert not (tmp_path / "recovery/episode.journal").exists()


def test_feature_maps_are_refused(tmp_path: Path) -> None:
    buffer = ReplayBuffer(5, state_keys=["observation.images.front.map"])
    with pytest.raises(DatasetError, match="a frozen vision encoder made of images"):
        buffer_to_dataset(buffer, tmp_path, spec(), discount=0.9)

"""What training makes of an edited dataset: which demonstrations count, and how they end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sample_datasets import ENV_STATE, STATE, episode, write_dataset

from configs.learning.learner import Only
from hil_app.datasets.editing.change import edit_in_place
from hil_app.datasets.editing.edits import Delete, Mark, Trim
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
from hil_app.rewards.examples import inputs_of, read_examples

INPUTS = {
    STATE: PolicyFeature(FeatureType.STATE, (2,)),
    ENV_STATE: PolicyFeature(FeatureType.ENV, (3,)),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A success of 6 frames, a failure of 9 and a success of 4."""
    episodes = [episode(0, 6), episode(1, 9, success=False), episode(2, 4)]
    root = tmp_path / "data"
    write_dataset(root, episodes)
    return root


def loaded(root: Path, only: Only) -> ReplayBuffer:
    config = GaussianActorConfig(
        input_features=INPUTS,
        output_features={ACTION: PolicyFeature(FeatureType.ACTION, (3,))},
        num_discrete_actions=3,
        latent_dim=4,
        hidden_dims=[4],
    )
    return buffer_from_dataset(Source(Dataset(root), only), GaussianActorPolicy(config), 100)


def rows(buffer: ReplayBuffer) -> list[tuple[int, int, int, float, bool, bool]]:
    """Episode, frame, next frame, reward, done, truncated of each row."""
    batch = buffer.at(range(len(buffer)))
    now, then = batch["state"][ENV_STATE].numpy(), batch["next_state"][ENV_STATE].numpy()
    return [
        (int(a[0]), int(a[1]), int(b[1]), float(reward), bool(done), bool(cut))
        for a, b, reward, done, cut in zip(
            now, then, batch["reward"], batch["done"], batch["truncated"], strict=True
        )
    ]


def test_the_episodes_that_are_marked_are_the_successes_that_count(root: Path) -> None:
    edit_in_place(root, (Mark(episode=0, success=False), Mark(episode=1, success=True)))
    found = rows(loaded(root, "successes"))
    assert [row[:2] for row in found] == [(1, n) for n in range(9)] + [(2, n) for n in range(4)]
    assert found[8] == (1, 8, 9, 1.0, True, False)
    failed = rows(loaded(root, "all"))[5]
    assert failed == (0, 5, 6, 0.0, True, False)


def test_a_trimmed_episode_ends_where_it_is_cut_and_knows_what_came_next(root: Path) -> None:
    edit_in_place(root, (Trim(episode=0, first=1, last=3), Delete(episode=2)))
    found = rows(loaded(root, "all"))
    assert found[:3] == [
        (0, 1, 2, 0.0, False, False),
        (0, 2, 3, 0.0, False, False),
        (0, 3, 4, 0.0, False, True),
    ]
    assert len(found) == 3 + 9


def test_a_classifier_learns_success_from_marks(root: Path) -> None:
    edit_in_place(root, (Mark(episode=0, success=False), Mark(episode=1, success=True)))
    dataset = Dataset(root)
    examples = read_examples([dataset], inputs_of([dataset], [], [STATE]))
    assert np.flatnonzero(examples.success).tolist() == [14, 18]

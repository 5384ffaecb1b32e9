"""Datasets, journals, checkpoints and classifiers as subjects of torture."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.learning.policy import FeatureType, GaussianActorConfig, PolicyFeature
from configs.names import ACTION, OBS_STATE
from hil_app.bench.crashes import CAMERAS, SIZE, frame
from hil_app.bench.torture.subjects import Folder
from hil_app.datasets.to_buffer import Source, buffer_from_dataset
from hil_app.learning.checkpoint import POLICY, Snapshot, load, load_policy, own_tensors, save
from hil_app.learning.networks.actor import GaussianActorPolicy
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.layout import JOURNAL
from hil_app.recording.format.spec import DatasetSpec
from hil_app.recording.mending.repair import repair
from hil_app.recording.writer import DatasetWriter
from hil_app.rewards.classifier import (
    ClassifierConfig,
    SuccessClassifier,
    load_classifier,
    save_classifier,
)

_EPISODES, _LENGTH = 3, 12
_SPEC = DatasetSpec(fps=30, robot_type="sim", task="be hurt")
_ACTIONS = {ACTION: PolicyFeature(FeatureType.ACTION, (3,))}
_FEATURES = {OBS_STATE: PolicyFeature(FeatureType.STATE, (2,))}
_IMAGES = {
    f"observation.images.{name}": PolicyFeature(FeatureType.VISUAL, (3, *SIZE)) for name in CAMERAS
}


class RecordedDataset(Folder):
    """A dataset of three episodes; everything but the images has a checksum."""

    name = "dataset"
    trees = ("meta/info.json", "meta/stats.json")

    def make(self, folder: Path) -> None:
        writer = DatasetWriter(folder, _SPEC)
        for episode in range(_EPISODES):
            for number in range(_LENGTH):
                writer.add(frame(episode, number, number == _LENGTH - 1), "record")
            writer.finish()
        writer.close()

    def read(self, folder: Path) -> Any:
        dataset = Dataset(folder)
        policy = _policy(_FEATURES | _IMAGES)
        buffer_from_dataset(Source(dataset), policy, 100)
        return [_values(dataset, episode.index) for episode in dataset.episodes]

    def wrong(self, good: Any, found: Any) -> str | None:
        if len(found) != len(good):
            return f"{len(found)} of {len(good)} episodes, and no word"
        return None if found == good else "other numbers, or images of other frames"


def _policy(seen: dict[str, PolicyFeature]) -> GaussianActorPolicy:
    """A small policy that sees these."""
    sizes = {"latent_dim": 4, "hidden_dims": [8], "num_discrete_actions": 3}
    ranges = {OBS_STATE: {"min": [0.0, 0.0], "max": [10.0, 20.0]}}
    given = {"input_features": seen, "output_features": _ACTIONS, "dataset_stats": ranges, **sizes}
    return GaussianActorPolicy(GaussianActorConfig.model_validate(given))


def _values(dataset: Dataset, episode: int) -> list[list[float]]:
    """What the frames of an episode say of themselves, and which images they have."""
    return [
        [
            *frame.observation[OBS_STATE].tolist(),
            *frame.action.tolist(),
            frame.reward,
            *(round(float(frame.observation[key].mean()) / 3) for key in sorted(_IMAGES)),
        ]
        for frame in dataset.frames(episode)
    ]


class JournalSubject(Folder):
    """The journal of an episode that a crash has cut short, in a dataset with others."""

    name = "journal"
    files = Path(JOURNAL).name

    def make(self, folder: Path) -> None:
        RecordedDataset().make(folder)
        writer = DatasetWriter(folder, _SPEC)
        for number in range(_LENGTH):
            writer.add(frame(_EPISODES, number, False), "record")
        writer.close()

    def read(self, folder: Path) -> Any:
        repair(folder)
        dataset = Dataset(folder)
        return [_values(dataset, episode.index) for episode in dataset.episodes]

    def wrong(self, good: Any, found: Any) -> str | None:
        if found[:_EPISODES] != good[:_EPISODES]:
            return "another episode than the one cut short was changed"
        right = [row for episode in good[_EPISODES:] for row in episode]
        if any(row not in right for episode in found[_EPISODES:] for row in episode):
            return "frames that were never recorded"
        return None


class Checkpoint(Folder):
    """A checkpoint of a run."""

    name, exact = "checkpoint", True

    def make(self, folder: Path) -> None:
        policy = _policy(_FEATURES)
        (folder / "draft").mkdir()
        policy.save_pretrained(folder / "draft")
        config = (folder / "draft" / "config.json").read_text()
        for file in (folder / "draft").iterdir():
            file.unlink()
        (folder / "draft").rmdir()
        snapshot = Snapshot(
            state={"ticks": 7, "success": 0.25},
            configs={POLICY: config},
            tensors={POLICY: own_tensors(policy)},
        )
        save(snapshot, folder / "tick_000007")

    def read(self, folder: Path) -> Any:
        found = load(folder / "tick_000007")
        policy = load_policy(folder / "tick_000007", seed=0)
        tensors = {
            f"{group}.{name}": _digest(tensor.numpy())
            for group, held in found.tensors.items()
            for name, tensor in held.items()
        }
        own = {name: _digest(t.numpy()) for name, t in own_tensors(policy).items()}
        return {"state": dict(found.state), "tensors": tensors, "policy": own}


class Classifier(Folder):
    """A trained success classifier."""

    name, exact = "classifier", True

    def make(self, folder: Path) -> None:
        stats = {OBS_STATE: {"min": [0.0, 0.0], "max": [10.0, 20.0]}}
        config = ClassifierConfig(input_features=_FEATURES, dataset_stats=stats, latent_dim=4)
        save_classifier(SuccessClassifier(config, seed=3), folder)

    def read(self, folder: Path) -> Any:
        classifier = load_classifier(folder)
        weights = {name: _digest(t.numpy()) for name, t in own_tensors(classifier).items()}
        return {"config": json.loads(classifier.config.model_dump_json()), "weights": weights}


def _digest(array: NDArray[Any]) -> list[int]:
    """What tells an array from another of any content or shape."""
    return [*array.shape, zlib.crc32(np.ascontiguousarray(array).tobytes())]


def all_of() -> Iterator[Folder]:
    """One of each."""
    yield from (RecordedDataset(), JournalSubject(), Checkpoint(), Classifier())

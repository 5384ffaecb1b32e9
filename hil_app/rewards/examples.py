"""Labelled observations from recorded episodes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from configs.learning.policy import FeatureType, PolicyFeature
from configs.names import DONE, OBS_IMAGES, REWARD
from configs.text.reading import shown
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.layout import SUCCESS, size_of
from hil_app.recording.values import check_values
from hil_app.rewards.classifier import ClassifierError, tensors
from processors.base import Observation

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Examples:
    """N observations, each with whether it shows success, and where it comes from."""

    inputs: dict[str, Tensor]  # key -> (N, ...) as the classifier gets them
    success: Bools  # (N,)
    episode: Ints  # (N,) counted over all datasets
    tick: Ints  # (N,) 1 is an episode's first
    names: Sequence[str]  # of the episodes
    features: Mapping[str, PolicyFeature]  # what `inputs` are

    def of(self, episodes: Sequence[int]) -> Ints:
        """The rows of these episodes."""
        return np.flatnonzero(np.isin(self.episode, episodes))

    def successful(self) -> Bools:
        """Which of the episodes have a frame that shows success."""
        found = np.zeros(len(self.names), bool)
        found[self.episode[self.success]] = True
        return found


def inputs_of(
    datasets: Sequence[Dataset], cameras: Sequence[str] | None, states: Sequence[str]
) -> dict[str, PolicyFeature]:
    """The features to look at: these cameras' images (None for all there are), and numbers.

    Raises ClassifierError if a dataset lacks one, or has another shape of it.
    """
    first = datasets[0]
    chosen = first.cameras if cameras is None else cameras
    known = first.info.cameras
    keys = [*(known.get(name, f"{OBS_IMAGES}.{name}") for name in chosen), *states]
    if not keys:
        raise ClassifierError(
            f"{first.root} has no cameras: name the numbers to look at with --state"
        )
    found = {key: _feature(first, key) for key in keys}
    for other in datasets[1:]:
        for key, feature in found.items():
            if _feature(other, key) != feature:
                raise ClassifierError(
                    f"{key} is {feature.shape} in {first.root} and "
                    f"{_feature(other, key).shape} in {other.root}: train on one kind"
                )
    return found


def _feature(dataset: Dataset, key: str) -> PolicyFeature:
    if key not in dataset.features:
        known = ", ".join(k for k in dataset.features if k.startswith("observation."))
        raise ClassifierError(f"{dataset.root} has no {key}; it has {known}")
    column = dataset.features[key]
    if column.is_image and not column.is_depth:
        return PolicyFeature(FeatureType.VISUAL, (3, *size_of(column)))
    if not column.is_number:
        kind = "depth" if column.is_depth else shown(column.dtype, 40)
        raise ClassifierError(f"{dataset.root}: {key} is {kind}, which no classifier looks at")
    return PolicyFeature(FeatureType.STATE, column.shape)


def read_examples(
    datasets: Sequence[Dataset],
    features: Mapping[str, PolicyFeature],
    *,
    success_lasts: bool = False,
    read: Callable[[int], None] = lambda _: None,
) -> Examples:
    """Every observation that followed an action, with what was said of it.

    With ``success_lasts`` an episode that has once succeeded stays so, for an operator who says it
    once. ``read`` hears how many frames have been read since it last did. Raises ClassifierError
    if nothing, or everything, is a success.
    """
    for dataset in datasets:
        if SUCCESS not in dataset.features and not {REWARD, DONE} <= dataset.features.keys():
            raise ClassifierError(
                f"{dataset.root} has neither {SUCCESS} nor {REWARD} and {DONE}, so that it does "
                "not say what a success is: add a column"
            )
    rows = sum(map(len, datasets))
    inputs = {
        key: torch.empty(
            (rows, *feature.shape),
            dtype=torch.uint8 if feature.type == FeatureType.VISUAL else torch.float32,
        )
        for key, feature in features.items()
    }
    success, episode, tick = np.zeros(rows, bool), *np.zeros((2, rows), np.int64)
    names: list[str] = []
    count = 0
    for dataset in datasets:
        for number in range(len(dataset.episodes)):
            for index, label, observation in _labelled(dataset, number, features, success_lasts):
                for key, tensor in tensors(observation, features).items():
                    inputs[key][count] = tensor
                success[count], episode[count], tick[count] = label, len(names), index
                count += 1
            names.append(_name(datasets, dataset, number))
            read(dataset.episodes[number].length)
    cut = {key: tensor[:count] for key, tensor in inputs.items()}
    found = Examples(cut, success[:count], episode[:count], tick[:count], names, features)
    _check(found, datasets)
    return found


def _labelled(
    dataset: Dataset, number: int, features: Collection[str], success_lasts: bool
) -> Iterator[tuple[int, bool, Observation]]:
    """What followed each action of an episode: its tick, its label, and what was seen.

    What came right before a pause is left out: the dataset does not hold it.
    """
    succeeded = False
    check_values(dataset, number, [*features])
    cameras = [name for name, key in dataset.info.cameras.items() if key in features]
    for frame, following in pairwise(chain(dataset.frames(number, cameras), [None])):
        assert frame is not None
        succeeded = frame.success or (success_lasts and succeeded)
        if following is None or not following.after_pause:
            yield frame.tick, succeeded, frame.next_observation


def _name(datasets: Sequence[Dataset], dataset: Dataset, number: int) -> str:
    return f"{number}" if len(datasets) == 1 else f"{dataset.root.name}/{number}"


def _check(examples: Examples, datasets: Sequence[Dataset]) -> None:
    roots = ", ".join(str(dataset.root) for dataset in datasets)
    if not examples.success.any():
        raise ClassifierError(
            f"no frame of {roots} shows success: record episodes that succeed, and keep what "
            "follows their last action (`hil-app record` does)"
        )
    if examples.success.all():
        raise ClassifierError(
            f"every frame of {roots} shows success: record what comes before it, too"
        )

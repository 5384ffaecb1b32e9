"""What a policy can learn from recorded datasets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import Any

import numpy as np

from configs.learning.learner import Only
from configs.learning.policy import FeatureType, GaussianActorConfig, PolicyFeature
from configs.names import ACTION, DONE, OBS_IMAGES, REWARD
from configs.text.reading import shown
from hil_app.learning.buffer.replay import ReplayBuffer
from hil_app.learning.buffer.returns import NStepReturns, Row
from hil_app.learning.networks.actor import GaussianActorPolicy
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.layout import (
    INTERVENTION,
    INTERVENTION_TOO,
    PENALTY,
    SUCCESS,
    DatasetError,
    Feature,
    size_of,
)
from hil_app.recording.frames import Frame
from hil_app.recording.values import ActionRange, check_values

Names = Mapping[str, Sequence[str]]  # of a feature's numbers


@dataclass(frozen=True)
class Source:
    """A dataset, which of its rows, and how often one is drawn beside a row of weight 1."""

    dataset: Dataset
    only: Only = "all"
    weight: float = 1.0


def buffer_from_dataset(
    sources: Source | Sequence[Source],
    policy: GaussianActorPolicy,
    capacity: int,
    *,
    n_steps: int = 1,
    discount: float = 1.0,
    read: Callable[[int], None] = lambda _: None,
    **options: Any,
) -> ReplayBuffer:
    """A buffer of what ``policy`` can learn from recorded datasets, one after the other.

    Rows are those of :func:`rows_of`, and ``options`` those of `ReplayBuffer`. Frame by frame:
    nothing is held beside the buffer. If there are more rows than capacity, the last ones stay.

    Raises DatasetError if a dataset is damaged, does not fit the policy or has no such rows.
    """
    sources = [sources] if isinstance(sources, Source) else sources
    check(sources, policy.config)
    buffer = ReplayBuffer(capacity, state_keys=policy.replay_keys, **options)
    for source in sources:
        for row in rows_of(source, policy, n_steps=n_steps, discount=discount, read=read):
            buffer.add(**row.transition(), weight=source.weight)
    return buffer


def rows_of(
    source: Source,
    policy: GaussianActorPolicy,
    *,
    n_steps: int = 1,
    discount: float = 1.0,
    read: Callable[[int], None] = lambda _: None,
) -> Iterator[Row]:
    """The rows that ``policy`` can learn from, in order, each image decoded once.

    A transition whose next state is not in the dataset is left out: the last one before a pause,
    and the last one of an episode that goes on where the dataset ends, if what was seen then was
    not recorded. Of interventions, a row is one if the operator acted in its first tick. Datasets
    of other tools may say less: then the operator acted, there was no penalty, an end with a reward
    is a success, and one without is the time limit. The numbers of an episode are checked before
    its first row: they are finite, and actions are some that the policy can do.

    ``read`` hears how many frames have been read since it last did. Raises DatasetError if the
    dataset is damaged, or none of its rows is wanted.
    """
    source, found = replace(source, dataset=source.dataset.unmeasured()), False
    dataset = source.dataset
    keys, actions = learned_of(policy.config), action_range_of(policy.config)
    cameras = [key.removeprefix(f"{OBS_IMAGES}.") for key in policy.config.image_keys]
    for episode in dataset.episodes:
        returns = NStepReturns(n_steps, discount, policy.replay_state)
        wanted = _wanted(source, episode.index)
        if wanted:
            check_values(dataset, episode.index, keys, actions)
        frames = _followed(dataset.frames(episode.index, cameras)) if wanted else ()
        for row in chain.from_iterable(map(returns.push, frames)):
            if row.is_intervention or source.only != "interventions":
                found = True
                yield row
        read(episode.length)
    if not found:
        raise DatasetError(f"{dataset.root} has nothing to learn from (only: {source.only})")


def learned_of(config: GaussianActorConfig) -> list[str]:
    """The columns of numbers that a policy learns from."""
    numbers = [key for key in config.input_features if key not in config.image_keys]
    return [*numbers, ACTION, REWARD, PENALTY]


def action_range_of(config: GaussianActorConfig) -> ActionRange:
    """What the actions of a policy can be: no other ones can be learned from."""
    motions, choices = config.continuous_dims, config.num_discrete_actions
    usual = ActionRange.shares(motions + (choices is not None), choices)
    if (stats := (config.dataset_stats or {}).get(ACTION)) is None:
        return usual
    low, high = (np.asarray(stats[end][:motions]) for end in ("min", "max"))
    return ActionRange(low, high, choices)


def unsaid(source: Source) -> str | None:
    """What is assumed of a dataset that does not say who acted, in a line; None if it does."""
    dataset = source.dataset
    if INTERVENTION in dataset.features or INTERVENTION_TOO in dataset.features:
        return None
    return (
        f"{dataset.root} has no {INTERVENTION}: all of its {len(dataset)} frames count as an "
        "operator's, to be imitated"
    )


def _followed(frames: Iterator[Frame]) -> Iterator[Frame]:
    """The frames whose next state is known: all but those right before a pause."""
    for frame, following in pairwise(chain(frames, [None])):
        assert frame is not None
        if following is None or not following.after_pause:
            yield frame


def _wanted(source: Source, episode: int) -> bool:
    """Whether an episode has rows to learn from, as far as its numbers tell."""
    dataset = source.dataset
    if source.only == "all":
        return True
    if source.only == "successes" and (known := dataset.episodes[episode].success) is not None:
        return known
    columns = dataset.columns(episode)
    if source.only == "successes":
        none = np.zeros(1)
        reward, done = columns.get(REWARD, none), columns.get(DONE, none)
        return bool(np.any(columns.get(SUCCESS, (reward > 0) & (done > 0))))
    return bool(np.any(columns.get(INTERVENTION, columns.get(INTERVENTION_TOO, True))))


def check(
    sources: Sequence[Source],
    config: GaussianActorConfig,
    fps: float | None = None,
    names: Names | None = None,
) -> None:
    """Raise DatasetError with all that differs between datasets and what ``config`` describes.

    Names are compared where both sides have them, and the rate if it is given.
    """
    problems = []
    for source in sources:
        dataset = source.dataset
        differences = [*_differences(dataset, config, names or {})]
        if fps is not None and dataset.fps != fps:
            differences.append(f"it has {dataset.fps:g} frames a second, this config {fps:g}")
        if differences:
            problems.append(f"{dataset.root}: {'; '.join(differences)}")
    if problems:
        raise DatasetError(
            f"{'; '.join(problems)}: learn from it with the config that it was recorded with"
        )


def _differences(dataset: Dataset, config: GaussianActorConfig, names: Names) -> Iterator[str]:
    yield from _missing(dataset)
    actions = PolicyFeature(FeatureType.ACTION, (config.action_dims,))
    for key, wanted in {**config.input_features, ACTION: actions}.items():
        found = dataset.features.get(key)
        if found is None:
            known = [name for name in dataset.features if name.startswith("observation.")]
            yield f"it has no {key}, only {', '.join(known) or 'actions'}"
            continue
        fits = found.is_image if wanted.type == FeatureType.VISUAL else found.is_number
        if not fits or found.is_depth:
            kind = "depth" if found.is_depth else shown(found.dtype, 40)
            yield f"{key} is {kind} in the dataset, which is of no use here"
            continue
        there, here = _size(found), _size_of(wanted)
        if there != here:
            yield f"{key} is {there} in the dataset, {here} in this config{_hint(key, wanted)}"
        elif found.names and names.get(key) and tuple(names[key]) != found.names:
            ours, theirs = ", ".join(names[key]), ", ".join(found.names)
            yield f"{key} is {theirs} in the dataset, {ours} in this config"


def _missing(dataset: Dataset) -> Iterator[str]:
    """What nothing can be learned without: it is not zero where nobody measured it."""
    for key, what in {REWARD: "what was a success", DONE: "which ends are final"}.items():
        if key not in dataset.features:
            yield f"it has no {key}, so that it does not say {what}: add the column to it"


def _size(feature: Feature) -> str:
    """What one sample is, in words."""
    if feature.is_image:
        height, width = size_of(feature)
        return f"{width}x{height}"
    return _numbers(feature.shape)


def _size_of(feature: PolicyFeature) -> str:
    if feature.type == FeatureType.VISUAL:
        _, height, width = feature.shape
        return f"{width}x{height}"
    return _numbers(feature.shape)


def _numbers(shape: Sequence[int]) -> str:
    return f"{'x'.join(map(str, shape))} numbers"


def _hint(key: str, wanted: PolicyFeature) -> str:
    if key == ACTION:
        return " (see processor.wrist)"
    return " (see processor.images)" if wanted.type == FeatureType.VISUAL else ""

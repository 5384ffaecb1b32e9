"""What a policy does, as it is exported: its deterministic action, and what to check that on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from configs.errors import HilAppError
from configs.names import ACTION
from hil_app.control.policy import LearnedPolicy
from hil_app.learning.networks.actor import GaussianActorPolicy
from hil_app.learning.networks.normalize import Normalizer
from hil_app.recording.dataset import Dataset
from processors.base import Observation
from robots.base import F32

EPISODES, FRAMES = 8, 25  # of a dataset, evenly spread: what an export is checked on
TOLERANCE = 1e-4  # of an action's largest size; more than rounding is another policy


class ExportError(HilAppError):
    """A policy cannot be exported; the message says why."""


class DeterministicPolicy(nn.Module):
    """Observations in their own units, images (B, H, W, C) of uint8, to actions in theirs.

    They are given in the order of the config's ``observation_keys``; the action (B, c [+ 1]) is
    what the policy does in an evaluation, and ends with the index of the gripper's choice if it has
    one.
    """

    def __init__(self, policy: GaussianActorPolicy) -> None:
        super().__init__()
        self.policy, self.normalizer = policy, Normalizer(policy.config)

    def forward(self, *observation: Tensor) -> Tensor:
        """The actions (B, c [+ 1])."""
        config = self.policy.config
        named = dict(zip(config.observation_keys, observation, strict=True))
        for key in config.image_keys:
            named[key] = named[key].permute(0, 3, 1, 2)
        scaled = self.normalizer.observation(named)
        return self.normalizer.unnormalize_action(self.policy.deterministic(scaled))


@dataclass(frozen=True)
class Recorded:
    """Observations of a dataset, and what the policy does at each, as the control loop has it."""

    observations: list[Observation]
    actions: F32  # (n, c [+ 1])

    @classmethod
    def read(cls, root: Path, policy: GaussianActorPolicy) -> Recorded:
        """Some of a dataset, evenly spread. ExportError if it has none that the policy can see."""
        dataset = Dataset(root)
        count = len(dataset.episodes)
        chosen = sorted({round(place) for place in np.linspace(0, count - 1, min(count, EPISODES))})
        seen = list(chain.from_iterable(_some(dataset, episode) for episode in chosen))
        if not seen:
            raise ExportError(f"{root} has no frames to check the export on")
        if lacking := sorted(set(policy.config.observation_keys) - set(seen[0])):
            raise ExportError(f"{root} lacks {', '.join(lacking)}, which the policy looks at")
        acting = LearnedPolicy(policy, deterministic=True)
        return cls(seen, np.stack([acting.act(observation) for observation in seen]))

    def difference(self, policy: GaussianActorPolicy, actions: F32) -> Difference:
        """How far other actions at the same observations are from the policy's own."""
        dims = policy.config.continuous_dims
        scaled = Normalizer(policy.config).action
        pair = [scaled(torch.from_numpy(each))[:, :dims] for each in (actions, self.actions)]
        other = (actions[:, dims:] != self.actions[:, dims:]).any(axis=1)
        return Difference(
            observations=len(self.observations),
            largest=float((pair[0] - pair[1]).abs().max()),
            other_choices=int(other.sum()),
        )


@dataclass(frozen=True)
class Difference:
    """Between an export and the policy."""

    observations: int
    largest: float  # as a share of an action's largest size
    other_choices: int  # observations at which the gripper is told something else

    def check(self) -> None:
        """ExportError if it is more than rounding."""
        if self.largest > TOLERANCE or self.other_choices:
            raise ExportError(f"the export is not the policy, and is not kept: {self}")

    def __str__(self) -> str:
        choices = f", the gripper at {self.other_choices}" if self.other_choices else ""
        return (
            f"differs by at most {self.largest:.1e} of an action's range at {self.observations} "
            f"recorded observations{choices}"
        )


def names_of(root: Path, policy: GaussianActorPolicy) -> Mapping[str, list[str]]:
    """What the numbers of each observation and of the action are called."""
    features = Dataset(root).features
    keys = [key for key in policy.config.observation_keys if key not in policy.config.image_keys]
    return {key: list(map(str, features[key].names or [])) for key in (*keys, ACTION)}


def _some(dataset: Dataset, episode: int) -> list[Observation]:
    frames = list(dataset.frames(episode))
    places = np.linspace(0, len(frames) - 1, min(len(frames), FRAMES))
    return [frames[round(place)].observation for place in places]

"""Where a dataset has the joints of its robot: where they were sent, and where they were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from configs.names import ACTION, OBS_STATE
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.columns import MEASURED_JOINTS, UNITS
from hil_app.recording.format.features import Feature
from hil_app.recording.format.layout import SENT, DatasetError
from robots.base import F32


@dataclass(frozen=True)
class Joints:
    """The columns of n joints."""

    names: tuple[str, ...] | None  # (n,) such as shoulder_pan.pos
    units: tuple[str, ...]  # (n,) such as deg
    targets: str  # where each was sent
    measured: str | None  # where it was, perhaps among other numbers; None if that is in none

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        """Those of a dataset; DatasetError if it does not say where the joints were sent."""
        features = dataset.features
        key = SENT if SENT in features else ACTION
        targets = features.get(key)
        if targets is None or (key == ACTION and not _are_positions(targets)):
            raise DatasetError(
                f"{dataset.root} has no column {SENT}, nor joint targets for its actions: only "
                "what hil-app recorded tells where the joints were sent"
            )
        return cls(
            names=targets.names,
            units=_units(targets),
            targets=key,
            measured=_measured(dataset, targets),
        )

    def sent(self, dataset: Dataset, episode: int) -> F32:
        """The joint targets (T, n) of an episode."""
        found: F32 = dataset.columns(episode)[self.targets]
        return found

    def at(self, dataset: Dataset, episode: int) -> F32 | None:
        """The measured joints (T, n) of an episode, (T + 1, n) if those at its end are known.

        None if they were not recorded.
        """
        if self.measured is None:
            return None
        seen, final = dataset.columns(episode)[self.measured], dataset.final(episode) or {}
        if self.measured in final:
            seen = np.vstack([seen, final[self.measured].reshape(1, -1)])
        names = dataset.features[self.measured].names
        if self.measured == MEASURED_JOINTS or names is None or self.names is None:
            return seen
        joints: F32 = seen[:, [names.index(name) for name in self.names]]
        return joints


def _are_positions(feature: Feature) -> bool:
    """Whether actions are joint targets in units that are known, as `dataset convert` has them."""
    names = feature.names or ("",)
    return UNITS in (feature.info or {}) and all(name.endswith(".pos") for name in names)


def _units(targets: Feature) -> tuple[str, ...]:
    """As they are declared; earlier versions knew arms with a gripper alone."""
    said = (targets.info or {}).get(UNITS)
    if isinstance(said, list) and len(said) == targets.size:
        return tuple(map(str, said))
    names = targets.names or ("",) * targets.size
    return tuple("%" if name == "gripper.pos" else "deg" for name in names)


def _measured(dataset: Dataset, targets: Feature) -> str | None:
    """The column of the measured joints: earlier versions have them if the policy saw them all."""
    if MEASURED_JOINTS in dataset.features:
        return MEASURED_JOINTS
    seen = dataset.features.get(OBS_STATE)
    if seen is None or not seen.names or not targets.names:
        return None
    return OBS_STATE if {*targets.names} <= {*seen.names} else None

"""What a dataset is to hold, and whether one that is there does."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from configs.dataset import EncodingConfig
from configs.names import ACTION
from configs.text.reading import shown
from hil_app.recording.format.columns import CONFIG, may_lack
from hil_app.recording.format.layout import IMAGES, DatasetError, Feature, Info
from hil_app.recording.mending.reindex import is_ours


@dataclass(frozen=True)
class DatasetSpec:
    """What a dataset is to hold."""

    fps: float
    robot_type: str
    task: str  # what is to be done, in a line
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)  # of a column's numbers
    info: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # of a column, JSON values
    encoding: EncodingConfig = field(default_factory=EncodingConfig)


def check_fit(root: Path, info: Info, spec: DatasetSpec) -> None:
    """Raises DatasetError, with what differs, if ``root`` cannot be gone on with."""
    if differences := list(_differences(info, spec)):
        raise DatasetError(
            f"{root} cannot be gone on with: {'; '.join(differences)}. Name a new folder"
        )
    if not is_ours(root, info):
        raise DatasetError(
            f"{root} was recorded or changed by another tool, which lays its files out otherwise: "
            "name a new folder"
        )


def _differences(info: Info, spec: DatasetSpec) -> Iterator[str]:
    if info.fps != spec.fps:
        yield f"it has {info.fps:g} frames a second, not {spec.fps:g}"
    if info.robot_type != spec.robot_type:
        yield f"its robot is {info.robot_type}, not {spec.robot_type}"
    codecs = {
        feature.info.get("video.codec")
        for feature in info.features.values()
        if feature.dtype in IMAGES and feature.info is not None
    }
    if codecs - {spec.encoding.codec}:
        yield f"its videos are {codecs.pop()}, not {spec.encoding.codec}"
    for key, names in spec.names.items():
        there = info.features.get(key)
        if there is not None and there.names != tuple(names):
            yield f"its {key} is {_listed(there.names)}, not {_listed(names)}"
    yield from _other_motions(info, spec)


MOTION = {
    "robot": ("task", "env_id", "kwargs"),
    "processor": ("step_size", "bounds", "gripper", "wrist", "inverse_kinematics"),
}
"""What of a run's config makes joint targets of actions, and a scene of a seed."""


def motion_of(info: Info) -> dict[str, dict[str, Any]]:
    """What a dataset says of :data:`MOTION`: nothing, if an earlier version recorded it."""
    action = info.features.get(ACTION)
    said = (action.info or {}).get(CONFIG) if action is not None else None
    blocks = said if isinstance(said, Mapping) else {}
    return {
        block: {name: found[name] for name in names if name in found}
        for block, names in MOTION.items()
        if isinstance(found := blocks.get(block), Mapping)
    }


def _other_motions(info: Info, spec: DatasetSpec) -> Iterator[str]:
    wanted = spec.info.get(ACTION, {}).get(CONFIG, {})
    for block, found in motion_of(info).items():
        for name, value in found.items():
            if (other := wanted.get(block, {}).get(name, value)) != value:
                yield f"its {block}.{name} is {_said(value)}, not {_said(other)}"


def check_features(root: Path, there: Mapping[str, Feature], wanted: Mapping[str, Feature]) -> None:
    """Raises DatasetError, with what differs, if frames have other features than the dataset.

    What was measured may be in the frames alone: the dataset goes on without it.
    """
    said = []
    for key in {**there, **wanted}:
        one, two = there.get(key), wanted.get(key)
        if one is None and may_lack(key):
            continue
        if one is None or two is None:
            said.append(f"only {'the dataset' if two is None else 'the frames'} have {key}")
        elif (one.dtype, one.shape) != (two.dtype, two.shape):
            said.append(
                f"its {key} is {one.dtype} {list(one.shape)}, not {two.dtype} {list(two.shape)}"
            )
    if said:
        raise DatasetError(f"{root} holds other frames: {'; '.join(said)}. Name a new folder")


def _said(value: Any) -> str:
    return shown(json.dumps(value), 120)


def _listed(names: Sequence[str] | None) -> str:
    return f"({', '.join(names or ['unnamed'])})"

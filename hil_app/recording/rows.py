"""Frames as rows of named numbers, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.names import ACTION, DONE, OBS_IMAGES, REWARD, TRUNCATED
from hil_app.recording.frames import Frame
from hil_app.recording.layout import (
    AFTER_PAUSE,
    AGE,
    BY_HAND,
    BY_HAND_TOO,
    FINAL,
    INDEX,
    PENALTY,
    PICTURES,
    POLICY_ACTION,
    SENT,
    STAMP,
    SUCCESS,
    VERSION_OF_WEIGHTS,
    DatasetError,
    Feature,
)
from processors.base import Features
from robots.base import JOINTS

Numbers = dict[str, NDArray[Any]]
SCALARS = {
    REWARD: "float32",
    DONE: "bool",
    TRUNCATED: "bool",
    SUCCESS: "bool",
    PENALTY: "float32",
    BY_HAND: "bool",
    BY_HAND_TOO: "bool",
    VERSION_OF_WEIGHTS: "int64",
    STAMP: "float64",
    AFTER_PAUSE: "bool",
}
FLAGS = {key for key, dtype in SCALARS.items() if dtype == "bool"}
VECTORS = (ACTION, POLICY_ACTION, SENT)


def is_vector(key: str) -> bool:
    """Whether a column has a row of numbers a frame, if only one; all others have one number."""
    return key in VECTORS or key.startswith("observation.")


def is_picture(key: str, value: Any) -> bool:
    """Whether an observation's part is a picture; other tools may call one as they like."""
    return key.startswith(f"{OBS_IMAGES}.") or np.ndim(value) == 3


def split(seen: Features) -> tuple[Numbers, Numbers]:
    """An observation's numbers and its pictures."""
    pictures = {key: value for key, value in seen.items() if is_picture(key, value)}
    return {key: value for key, value in seen.items() if key not in pictures}, pictures


def row(frame: Frame) -> Numbers:
    """A frame's numbers by column, all but those that follow from its place."""
    scalars: dict[str, Any] = {
        REWARD: frame.reward,
        DONE: frame.terminated,
        TRUNCATED: frame.truncated,
        SUCCESS: frame.success,
        PENALTY: frame.discrete_penalty,
        BY_HAND: frame.is_intervention,
        BY_HAND_TOO: frame.is_intervention,
        VERSION_OF_WEIGHTS: frame.weights_version,
        STAMP: frame.stamp,
        AFTER_PAUSE: frame.after_pause,
    }
    final, _ = split(frame.next_state)
    return {
        **split(frame.state)[0],
        ACTION: frame.action,
        POLICY_ACTION: frame.policy_action,
        SENT: frame.sent,
        **{key: np.asarray(value, SCALARS[key]) for key, value in scalars.items()},
        **{f"{AGE}{name}": np.asarray(age, np.float64) for name, age in frame.ages.items()},
        **{f"{FINAL}{key}": value for key, value in final.items()},
    }


def features_of(
    frame: Frame, names: Mapping[str, Sequence[str]], video: Mapping[str, Any]
) -> dict[str, Feature]:
    """The features of a dataset of frames like this; ``video`` is said of every camera."""
    numbers = {k: v for k, v in row(frame).items() if not k.startswith(FINAL)}
    named = {SENT: [f"{joint}.pos" for joint in JOINTS], **names}
    found: dict[str, Feature] = {}
    for key, value in {**frame.state, **numbers}.items():
        if is_picture(key, value):
            found[key] = _video(value, video)
        else:
            shape = value.shape or (1,)
            found[key] = Feature(value.dtype.name, shape, _names(key, shape, named))
    for key, feature in found.items():
        if "/" in key or (len(feature.shape) != 1 and feature.dtype != "video"):
            raise DatasetError(f'"{key}" {feature.shape} cannot be a column: name or shape')
    return {**found, **{key: Feature(dtype, (1,)) for key, dtype in INDEX.items()}}


def _names(
    key: str, shape: tuple[int, ...], named: Mapping[str, Sequence[str]]
) -> tuple[str, ...] | None:
    names = named.get(key, named[ACTION] if key == POLICY_ACTION and ACTION in named else None)
    if names is not None and (len(names),) != shape:
        raise DatasetError(f"{key} has {shape[0]} numbers a frame, but {len(names)} names")
    return None if names is None else tuple(names)


def _video(picture: NDArray[Any], video: Mapping[str, Any]) -> Feature:
    height, width = picture.shape[:2]
    info = {"video.height": height, "video.width": width, **video}
    return Feature("video", picture.shape, ("height", "width", "channels"), info)


class Packer:
    """Rows of numbers as bytes of one fixed size, and back."""

    def __init__(self, features: Mapping[str, Feature]) -> None:
        kept = {
            key: feature
            for key, feature in features.items()
            if feature.dtype not in PICTURES and key not in INDEX
        }
        final = {f"{FINAL}{k}": f for k, f in kept.items() if k.startswith("observation.")}
        self._fields = {
            key: (
                np.dtype(feature.dtype),
                feature.shape if is_vector(key.removeprefix(FINAL)) else (),
            )
            for key, feature in {**kept, **final}.items()
        }
        self._dtype = np.dtype([(key, *kind) for key, kind in self._fields.items()])

    @property
    def size(self) -> int:
        """Bytes of a row."""
        return self._dtype.itemsize

    def pack(self, numbers: Numbers) -> bytes:
        """One row; DatasetError if it is not like the others."""
        if odd := set(numbers) ^ set(self._fields):
            raise DatasetError(f"a frame with other numbers than the dataset has: {sorted(odd)}")
        packed = np.zeros((), self._dtype)
        for key, value in numbers.items():
            if (found := (value.dtype, value.shape)) != self._fields[key]:
                wanted = self._fields[key]
                raise DatasetError(
                    f"{key} is {found[0]} {list(found[1])} in this frame, "
                    f"but {wanted[0]} {list(wanted[1])} in the dataset"
                )
            packed[key] = value
        return packed.tobytes()

    def unpack(self, rows: Iterable[bytes]) -> Numbers:
        """Columns of length T."""
        table = np.frombuffer(b"".join(rows), self._dtype)
        columns = {key: np.ascontiguousarray(table[key]) for key in self._fields}
        return {
            key: values.view(np.uint8) != 0 if values.dtype == bool else values  # a byte may be 7
            for key, values in columns.items()
        }

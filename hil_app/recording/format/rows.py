"""Frames as rows of named numbers, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.names import ACTION, OBS_IMAGES
from hil_app.recording.format.columns import COLUMNS, SENSED, has_final, is_vector, may_lack
from hil_app.recording.format.layout import (
    AGE,
    FINAL,
    IMAGES,
    INDEX,
    POLICY_ACTION,
    DatasetError,
    Feature,
)
from hil_app.recording.frames import Frame
from processors.base import Observation

Numbers = dict[str, NDArray[Any]]


def is_image(key: str, value: Any) -> bool:
    """Whether an observation's part is an image; other tools may call one as they like."""
    return key.startswith(f"{OBS_IMAGES}.") or np.ndim(value) == 3


def split(observation: Observation) -> tuple[Numbers, Numbers]:
    """An observation's numbers and its images."""
    images = {key: value for key, value in observation.items() if is_image(key, value)}
    return {key: value for key, value in observation.items() if key not in images}, images


def row(frame: Frame) -> Numbers:
    """A frame's numbers by column, all that are known but those that follow from its place."""
    values = {column.key: (column.of(frame), column.dtype) for column in COLUMNS}
    sensed = {f"{FINAL}{key}": of(frame.next_reading) for key, of in SENSED.items()}
    ages, final = frame.reading.ages, split(frame.next_observation)[0]
    return {
        **split(frame.observation)[0],
        **{key: np.asarray(value, dtype) for key, (value, dtype) in values.items() if _is(value)},
        **{f"{AGE}{name}": np.asarray(age, np.float64) for name, age in ages.items()},
        **{f"{FINAL}{key}": value for key, value in final.items()},
        **{key: value for key, value in sensed.items() if value is not None and value.size},
    }


def _is(value: Any) -> bool:
    """Whether there is something to keep."""
    return value is not None and np.size(value) > 0


def features_of(
    frame: Frame,
    names: Mapping[str, Sequence[str]],
    info: Mapping[str, Mapping[str, Any]],
    video: Mapping[str, Any],
) -> dict[str, Feature]:
    """The features of a dataset of frames like this, with what is said of each column.

    ``video`` is said of every camera.
    """
    numbers = {k: v for k, v in row(frame).items() if not k.startswith(FINAL)}
    found: dict[str, Feature] = {}
    for key, value in {**frame.observation, **numbers}.items():
        if is_image(key, value):
            found[key] = _video(value, video)
        else:
            shape = value.shape or (1,)
            found[key] = Feature(value.dtype.name, shape, _names(key, shape, names), info.get(key))
    for key, feature in found.items():
        if "/" in key or (len(feature.shape) != 1 and feature.dtype != "video"):
            raise DatasetError(f'"{key}" {feature.shape} cannot be a column: name or shape')
    return {**found, **{key: Feature(dtype, (1,)) for key, dtype in INDEX.items()}}


def _names(
    key: str, shape: tuple[int, ...], named: Mapping[str, Sequence[str]]
) -> tuple[str, ...] | None:
    names = named.get(ACTION if key == POLICY_ACTION else key)
    if names is not None and (len(names),) != shape:
        raise DatasetError(f"{key} has {shape[0]} numbers a frame, but {len(names)} names")
    return None if names is None else tuple(names)


def _video(image: NDArray[Any], video: Mapping[str, Any]) -> Feature:
    height, width = image.shape[:2]
    info = {"video.height": height, "video.width": width, **video}
    return Feature("video", image.shape, ("height", "width", "channels"), info)


class Packer:
    """Rows of numbers as bytes of one fixed size, and back."""

    def __init__(self, features: Mapping[str, Feature]) -> None:
        kept = {
            key: feature
            for key, feature in features.items()
            if feature.dtype not in IMAGES and key not in INDEX
        }
        final = {f"{FINAL}{key}": feature for key, feature in kept.items() if has_final(key)}
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
        """One row; DatasetError if it is not like the others.

        What the dataset lacks, because it was begun without, is left out.
        """
        numbers = {k: v for k, v in numbers.items() if k in self._fields or not may_lack(k)}
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

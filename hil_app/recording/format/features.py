"""What the columns of a dataset hold, as ``meta/info.json`` declares it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from configs.text.reading import shown
from hil_app.recording.format.inside import DatasetError

IMAGES = ("video", "image")  # the kinds of columns that are images
NUMBERS = {
    "bool",
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
    *(f"float{bits}" for bits in (16, 32, 64)),
}
LONGEST_NAME, MOST_NUMBERS, MOST_SIDES = 200, 1 << 26, 8  # of a key; of a frame; of a shape
CHANNELS = (1, 3, 4)  # grey, colours, colours with transparency
_DEPTH = ("gray9", "gray10", "gray12", "gray14", "gray16", "grayf", "p016", "ya16")


@dataclass(frozen=True)
class Feature:
    """What a column holds: [1] is one number a frame, "video" an image (height, width, 3)."""

    dtype: str
    shape: tuple[int, ...]
    names: tuple[str, ...] | None = None
    info: Mapping[str, Any] | None = None  # of a video

    @classmethod
    def parse(cls, key: str, content: Any) -> Self:
        """A feature of ``info.json``; DatasetError if it is none.

        Names are left out if they are not as many as there are numbers: some tools name the whole.
        """
        if "/" in key:
            raise DatasetError(f'the feature "{key}" has a / in its name, which stands for folders')
        if key in ("", ".", "..") or len(key) > LONGEST_NAME:
            raise DatasetError(f'a feature is called "{shown(key, 40)}", which is no name')
        if not isinstance(content, Mapping) or not {"dtype", "shape"} <= content.keys():
            raise DatasetError(f'the feature "{key}" of meta/info.json has no dtype and shape')
        dtype, info = content["dtype"], content.get("info")
        if not isinstance(dtype, str) or len(dtype) > LONGEST_NAME:
            raise DatasetError(f'the feature "{key}" has the dtype {shown(dtype, 40)}')
        if info is not None and not isinstance(info, Mapping):
            raise DatasetError(f'the feature "{key}" has the info {shown(info, 40)}')
        shape = _shape(key, content["shape"])
        if dtype in IMAGES and len(shape) not in (2, 3):
            raise DatasetError(f'the images of "{key}" have the shape {list(shape)}')
        names = _flat(content.get("names"))
        fits = dtype in IMAGES or names is None or len(names) == shape[0]
        return cls(dtype, shape, names if fits else None, info)

    @property
    def is_image(self) -> bool:
        """Whether it is a camera's."""
        return self.dtype in IMAGES

    @property
    def is_number(self) -> bool:
        """Whether it holds numbers or flags, not text or what only its own tool knows."""
        return self.dtype in NUMBERS

    @property
    def size(self) -> int:
        """Numbers a frame."""
        return math.prod(self.shape)

    @property
    def is_depth(self) -> bool:
        """Whether its images are declared to be distances, which no RGB image can show."""
        info = self.info or {}
        marks = (info.get("video.is_depth_map"), info.get("is_depth_map"))
        formats = (info.get("video.pix_fmt"), info.get("pix_fmt"))
        return True in marks or any(is_deep(str(name)) for name in formats if name)

    def content(self) -> dict[str, Any]:
        """What ``info.json`` says of it."""
        names = None if self.names is None else list(self.names)
        said = {"dtype": self.dtype, "shape": list(self.shape), "names": names}
        return {**said, "info": dict(self.info)} if self.info is not None else said


def is_deep(pixels: str) -> bool:
    """Whether pixels of this kind, as FFmpeg calls it, have one value of more than 8 bits."""
    return pixels.startswith(_DEPTH)


def size_of(feature: Feature) -> tuple[int, int]:
    """Height and width of a camera's images [px], wherever their channels stand."""
    shape = feature.shape
    if len(shape) == 2:
        return shape[0], shape[1]
    first, last = (side in CHANNELS for side in (shape[0], shape[2]))
    named = (feature.names or ("",))[0].startswith("channel")
    return (shape[1], shape[2]) if first and (named or not last) else (shape[0], shape[1])


def _shape(key: str, said: Any) -> tuple[int, ...]:
    sides = said if isinstance(said, list) else []
    whole = all(isinstance(side, int) and not isinstance(side, bool) for side in sides)
    if not sides or not whole or min(sides) < 1 or len(sides) > MOST_SIDES:
        raise DatasetError(f'the feature "{key}" has the shape {shown(said, 40)}')
    if math.prod(sides) > MOST_NUMBERS:
        raise DatasetError(
            f'the feature "{key}" has the shape {shown(said, 40)}: more than {MOST_NUMBERS:,} a '
            "frame"
        )
    return tuple(sides)


def _flat(names: Any) -> tuple[str, ...] | None:
    """Names as a list; some files group them, {"motors": [...]}, or say where each is."""
    if isinstance(names, Mapping) and all(isinstance(place, int) for place in names.values()):
        names = sorted(names, key=names.__getitem__)
    elif isinstance(names, Mapping):
        names = [name for group in names.values() for name in _several(group)]
    if names is None or not isinstance(names, list):
        return None
    return tuple(shown(name, LONGEST_NAME) for name in names)


def _several(group: Any) -> list[Any]:
    return group if isinstance(group, list) else [group]

"""Cameras that show distances though nothing in ``meta/info.json`` says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np

from hil_app.recording.format.features import is_deep
from hil_app.recording.format.inside import DatasetError
from hil_app.recording.format.layout import Info
from hil_app.recording.format.tables import first_value
from hil_app.recording.images.clips import clip_of
from hil_app.recording.images.decoding import open_video, pixels_of

LOOKED_AT = 30  # images among which one shows something
ROUNDING = 2  # of 255 levels, from one kind of pixels to another
GREY = "gray16le"  # what FFmpeg calls pixels that have more than 8 bits and no colour
UNREADABLE = (DatasetError, av.FFmpegError, OSError, ValueError, IndexError)


def with_depth(root: Path, info: Info, rows: Sequence[Mapping[str, Any]]) -> Info:
    """``info`` with every camera declared as depth whose first image is.

    ``rows`` are what is known of the episodes. A camera that cannot be read stays as it is: that is
    reported when somebody wants its images.
    """
    features = dict(info.features)
    for key in info.cameras.values():
        with suppress(*UNREADABLE):
            if is_deep(_pixels(root, info, rows, key)):
                said = {**(features[key].info or {}), "is_depth_map": True}
                features[key] = replace(features[key], info=said)
    return replace(info, features=features)


def _pixels(root: Path, info: Info, rows: Sequence[Mapping[str, Any]], key: str) -> str:
    """The kind of a camera's first pixels, as FFmpeg calls it; empty if it has none.

    Depth may be in the fine levels of a video that could show colours.
    """
    if info.features[key].dtype == "image":
        if not rows:
            return ""
        path = info.data_file(root, rows[0]["data/chunk_index"], rows[0]["data/file_index"])
        return pixels_of(first_value(path, key), root)
    clip = next(filter(None, (clip_of(root, row, key, info.fps) for row in rows)), None)
    if clip is None:
        return ""
    with open_video(info.video_file(root, key, clip.chunk, clip.file)) as file:
        decoder = file.streams.video[0].codec_context  # None where the codec is not known
        if decoder is None or not decoder.pix_fmt:
            return ""
        seen = islice(file.decode(video=0), LOOKED_AT) if _is_fine(decoder.pix_fmt) else ()
        return GREY if _is_grey(seen) else str(decoder.pix_fmt)


def _is_fine(pixels: str) -> bool:
    """Whether pixels of this kind have more than 8 bits a value."""
    return max(part.bits for part in av.VideoFormat(pixels, 16, 16).components) > 8


def _is_grey(frames: Iterable[av.VideoFrame]) -> bool:
    """Whether the first image that shows anything has no colour: some codecs know no grey."""
    for frame in frames:
        image = frame.to_ndarray(format="rgb24").astype(np.int16)
        if np.ptp(image) > ROUNDING:
            return bool(np.ptp(image, axis=2).max() <= ROUNDING)
    return False


def left_out(root: Path, info: Info) -> str | None:
    """A line for who looks at a dataset that has depth; None if it has none."""
    if not info.depth:
        return None
    return f"{root}: {', '.join(info.depth)} shows depth, which nothing looks at: it is left out"

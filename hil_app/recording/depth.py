"""Cameras that show distances though nothing in ``meta/info.json`` says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import av

from hil_app.recording.clips import clip_of
from hil_app.recording.decoding import open_video, pixels_of
from hil_app.recording.features import is_deep
from hil_app.recording.inside import DatasetError
from hil_app.recording.layout import Info
from hil_app.recording.tables import first_value

UNREADABLE = (DatasetError, av.FFmpegError, OSError, ValueError, IndexError)


def with_depth(root: Path, info: Info, rows: Sequence[Mapping[str, Any]]) -> Info:
    """``info`` with every camera declared as depth whose first picture is.

    ``rows`` are what is known of the episodes. A camera that cannot be read stays as it is: that is
    told when somebody wants its pictures.
    """
    features = dict(info.features)
    for key in info.cameras.values():
        with suppress(*UNREADABLE):
            if is_deep(_pixels(root, info, rows, key)):
                said = {**(features[key].info or {}), "is_depth_map": True}
                features[key] = replace(features[key], info=said)
    return replace(info, features=features)


def _pixels(root: Path, info: Info, rows: Sequence[Mapping[str, Any]], key: str) -> str:
    """The kind of a camera's first pixels, as FFmpeg calls it; empty if it has none."""
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
        return "" if decoder is None else str(decoder.pix_fmt)


def left_out(root: Path, info: Info) -> str | None:
    """A line for who looks at a dataset that has depth; None if it has none."""
    if not info.depth:
        return None
    return f"{root}: {', '.join(info.depth)} shows depth, which nothing looks at: it is left out"

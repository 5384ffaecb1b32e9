"""The videos of edited episodes: kept as they are, or cut without encoding anything again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from configs.text.reading import shown
from configs.text.writing import new_file
from hil_app.recording.format.layout import DatasetError
from hil_app.recording.images.decoding import open_video
from hil_app.support.files import make_folder

Put = Callable[[Path, Path], None]
"""Has a file be under another name, too: by a link, or as a copy."""


@dataclass(frozen=True)
class _Image:
    time: float  # [s]
    key: bool  # whether decoding can begin with it
    packet: Any


def cut(path: Path, there: Path, start: float, count: int, fps: float) -> float | None:
    """Write the ``count`` images from ``start`` [s] on to a new mp4; returns their begin in it [s].

    Images before the first of them are in it, too, where decoding has to begin with one. None, and
    no file, if they are not stored in the order in which they are shown, as some encoders do.
    DatasetError if the file is damaged, OSError if the disk refuses.
    """
    try:
        with open_video(path) as file:
            stream = file.streams.video[0]
            images = _images(file, stream)
            if images is None:
                return None
            chosen, lead = _chosen(images, start, count, fps, path)
            make_folder(there.parent)
            with new_file(there) as sink, av.open(sink, "w", format="mp4") as target:
                _mux(target, stream, chosen)
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise DatasetError(f"{path} is damaged ({shown(error)}): restore a copy") from error
    return lead / fps


def _images(file: Any, stream: Any) -> list[_Image] | None:
    """What is in a video, in order; None if it is shown in another order than it is stored."""
    packets = [packet for packet in file.demux(stream) if packet.size]
    if any(packet.pts is None or packet.pts != packet.dts for packet in packets):
        return None
    return [_Image(float(p.pts * p.time_base), p.is_keyframe, p) for p in packets]


def _chosen(
    images: list[_Image], start: float, count: int, fps: float, path: Path
) -> tuple[list[_Image], int]:
    """The images to keep, and how many of them come before the first that is wanted."""
    near = 0.5 / fps
    first = next((n for n, image in enumerate(images) if image.time > start - near), len(images))
    if first + count > len(images):
        raise DatasetError(
            f"{path} is cut short: {len(images) - first} images of {count}: restore a copy"
        )
    begin = first
    while begin and not images[begin].key:
        begin -= 1
    return images[begin : first + count], first - begin


def _mux(target: Any, source: Any, images: list[_Image]) -> None:
    stream = target.add_stream_from_template(source, opaque=True)  # decoders cannot encode
    stream.time_base = source.time_base
    begin = images[0].packet.pts
    for image in images:
        packet = image.packet
        packet.pts = packet.dts = packet.pts - begin
        packet.stream = stream
        target.mux(packet)

"""A copy of a dataset whose images show a part of what the cameras saw."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from configs.dataset import EncodingConfig
from configs.names import OBS_IMAGES
from configs.text.paths import typed
from hil_app.recording.dataset import Dataset, EpisodeInfo
from hil_app.recording.format.layout import IMAGES, INDEX, DatasetError, size_of
from hil_app.recording.format.rows import is_image
from hil_app.recording.frames import Frame
from hil_app.recording.images.decoding import Size
from hil_app.recording.writer import DatasetSpec, DatasetWriter
from processors.base import Observation
from processors.observation import framing
from robots.base import U8

Region = tuple[int, int, int, int]  # top, left, height, width [px]
STAGE = "record"  # of episodes that say nothing of it


@dataclass(frozen=True)
class Cropped:
    """What became of a dataset."""

    episodes: int
    frames: int
    left_out: int  # last frames with nothing recorded after them
    lost: tuple[str, ...]  # columns that frames have no place for
    sizes: Mapping[str, Size]  # of the new images, by camera


def crop(
    dataset: Dataset,
    root: Path,
    regions: Mapping[str, Region],
    resize: Size | None,
    each: Callable[[Sequence[EpisodeInfo]], Iterator[EpisodeInfo]] = iter,
) -> Cropped:
    """Write a copy of ``dataset`` to the new folder ``root``, cropped and then resized.

    Numbers stay as they are; images are encoded again, with statistics of their own. ``each``
    may show how far it is. DatasetError if a region or size does not fit, or the disk refuses.
    """
    sizes = check(dataset, regions, resize)
    framed = framing(regions, resize)
    for task, episodes in groupby(each(dataset.episodes), lambda about: about.tasks[:1]):
        with closing(DatasetWriter(root, _spec(dataset, *task))) as writer:
            for about in episodes:
                frame = None
                for frame in _frames(dataset, about.index, framed):
                    writer.add(frame, about.stage or STAGE)
                if frame is not None:
                    writer.finish()
    kept = Dataset(root)
    lost = tuple(sorted(set(dataset.features) - set(kept.features)))
    return Cropped(len(kept.episodes), len(kept), len(dataset) - len(kept), lost, sizes)


def check(dataset: Dataset, regions: Mapping[str, Region], resize: Size | None) -> dict[str, Size]:
    """Height and width of the new images, by camera; DatasetError if they cannot be made."""
    for camera in regions:
        if camera not in dataset.cameras:
            there = ", ".join(dataset.cameras) or "none"
            raise DatasetError(f"--roi: {dataset.root} has no camera {camera}; it has {there}")
    sizes = {}
    for camera in dataset.cameras:
        height, width = size_of(dataset.features[dataset.info.cameras[camera]])
        if camera in regions:
            top, left, tall, wide = regions[camera]
            if top + tall > height or left + wide > width:
                raise DatasetError(
                    f"--roi {typed(camera)}={top},{left},{tall},{wide} (top, left, height, width) "
                    f"reaches outside the image, {height} high and {width} wide"
                )
            height, width = tall, wide
        sizes[camera] = resize or (height, width)
    for camera, (height, width) in sizes.items():
        if height % 2 or width % 2:
            raise DatasetError(
                f"images of {camera} would be {height} high and {width} wide, but video needs "
                f"even sides: take {height - height % 2} and {width - width % 2}"
            )
    return sizes


def _spec(dataset: Dataset, task: str = "") -> DatasetSpec:
    features = dataset.features
    names = {k: f.names for k, f in features.items() if f.names and f.dtype not in IMAGES}
    codecs = {(f.info or {}).get("video.codec") for f in features.values() if f.dtype == "video"}
    codec: Any = "av1" if codecs == {"av1"} else "h264"
    encoding = EncodingConfig(codec=codec)
    kept = {key: value for key, value in names.items() if key not in INDEX}
    info = {key: f.info for key, f in features.items() if f.info and f.dtype not in IMAGES}
    return DatasetSpec(dataset.fps, dataset.robot_type, task, kept, info, encoding)


def _frames(dataset: Dataset, episode: int, framed: Callable[[str, U8], U8]) -> Iterator[Frame]:
    """An episode's frames with new images, each made once."""
    state: Observation | None = None
    for frame in dataset.frames(episode):
        if state is None:
            state = _cropped(frame.observation, framed)
        following = _cropped(frame.next_observation, framed)
        yield replace(frame, observation=state, next_observation=following)
        state = following


def _cropped(features: Observation, framed: Callable[[str, U8], U8]) -> Observation:
    prefix = f"{OBS_IMAGES}."
    return {
        key: framed(key.removeprefix(prefix), value) if is_image(key, value) else value
        for key, value in features.items()
    }

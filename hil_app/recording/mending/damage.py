"""What of a dataset cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from hil_app.recording.dataset import Dataset, EpisodeInfo
from hil_app.recording.format.layout import DatasetError, size_of
from hil_app.recording.images.decoding import check_video


def damage(
    dataset: Dataset, each: Callable[[Sequence[EpisodeInfo]], Iterator[EpisodeInfo]] = iter
) -> Iterator[str]:
    """A line for each episode that cannot be read; every image is decoded.

    ``each`` may show how far it is.
    """
    for episode in each(dataset.episodes):
        try:
            dataset.columns(episode.index)
            for camera in dataset.cameras:
                for _ in dataset.images(episode.index, camera):
                    pass
        except DatasetError as error:
            place = f"episode {episode.index}"
            yield f"{place}: {str(error).removeprefix(f'{place}, ')}"


def damaged_videos(dataset: Dataset) -> Iterator[str]:
    """A line for each video that lacks an image or is no video, without decoding.

    An episode that a camera did not record is none.
    """
    for name, key in dataset.info.cameras.items():
        feature = dataset.features[key]
        if feature.dtype != "video":
            continue
        try:
            lacking = set(dataset.lacks(name))
        except DatasetError as error:
            yield str(error)
            continue
        for episode in (e.index for e in dataset.episodes if e.index not in lacking):
            place = f"episode {episode}, {key}: "
            try:
                dataset.check_video(episode, name)
                check_video(*dataset.video(episode, name), dataset.fps, size_of(feature))
            except DatasetError as error:
                yield f"{place}{str(error).removeprefix(place)}"

"""What a run has recorded, for tests."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil_app.recording.dataset import Dataset


def recorded(run: Path, root: Path | None = None) -> list[dict[str, NDArray[Any]]]:
    """Every episode of the dataset in a run's folder, or in ``root``, in order.

    Empty if none has been begun.

    An episode of T frames is arrays of length T, its images of length T + 1, and ``final.<key>``
    for the numbers of the last observation.
    """
    root = root or run / "dataset"
    if not (root / "meta" / "info.json").exists():
        return []
    dataset = Dataset(root)
    return [_episode(dataset, number) for number in range(len(dataset.episodes))]


def _episode(dataset: Dataset, number: int) -> dict[str, NDArray[Any]]:
    final = dataset.final(number)
    assert final is not None
    images = {
        f"observation.images.{camera}": np.stack(list(dataset.images(number, camera)))
        for camera in dataset.cameras
    }
    return {
        **dataset.columns(number),
        **{f"final.{key}": value for key, value in final.items()},
        **images,
    }


def stages(run: Path) -> list[str | None]:
    """The stage of each of its episodes."""
    return [episode.stage for episode in Dataset(run / "dataset").episodes]

"""What a browser is shown of a dataset and its episodes."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from configs.text.reading import shown
from hil_app.datasets.editing.edits import described
from hil_app.datasets.editing.history import History
from hil_app.datasets.track import track
from hil_app.page.images import jpeg
from hil_app.recording.dataset import Dataset, EpisodeInfo
from hil_app.recording.format.layout import (
    INFO,
    INTERVENTION,
    INTERVENTION_TOO,
    JOURNAL,
    DatasetError,
    Info,
)
from hil_app.recording.images.decoding import read_video
from hil_app.recording.lock import is_locked
from hil_app.support.words import data_size
from robots.base import U8

_MOST_POINTS = 4000  # of a curve: a screen has fewer


def listed_dataset(name: str, root: Path) -> dict[str, Any]:
    """A dataset in a list; ``fault`` says what is wrong with one that cannot be read."""
    found: dict[str, Any] = {"name": name, "folder": str(root), "changed": _changed(root)}
    try:
        info = Info.read(root)
    except DatasetError as error:
        return {**found, "fault": str(error)}
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    return {
        **found,
        "episodes": info.episodes,
        "frames": info.frames,
        "seconds": info.frames / info.fps,
        "robot": info.robot_type,
        "cameras": list(info.cameras),
        "size": data_size(size),
    }


def shown_dataset(root: Path) -> dict[str, Any]:
    """A dataset, its episodes, and what can be undone. DatasetError if it cannot be read."""
    state, dataset, history = state_of(root), Dataset(root), History(root)
    last = history.edits[-1] if history.edits else None
    return {
        "state": state,
        "folder": str(root),
        "fps": dataset.fps,
        "robot": dataset.robot_type,
        "cameras": dataset.cameras,
        "frames": len(dataset),
        "episodes": [_row(dataset, about) for about in dataset.episodes],
        "busy": _busy(root),
        "undo": None if last is None else {"at": last.at, "what": described(last.operations)},
        "edits": len(history.edits),
        "kept": data_size(history.size()) if history.folder.is_dir() else None,
        "restorable": [
            {"edit": edit, "episode": about.index, "length": about.length, "success": about.success}
            for edit, about in history.restorable()
        ],
    }


def state_of(root: Path) -> str:
    """Which state of a dataset this is: another one whenever its episodes are others."""
    facts = (root / INFO).stat()
    return f"{facts.st_ino}-{facts.st_mtime_ns}"


def shown_episode(dataset: Dataset, episode: int, link: Callable[[Path], str]) -> dict[str, Any]:
    """An episode: its curves over its frames, and where its videos are. DatasetError.

    Of a very long one every so many-th frame is in the curves.
    """
    found, about = track(dataset, episode), dataset.episodes[episode]
    frames = np.arange(0, found.length, -(-found.length // _MOST_POINTS))
    curves = {**found.motions}
    if found.gripper is not None:
        curves["gripper"] = found.gripper
    return {
        **_row(dataset, about),
        "title": found.title,
        "end": found.end,
        "fps": dataset.fps,
        "frames": frames.tolist(),
        "motions": {shown(name, 40): _listed(curves[name][frames]) for name in curves},
        "reward": None if found.reward is None else _listed(found.reward[frames]),
        "interventions": found.interventions,
        "pauses": found.pauses,
        "successes": found.successes,
        "cameras": [_camera(dataset, episode, camera, link) for camera in dataset.cameras],
    }


def images_of(dataset: Dataset, episode: int, camera: str, first: int, count: int) -> list[str]:
    """Images of an episode as JPEG, each a data URL, for who cannot play a video. DatasetError."""
    if camera not in dataset.cameras:
        raise DatasetError(f"{dataset.root} has no camera {shown(camera, 40)}")
    count = max(0, min(count, dataset.episodes[episode].length - first))
    return [
        f"data:image/jpeg;base64,{b64encode(jpeg(image)).decode()}"
        for image in islice(_images(dataset, episode, camera, first, count), count)
    ]


def _images(dataset: Dataset, episode: int, camera: str, first: int, count: int) -> Iterator[U8]:
    if dataset.features[dataset.info.cameras[camera]].dtype != "video":
        return islice(dataset.images(episode, camera), first, None)
    path, start, _ = dataset.video(episode, camera)
    return read_video(path, start + first / dataset.fps, count, dataset.fps)


def _row(dataset: Dataset, about: EpisodeInfo) -> dict[str, Any]:
    """An episode in a list."""
    return {
        "index": about.index,
        "length": about.length,
        "success": about.success,
        "stage": about.stage,
        "task": ", ".join(about.tasks),
        "recovered": about.recovered,
        "share": _share(dataset, about.index),
    }


def _share(dataset: Dataset, episode: int) -> float | None:
    """Share of the frames in which the operator acted; None where that is not known."""
    keys = [key for key in (INTERVENTION, INTERVENTION_TOO) if key in dataset.features]
    try:
        return float(dataset.columns(episode, keys[:1])[keys[0]].mean()) if keys else None
    except DatasetError:  # the episode itself says what is wrong
        return None


def _camera(
    dataset: Dataset, episode: int, camera: str, link: Callable[[Path], str]
) -> dict[str, Any]:
    """A camera's images: a video from ``start`` [s] on, or none that a browser could load."""
    found: dict[str, Any] = {"name": camera, "video": None, "start": 0.0}
    if dataset.features[dataset.info.cameras[camera]].dtype != "video":
        return found
    if episode in dataset.lacks(camera):
        return {**found, "missing": True}
    path, start, _ = dataset.video(episode, camera)
    facts = path.stat()  # another file may have its name after an edit
    return {**found, "video": f"{link(path)}&is={facts.st_ino}-{facts.st_mtime_ns}", "start": start}


def _busy(root: Path) -> str | None:
    """Why it cannot be edited in place now."""
    if is_locked(root):
        return "it is being recorded into"
    if (root / JOURNAL).exists():
        return "a crash has cut an episode short: `hil-app dataset repair` brings it back"
    return None


def _changed(root: Path) -> float:
    return (root / INFO).stat().st_mtime


def _listed(values: Any) -> list[float | None]:
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values]

"""What there is in a dataset, in figures."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from configs.names import DONE, OBS_IMAGES, REWARD
from configs.text.reading import shown
from hil_app.datasets.track import Column
from hil_app.recording.dataset import Dataset, EpisodeInfo
from hil_app.recording.format.columns import UNITS, Group, grouped
from hil_app.recording.format.layout import (
    INDEX,
    INFO,
    INTERVENTION,
    INTERVENTION_TOO,
    JOURNAL,
    RECOVERY,
    DatasetError,
    Feature,
    size_of,
)
from hil_app.recording.journal import BARE_ROW, ROW, Records
from hil_app.recording.mending.damage import damaged_videos

LISTED = 10  # episodes that cannot be read
LENGTHS: dict[str, Callable[[list[int]], float]] = {"min": min, "median": median, "max": max}


@dataclass(frozen=True)
class UnfinishedEpisode:
    """An episode that is not in the dataset yet."""

    frames: int
    bytes: int
    seconds: float  # since it last grew [s]


@dataclass(frozen=True)
class Overview:
    """A dataset in figures; lists have a value for each episode."""

    root: Path
    robot: str
    fps: float
    frames: int
    lengths: list[int]  # [frames]
    interventions: (
        list[int] | None
    )  # frames in which the operator acted; None if that is not recorded
    successes: list[bool | None]  # None where it is not known
    stages: dict[str, int]  # episodes by what they were recorded in
    tasks: dict[str, int]  # episodes by task
    features: dict[str, str]
    columns: dict[Group, dict[str, str]]  # of numbers, by what they belong to, with their units
    cameras: dict[str, str]  # size and codec of the images, by name
    recovered: list[int]  # episodes brought back after a crash
    faults: list[str]  # what of it cannot be read
    open_episode: UnfinishedEpisode | None
    bytes: int  # on the disk

    @property
    def success_rate(self) -> float | None:
        """Share of the episodes that succeeded, of those of which it is known."""
        known = [success for success in self.successes if success is not None]
        return sum(known) / len(known) if known else None

    @property
    def intervention_share(self) -> float | None:
        """Share of the frames in which the operator acted; None if that is not recorded."""
        return None if self.interventions is None else sum(self.interventions) / max(1, self.frames)

    def content(self) -> dict[str, Any]:
        """All of it as JSON values."""
        lengths = self.lengths
        found = {name: of(lengths) for name, of in LENGTHS.items()} if lengths else None
        return {
            "root": str(self.root),
            "robot_type": self.robot,
            "fps": self.fps,
            "episodes": len(lengths),
            "frames": self.frames,
            "seconds": round(self.frames / self.fps, 3),
            "length": found,
            "success_rate": self.success_rate,
            "intervention_share": self.intervention_share,
            "stages": self.stages,
            "tasks": self.tasks,
            "cameras": self.cameras,
            "features": self.features,
            "columns": self.columns,
            "recovered": self.recovered,
            "faults": self.faults,
            "under_way": None if self.open_episode is None else vars(self.open_episode),
            "bytes": self.bytes,
            "lengths": lengths,
            "interventions": self.interventions,
            "successes": self.successes,
        }


def overview(root: Path) -> Overview:
    """Look at all numbers of the dataset in ``root``, and at what its videos hold; DatasetError.

    No image is decoded.
    """
    dataset = Dataset(root)
    episodes = dataset.episodes
    columns, faults = _columns(dataset)
    intervened = next(
        (columns[key] for key in (INTERVENTION, INTERVENTION_TOO) if key in columns), None
    )
    return Overview(
        root=root,
        robot=dataset.robot_type,
        fps=dataset.fps,
        frames=len(dataset),
        lengths=[episode.length for episode in episodes],
        interventions=None if intervened is None else [int(part.sum()) for part in intervened],
        successes=[_success(episode, columns) for episode in episodes],
        stages=dict(Counter(episode.stage for episode in episodes if episode.stage)),
        tasks=dict(Counter(task for episode in episodes for task in episode.tasks)),
        features={
            key: f"{feature.dtype} {list(feature.shape)}"
            for key, feature in dataset.features.items()
        },
        columns=_groups(dataset.features),
        cameras=_cameras(dataset),
        faults=[*_declared_wrong(dataset), *faults, *_few(damaged_videos(dataset))],
        recovered=[episode.index for episode in episodes if episode.recovered],
        open_episode=_open_episode(root),
        bytes=_size(root),
    )


def _groups(features: Mapping[str, Feature]) -> dict[Group, dict[str, str]]:
    """The columns of numbers, but for those that follow from a frame's place."""
    numbers = [key for key, f in features.items() if not f.is_image and key not in INDEX]
    return {
        group: {key: _said(features[key]) for key in keys}
        for group, keys in grouped(numbers).items()
    }


def _said(feature: Feature) -> str:
    """What a column holds, with the units of its numbers, each once."""
    said = f"{shown(feature.dtype, 40)} {list(feature.shape)}"
    units = (feature.info or {}).get(UNITS)
    if not isinstance(units, list):
        return said
    return f"{said} {', '.join(dict.fromkeys(shown(unit, 40) for unit in units))}"


def _columns(dataset: Dataset) -> tuple[dict[str, list[Column]], list[str]]:
    """The columns of interest that there are, by episode, and what cannot be read."""
    keys = [
        key for key in (INTERVENTION, INTERVENTION_TOO, REWARD, DONE) if key in dataset.features
    ]
    found: dict[str, list[Column]] = {key: [] for key in keys}
    faults: list[str] = []
    for episode in dataset.episodes:
        try:
            columns = dataset.columns(episode.index)
        except DatasetError as error:
            faults.append(str(error))
            continue
        for key in keys:
            found[key].append(columns[key])
    return ({} if faults else found), _few(faults)


def _few(faults: Iterable[str]) -> list[str]:
    """The first faults, and how many there are beside them."""
    different = [*dict.fromkeys(faults)]
    more = len(different) - LISTED
    return [*different[:LISTED], *([f"and {more} more"] if more > 0 else [])]


def _declared_wrong(dataset: Dataset) -> Iterator[str]:
    """What ``info.json`` says that cannot be."""
    there = len(dataset)
    if dataset.info.frames != there:
        yield (
            f"{INFO} counts {dataset.info.frames} frames, but the episodes have {there}: set "
            "total_frames right"
        )
    for key, feature in dataset.features.items():
        kept = feature.is_number or feature.is_image or feature.dtype == "string"
        if not kept and key.startswith(("observation.", "action", "next.")):
            yield f"{key} is of the kind {shown(feature.dtype, 40)}, which is no number"


def _success(episode: EpisodeInfo, columns: dict[str, list[Column]]) -> bool | None:
    """As it is recorded, or else whether the episode ended with a reward."""
    if episode.success is not None or not {REWARD, DONE} <= columns.keys() or not episode.length:
        return episode.success
    reward, done = (columns[key][episode.index][-1] for key in (REWARD, DONE))
    return bool(done and reward > 0)


def _cameras(dataset: Dataset) -> dict[str, str]:
    """Size and codec of each camera's images, and which episodes have none."""
    found = {}
    for name, key in dataset.info.cameras.items():
        feature = dataset.features[key]
        height, width = size_of(feature)
        codec = shown((feature.info or {}).get("video.codec") or "", 20)
        found[name] = f"{width}x{height} {codec}".strip()
        with suppress(DatasetError):  # which is one of the faults
            if lacking := dataset.lacks(name):
                which = ", ".join(map(str, lacking[:10])) + (", …" if len(lacking) > 10 else "")
                found[name] += f", not in {'episode' if len(lacking) == 1 else 'episodes'} {which}"
    for key in dataset.info.depth:
        found[key.removeprefix(f"{OBS_IMAGES}.")] = "depth, left out"
    return found


def _open_episode(root: Path) -> UnfinishedEpisode | None:
    path = root / JOURNAL
    try:
        facts = path.stat()
        with Records(path) as records:
            frames = sum(kind in (ROW, BARE_ROW) for kind, _, _ in records)
    except OSError:  # there is none, or it has come to its end in the meantime
        return None
    return UnfinishedEpisode(frames, facts.st_size, max(0.0, time.time() - facts.st_mtime))


def _size(root: Path) -> int:
    """Bytes of all files but the open episode's."""
    paths = (path for path in root.rglob("*") if root / RECOVERY not in path.parents)
    return sum(_bytes(path) for path in paths)


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:  # it was a draft
        return 0

"""A copy of a dataset in the terms that most imitation learning takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, repeat
from pathlib import Path
from typing import Any

import pyarrow as pa

from configs.names import ACTION, OBS_STATE
from hil_app.datasets.joints import Joints
from hil_app.recording.dataset import Dataset, EpisodeInfo
from hil_app.recording.format.columns import CONFIG, UNITS
from hil_app.recording.format.layout import (
    CHUNK,
    DATA_PATH,
    FINAL,
    GROUP,
    INDEX,
    DatasetError,
    Feature,
    Info,
    data_file,
    episodes_file,
    episodes_place,
    place,
)
from hil_app.recording.format.rows import Numbers
from hil_app.recording.format.spec import motion_of
from hil_app.recording.format.stats import Stats, merged_all, of_column, write_stats
from hil_app.recording.format.tables import (
    data_table,
    episode_files,
    episode_row,
    read_table,
    read_tasks,
    stats_of,
    write_table,
    write_tasks,
)
from hil_app.recording.mending.damage import damaged_videos
from hil_app.recording.mending.set_aside import copied
from hil_app.recording.values import check_values

Each = Callable[[Sequence[EpisodeInfo]], Iterator[EpisodeInfo]]


@dataclass(frozen=True)
class Converted:
    """What became of a dataset."""

    episodes: int
    frames: int
    joints: tuple[str, ...]
    units: tuple[str, ...]


def as_joints(dataset: Dataset, root: Path, each: Each = iter) -> Converted:
    """Write a copy to the new folder ``root`` whose actions are joint targets.

    What is observed is the measured joints, and the images as they are: videos are copied. Nothing
    else of a frame is kept. ``each`` may show how far it is. DatasetError if the joints were not
    recorded, or the dataset is damaged; OSError if the disk refuses.
    """
    joints = _joints(dataset)
    info = _info(dataset, joints)
    known, stats = _known(dataset.root), dict[str, Stats]()
    for number, group in groupby(each(dataset.episodes), lambda about: about.index // GROUP):
        rows = []
        for about in group:
            columns, final = _columns(dataset, about.index, joints)
            write_table(data_file(root, about.index), data_table(columns, info.features))
            found = _stats(known[about.index], columns, info)
            stats = merged_all(stats, found)
            rows.append(episode_row(_facts(known[about.index], about.index), final, found))
        table = pa.concat_tables(rows, promote_options="permissive")
        write_table(episodes_file(root, number * GROUP), table.combine_chunks())
    for path in _videos(dataset):
        copied(path, root / path.resolve().relative_to(dataset.root.resolve()))
    write_tasks(root, read_tasks(dataset.root))
    write_stats(root, stats)
    info.write(root)
    return Converted(info.episodes, info.frames, info.features[ACTION].names or (), joints.units)


def _joints(dataset: Dataset) -> Joints:
    """Where they are; DatasetError if there is nothing to convert."""
    joints = Joints.of(dataset)
    if not dataset.episodes:
        raise DatasetError(f"{dataset.root} has no episodes yet: record some")
    if joints.measured is None:
        raise DatasetError(
            f"{dataset.root}: joints were not recorded: it was begun by an earlier version, with a "
            "policy that did not see them (processor.observation.joints). Record it again"
        )
    return joints


def _info(dataset: Dataset, joints: Joints) -> Info:
    """What the copy says of itself."""
    targets = dataset.features[joints.targets]
    units, motion = {UNITS: list(joints.units)}, motion_of(dataset.info)
    robot = {CONFIG: {"robot": motion["robot"]}} if "robot" in motion else {}
    positions = Feature(targets.dtype, targets.shape, joints.names, units)
    actions = replace(positions, info={**units, **robot})
    cameras = {key: dataset.features[key] for key in dataset.info.cameras.values()}
    index = {key: Feature(dtype, (1,)) for key, dtype in INDEX.items()}
    features = {OBS_STATE: positions, **cameras, ACTION: actions, **index}
    return replace(dataset.info, features=features, chunk=CHUNK, data_path=DATA_PATH)


def _columns(dataset: Dataset, episode: int, joints: Joints) -> tuple[Numbers, Numbers]:
    """The numbers of an episode, and those of what was measured at its end, if that is known."""
    check_values(dataset, episode, [key for key in (joints.measured, joints.targets) if key])
    columns, measured = dataset.columns(episode), joints.at(dataset, episode)
    assert measured is not None
    length = len(columns[joints.targets])
    seen, final = measured[:length], measured[length:]
    found = {key: columns[key] for key in INDEX}
    return {**found, OBS_STATE: seen, ACTION: joints.sent(dataset, episode)}, (
        {f"{FINAL}{OBS_STATE}": final[0]} if len(final) else {}
    )


def _known(root: Path) -> dict[int, Mapping[str, Any]]:
    """What is known of each episode, with its statistics."""
    tables = map(read_table, episode_files(root), repeat(None), repeat("final/"))
    return {row["episode_index"]: row for table in tables for row in table.to_pylist()}


def _facts(known: Mapping[str, Any], episode: int) -> dict[str, Any]:
    """What stays true of an episode, and where its numbers are now."""
    kept = {key: value for key, value in known.items() if not key.startswith("stats/")}
    here = {"data": place(episode), "meta/episodes": episodes_place(episode)}
    places = {f"{of}/{key}": value for of, found in here.items() for key, value in found.items()}
    return {**kept, **places}


def _stats(known: Mapping[str, Any], columns: Numbers, info: Info) -> dict[str, Stats]:
    """The statistics of an episode: of its images those that are known."""
    before = stats_of({k: v for k, v in known.items() if v is not None})
    images = {key: before[key] for key in info.cameras.values() if key in before}
    return {**images, **{key: of_column(values) for key, values in columns.items()}}


def _videos(dataset: Dataset) -> list[Path]:
    """The files of all videos; DatasetError if one is damaged."""
    for problem in damaged_videos(dataset):
        raise DatasetError(f"{dataset.root}: {problem}")
    numbers = [about.index for about in dataset.episodes]
    return sorted({dataset.video(n, camera)[0] for n in numbers for camera in dataset.cameras})

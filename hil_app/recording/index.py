"""What a dataset holds, and how an episode comes to count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from configs.names import DONE, TRUNCATED
from hil_app.recording.format.checksums import CHECKSUM, checksum_of
from hil_app.recording.format.layout import (
    FINAL,
    GROUP,
    SUCCESS,
    DatasetError,
    Info,
    data_file,
    episodes_file,
    episodes_place,
    place,
    size_of,
    video_file,
)
from hil_app.recording.format.rows import Numbers
from hil_app.recording.format.stats import Stats, merged_all, of_column, read_stats, write_stats
from hil_app.recording.format.tables import (
    data_table,
    episode_row,
    read_table,
    read_tasks,
    stats_of,
    write_table,
    write_tasks,
)
from hil_app.recording.images.video import write_video


@dataclass(frozen=True)
class EpisodeData:
    """An episode of T frames that is to be kept."""

    columns: Numbers  # of length T; and what was seen last, as ``final/<key>`` of length 1
    packets: Mapping[str, Iterable[tuple[int, bool, bytes]]]  # by key: T + 1 encoded images
    images: Mapping[str, Stats]
    stage: str
    task: str
    recovered: bool
    codec: str
    leads: Mapping[str, int] = field(default_factory=dict)  # more images at a video's begin


class DatasetIndex:
    """The totals of a dataset, and all that changes with an episode more."""

    def __init__(self, root: Path, info: Info) -> None:
        self.root, self.info = root, info
        self.tasks = read_tasks(root)

    @cached_property
    def stats(self) -> dict[str, Stats]:
        """The statistics of all episodes by feature."""
        found = read_stats(self.root)
        if _counted(found) != self.info.frames:  # a crash came between them, or it was lost
            return self._counted_again(self.info.episodes)
        return found

    def write_stats(self) -> None:
        """Have the file of the statistics be of all episodes; OSError if the disk refuses."""
        if _counted(read_stats(self.root)) != self.info.frames:
            write_stats(self.root, self.stats)

    @cached_property
    def _group(self) -> Any:
        """What is known of the episodes that share a file with the next one; None for its first."""
        index = self.info.episodes
        if index % GROUP == 0:
            return None
        return read_table(episodes_file(self.root, index)).slice(0, index % GROUP)

    def truncate(self, count: int) -> None:
        """Let only the first ``count`` episodes count; OSError if the disk refuses.

        Call :meth:`trim` once the others' files are gone: until then they could count again.
        """
        frames = last_row(self.root, count)["dataset_to_index"] if count else 0
        self.stats = self._counted_again(count)
        self.info = self.info.counting(episodes=count, frames=frames, tasks=len(self.tasks))
        self.info.write(self.root)
        write_stats(self.root, self.stats)

    def trim(self) -> None:
        """Leave only episodes that count in the file that tells of the last ones."""
        self.__dict__.pop("_group", None)
        path = episodes_file(self.root, self.info.episodes)
        if self._group is not None and read_table(path).num_rows > len(self._group):
            write_table(path, self._group)

    def _counted_again(self, count: int) -> dict[str, Stats]:
        """The statistics of the first ``count`` episodes, from those of each."""
        stats: dict[str, Stats] = {}
        for first in range(0, count, GROUP):
            table = read_table(episodes_file(self.root, first)).slice(0, count - first)
            for row in table.to_pylist():
                stats = merged_all(stats, stats_of(row))
        return stats

    def keep(self, episode: EpisodeData) -> None:
        """Write an episode; it counts when this returns. OSError if the disk refuses."""
        index = self.info.episodes
        columns, facts = self._columns(episode), facts_of(self.info, episode)
        for key, packets in episode.packets.items():
            size = size_of(self.info.features[key])
            path = video_file(self.root, key, index)
            write_video(path, packets, size, self.info.fps, episode.codec)
            facts[f"videos/{key}/{CHECKSUM}"] = checksum_of(path)
        write_table(data_file(self.root, index), data_table(columns, self.info.features))
        stats = {
            key: episode.images[key] if key in episode.images else of_column(columns[key])
            for key in self.info.features
        }
        final = {key: values for key, values in columns.items() if key.startswith(FINAL)}
        row = episode_row(facts, final, stats)
        group = row if index % GROUP == 0 else _appended(self._group, row)
        write_table(episodes_file(self.root, index), group)
        if episode.task not in self.tasks:
            self.tasks.append(episode.task)
            write_tasks(self.root, self.tasks)
        self.stats = merged_all(self.stats, stats)
        write_stats(self.root, self.stats)
        length = len(columns[DONE])
        self.info = self.info.counting(
            episodes=index + 1, frames=self.info.frames + length, tasks=len(self.tasks)
        )
        self.info.write(self.root)
        self._group = group

    def _columns(self, episode: EpisodeData) -> Numbers:
        """All columns: the episode's and those that follow from its place in the dataset."""
        columns = dict(episode.columns)
        length = len(columns[DONE])
        columns[TRUNCATED] = columns[TRUNCATED].copy()
        columns[TRUNCATED][-1] |= not columns[DONE][-1]
        number = np.arange(length)
        task = self.tasks.index(episode.task) if episode.task in self.tasks else len(self.tasks)
        return {
            **columns,
            "timestamp": (number / self.info.fps).astype(np.float32),
            "frame_index": number,
            "episode_index": np.full(length, self.info.episodes),
            "index": self.info.frames + number,
            "task_index": np.full(length, task),
        }


def facts_of(info: Info, episode: EpisodeData) -> dict[str, Any]:
    """What is known of the episode that comes after those that ``info`` counts."""
    columns, where = episode.columns, place(info.episodes)
    length = len(columns[DONE])
    facts: dict[str, Any] = {
        "episode_index": info.episodes,
        "tasks": [episode.task],
        "length": length,
        "stage": episode.stage,
        "success": bool(columns[SUCCESS].any()),
        "recovered": episode.recovered,
        "dataset_from_index": info.frames,
        "dataset_to_index": info.frames + length,
        **{f"data/{key}": value for key, value in where.items()},
        **{f"meta/episodes/{k}": v for k, v in episodes_place(info.episodes).items()},
    }
    for camera in info.cameras.values():
        video, lead = f"videos/{camera}", episode.leads.get(camera, 0)
        facts |= {f"{video}/{key}": value for key, value in where.items()}
        facts[f"{video}/from_timestamp"] = lead / info.fps
        facts[f"{video}/to_timestamp"] = (lead + length) / info.fps
    return facts


def _appended(group: Any, row: Any) -> Any:
    """A table with a row more; it may have other types from another tool, or lack a column."""
    for name in row.column_names:
        if name not in group.column_names:
            group = group.append_column(name, pa.nulls(len(group), row.schema.field(name).type))
    same = group.select(row.column_names).cast(row.schema)
    return pa.concat_tables([same, row]).combine_chunks()  # chunks of a row are slow to write


def last_row(root: Path, count: int) -> dict[str, Any]:
    """What is known of the last of ``count`` episodes of ours; DatasetError if it is damaged."""
    path = episodes_file(root, count - 1)
    table = read_table(path).slice((count - 1) % GROUP, 1)
    rows = table.to_pylist()
    if len(rows) != 1 or rows[0].get("episode_index") != count - 1:
        raise DatasetError(f"{path} does not say what episode {count - 1} is: restore a copy")
    found: dict[str, Any] = rows[0]
    return found


def _counted(stats: Mapping[str, Stats]) -> int:
    """The frames that statistics are of."""
    return int(stats["index"]["count"][0]) if "index" in stats else 0

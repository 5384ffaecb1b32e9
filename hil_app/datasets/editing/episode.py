"""One episode of an edited dataset: its numbers, what is known of it, its videos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from hil_app.datasets.editing.outcome import outcome_of
from hil_app.datasets.editing.plan import Kept
from hil_app.datasets.editing.tables import Tables, with_column, with_values
from hil_app.datasets.editing.videos import Put, cut
from hil_app.recording.format.checksums import CHECKSUM, checksum_of
from hil_app.recording.format.columns import has_final
from hil_app.recording.format.layout import (
    FINAL,
    INDEX,
    SUCCESS,
    data_file,
    episodes_place,
    place,
    video_file,
)
from hil_app.recording.format.rows import Numbers
from hil_app.recording.format.stats import Levels, Stats, of_column
from hil_app.recording.format.tables import TASK_INDEX, stats_of, write_table
from hil_app.recording.images.clips import clip_of

PLACED = ("episode_index", "index", TASK_INDEX)  # the columns that say where an episode stands


@dataclass(frozen=True)
class Target:
    """Where an episode goes."""

    root: Path
    number: int
    start: int  # frames before it
    tasks: list[str]  # of the edited dataset


class EditedEpisode:
    """An episode on its way into an edited dataset. DatasetError if what is there is damaged."""

    def __init__(self, kept: Kept, tables: Tables, target: Target, put: Put) -> None:
        self._kept, self._tables, self._target, self._put = kept, tables, target, put
        self._dataset, self._episode = kept.dataset, kept.episode
        self._known = tables.known(kept.episode)
        [self._row] = self._known.drop_columns(
            [name for name in self._known.column_names if name.startswith(("stats/", FINAL))]
        ).to_pylist()

    def write(self) -> tuple[Any, dict[str, Stats]]:
        """Write its files; returns what is known of it, a table of one row, and its statistics.

        OSError if the disk refuses.
        """
        stats = stats_of({k: v for k, v in self._stats_row().items() if v is not None})
        if self._stays():
            self._put(self._data(), data_file(self._target.root, self._target.number))
            return with_values(self._known, self._videos()), stats
        columns = self._columns()
        self._write_data(columns)
        changed = {key: of_column(columns[key]) for key in self._recounted(columns, stats)}
        if self._kept.is_trimmed:
            changed |= self._image_stats()
        stats = {**stats, **changed}
        facts = {**self._facts(columns), **self._videos(), **_said(changed), **self._final()}
        return with_values(self._known, facts), stats

    def _stats_row(self) -> Mapping[str, Any]:
        names = [name for name in self._known.column_names if name.startswith("stats/")]
        [row] = self._known.select(names).to_pylist()
        return row if isinstance(row, dict) else {}

    def _stays(self) -> bool:
        """Whether its numbers are the same file: it keeps its place, and nothing is changed."""
        return (
            self._tables.is_ours
            and not self._kept.is_changed
            and self._episode == self._target.number
            and self._row["dataset_from_index"] == self._target.start
            and self._tables.tasks == self._target.tasks[: len(self._tables.tasks)]
        )

    def _data(self) -> Path:
        where = self._row["data/chunk_index"], self._row["data/file_index"]
        return self._tables.info.data_file(self._tables.root, *where)

    def _columns(self) -> Numbers:
        """All numbers of the frames that are kept."""
        kept, number = self._kept, self._target.number
        found = self._dataset.columns(self._episode)
        columns = {key: values[kept.first : kept.end] for key, values in found.items()}
        columns |= outcome_of(found, kept.first, kept.end, kept.success)
        index = {
            **{key: found[key][: kept.length] for key in ("timestamp", "frame_index")},
            "episode_index": np.full(kept.length, number),
            "index": self._target.start + np.arange(kept.length),
            TASK_INDEX: self._task_index(columns[TASK_INDEX]),
        }
        return {**columns, **index}

    def _task_index(self, values: Any) -> Any:
        """The tasks' places in the edited dataset."""
        tasks = self._tables.tasks
        if tasks == self._target.tasks[: len(tasks)]:
            return values
        places = np.array([self._target.tasks.index(task) for task in tasks])
        return places[values]

    def _write_data(self, columns: Numbers) -> None:
        """Write the rows: those that were there, but for what has changed of them."""
        rows = self._dataset.rows(self._episode).table.slice(self._kept.first, self._kept.length)
        before = self._dataset.columns(self._episode)
        for key, values in columns.items():
            was = before[key][self._kept.first : self._kept.end]
            if key in INDEX or not np.array_equal(values, was, equal_nan=values.dtype.kind == "f"):
                rows = with_column(rows, key, values)
        write_table(data_file(self._target.root, self._target.number), rows.combine_chunks())

    def _recounted(self, columns: Numbers, stats: Mapping[str, Stats]) -> list[str]:
        """The numbers whose statistics are others now, or were not known."""
        return [
            key for key in columns if self._kept.is_changed or key not in stats or key in PLACED
        ]

    def _image_stats(self) -> dict[str, Stats]:
        """The statistics of the images that are kept, each decoded."""
        found = {}
        for camera, key in self._dataset.info.cameras.items():
            if self._episode in self._dataset.lacks(camera):
                continue
            levels = Levels()
            images = self._dataset.images(self._episode, camera)
            for image in islice(images, self._kept.first, self._kept.end):
                levels.add(image)
            found[key] = levels.stats()
        return found

    def _facts(self, columns: Numbers) -> dict[str, Any]:
        number, start, length = self._target.number, self._target.start, self._kept.length
        here = {"data": place(number), "meta/episodes": episodes_place(number)}
        return {
            "episode_index": number,
            "length": length,
            "dataset_from_index": start,
            "dataset_to_index": start + length,
            **{f"{of}/{key}": value for of, found in here.items() for key, value in found.items()},
            **self._success(columns),
        }

    def _success(self, columns: Numbers) -> dict[str, Any]:
        """Whether it succeeded, where that is said of an episode, or is said now."""
        kept = self._kept
        if SUCCESS in columns and ("success" in self._row or kept.success is not None):
            return {"success": bool(columns[SUCCESS].any())}
        if kept.success is not None:
            return {"success": kept.success}
        cut_off = kept.end < self._dataset.episodes[self._episode].length
        return {"success": None} if cut_off and "success" in self._row else {}

    def _final(self) -> dict[str, Any]:
        """What was seen last, where an end is left out: what the first frame behind it has."""
        kept, videos = self._kept, all(map(self._is_video, self._dataset.info.cameras.values()))
        if kept.end == self._dataset.episodes[self._episode].length or not videos:
            return {}
        columns = self._dataset.columns(self._episode)
        seen = {key: values[kept.end] for key, values in columns.items() if has_final(key)}
        return {
            f"{FINAL}{key}": pa.array(
                [value.reshape(-1)], pa.list_(pa.from_numpy_dtype(value.dtype))
            )
            for key, value in seen.items()
        }

    def _is_video(self, key: str) -> bool:
        return self._dataset.features[key].dtype == "video"

    def _videos(self) -> dict[str, Any]:
        """Bring its videos over; returns where they are."""
        features, found = self._tables.info.features, {}
        for key in (key for key, feature in features.items() if feature.dtype == "video"):
            found.update(self._video(key))
        return found

    def _video(self, key: str) -> dict[str, Any]:
        kept, fps, target = self._kept, self._dataset.fps, self._target
        clip = clip_of(self._tables.root, self._row, key, fps)
        if clip is None:
            return {}
        path = self._tables.info.video_file(self._tables.root, key, clip.chunk, clip.file)
        start, own = clip.start + kept.first / fps, self._tables.is_ours
        there = (
            video_file(target.root, key, target.number)
            if own
            else target.root / path.relative_to(self._tables.root)
        )
        said: dict[str, Any] = dict(place(target.number)) if own else {}
        if kept.is_trimmed:
            ends = kept.end == self._dataset.episodes[self._episode].length
            count = kept.length + (not ends or self._dataset.final(self._episode) is not None)
            begin = cut(path, there, start, count, fps) if own else None
            if begin is not None:
                start, said[CHECKSUM] = begin, checksum_of(there)
            said |= {"from_timestamp": start, "to_timestamp": start + kept.length / fps}
        if not there.exists():
            self._put(path, there)
        return {f"videos/{key}/{name}": value for name, value in said.items()}


def _said(stats: Mapping[str, Stats]) -> dict[str, Any]:
    return {
        f"stats/{key}/{name}": values.tolist()
        for key, found in stats.items()
        for name, values in found.items()
    }

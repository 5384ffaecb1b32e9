"""The index of a dataset, brought in line with the files of its episodes: whatever is whole counts.

The index is ``meta``: it may be older than the episodes, or damaged, where they are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from configs.names import DONE, TRUNCATED
from hil_app.recording.format.columns import has_final
from hil_app.recording.format.layout import (
    CHUNK,
    DATA_PATH,
    FINAL,
    GROUP,
    IMAGES,
    TASKS,
    VIDEO_PATH,
    DatasetError,
    Info,
    data_file,
    episodes_file,
    place,
    video_file,
)
from hil_app.recording.format.rows import Numbers
from hil_app.recording.format.stats import Levels, Stats, of_column
from hil_app.recording.format.tables import (
    TASK_INDEX,
    columns_of,
    episode_files,
    episode_row,
    read_table,
    read_tasks,
    write_table,
    write_tasks,
)
from hil_app.recording.images.decoding import read_video
from hil_app.recording.images.video import images_in
from hil_app.recording.index import EpisodeData, facts_of
from hil_app.recording.mending.recovery import JournalContent, numbers_of
from hil_app.recording.mending.set_aside import SetAsideFiles

IndexRow = Mapping[str, Any]
STAGE = "record"  # of an episode, if nothing tells


def is_ours(root: Path, info: Info) -> bool:
    """Whether each episode has files of its own, as here; other tools put several in one."""
    if (info.chunk, info.data_path) != (CHUNK, DATA_PATH):
        return False
    return info.video_path in (None, VIDEO_PATH) and all(map(_ours, _known(root).values()))


class Reindex:
    """Has every episode of ours count whose files are whole, in order.

    An episode that ``journal`` has, too, is left to it if the index knows nothing of it. Only the
    index is written; what it was goes ``set_aside``.
    """

    def __init__(
        self, root: Path, info: Info, set_aside: SetAsideFiles, journal: JournalContent | None
    ) -> None:
        self._root, self._was, self._set_aside, self._journal = root, info, set_aside, journal
        self._rows = _known(root)
        self._tasks = _tasks(root, self._rows)
        self._made: dict[int, Any] = {}  # rows that were lost, as tables, by episode
        self.info = info.counting(episodes=0, frames=0, tasks=0)
        self.found = 0  # episodes that the index did not know, or no more

    def run(self) -> None:
        """Do it; ``info`` counts all then.

        DatasetError if an episode that counted has lost both its files and what was known of it,
        OSError if the disk refuses: nothing is lost then.
        """
        while (length := self._next()) is not None:
            episodes, frames = self.info.episodes + 1, self.info.frames + length
            self.info = self.info.counting(episodes=episodes, frames=frames, tasks=0)
        episodes, frames = self.info.episodes, self.info.frames
        self.info = self.info.counting(episodes=episodes, frames=frames, tasks=len(self._tasks))
        self._write_groups()
        if self._tasks != _tasks(self._root, {}):
            if (self._root / TASKS).exists():
                self._set_aside.copy(self._root / TASKS, "it was damaged, or lacked a task")
            write_tasks(self._root, self._tasks)
        if self.info != self._was:
            self.info.write(self._root)

    def _next(self) -> int | None:
        """The length of the next episode; None if there is none that is whole."""
        number, start = self.info.episodes, self.info.frames
        row = self._rows.get(number)
        length = _length(row)
        known = length > 0 and _span(row) == (start, start + length)
        if known and number < self._was.episodes:
            return length
        numbers, leads = _whole(self._root, self.info)
        if numbers is None and number < self._was.episodes:
            raise DatasetError(
                f"{self._root} has lost what is known of episode {number}, and its files cannot "
                "tell: restore a copy"
            )
        if numbers is None or (not known and self._is_in_journal(numbers)):
            return None
        length = len(numbers[DONE])
        if not known or _length(row) != length:
            self._made[number] = self._row(numbers, leads)
        self.found += 1
        return length

    def _is_in_journal(self, numbers: Numbers) -> bool:
        """Whether an episode was being finished when a crash came."""
        if self._journal is None or self.info.episodes < self._was.episodes:
            return False
        return any(
            is_same(numbers, numbers_of(self._journal, self.info, part))
            for part in self._journal.parts(self.info)
        )

    def _row(self, numbers: Numbers, leads: Mapping[str, int]) -> Any:
        """What is known of an episode, from its files: all but what was seen at the very end."""
        info, before = self.info, self._rows.get(self.info.episodes - 1, {})
        task, length = int(numbers[TASK_INDEX][0]), len(numbers[DONE])
        while not 0 <= task < len(self._tasks):
            self._tasks.append(f"a task whose name is lost ({len(self._tasks)})")
        images: dict[str, Stats] = {}
        for key, lead in leads.items():
            path, levels = video_file(self._root, key, info.episodes), Levels()
            for image in read_video(path, lead / info.fps, length, info.fps):
                levels.add(image)
            images[key] = levels.stats()
        stage = str(before.get("stage") or STAGE)
        about = (images, stage, self._tasks[task], True)
        facts = facts_of(info, EpisodeData(numbers, {}, *about, codec="", leads=leads))
        stats = {k: images[k] if k in images else of_column(numbers[k]) for k in info.features}
        return episode_row(facts, _unknown(info), stats)

    def _write_groups(self) -> None:
        """Write the files that tell of episodes where they lack one, or have one too many."""
        count = self.info.episodes
        for first in range(0, count, GROUP):
            group = range(first, min(first + GROUP, count))
            path = episodes_file(self._root, first)
            there = [n for n in self._rows if n // GROUP == first // GROUP]
            if not any(n in self._made for n in group) and max(there) < count:
                continue
            old, parts = _table(path), []
            places = {} if old is None else _places(old)
            for number in group:
                made = self._made.get(number)
                parts.append(old.slice(places[number], 1) if made is None else made)
            if path.exists():
                self._set_aside.copy(path, "it was damaged, or did not fit the episodes' files")
            table = pa.concat_tables(parts, promote_options="permissive")
            write_table(path, table.combine_chunks())


def _whole(root: Path, info: Info) -> tuple[Numbers | None, dict[str, int]]:
    """The numbers of the episode that comes next, and how many images come before its first.

    None if one of its files is missing, damaged, or of another episode.
    """
    number = info.episodes
    path, leads = data_file(root, number), {}
    try:
        numbers = columns_of(read_table(path), info, path)
        length = len(numbers[DONE])
        for key in info.cameras.values():
            leads[key] = images_in(video_file(root, key, number)) - length - 1
    except (DatasetError, KeyError):
        return None, {}
    places = np.arange(length)
    right = (
        length > 0
        and min(leads.values(), default=0) >= 0
        and (numbers["episode_index"] == number).all()
        and (numbers["frame_index"] == places).all()
        and (numbers["index"] == info.frames + places).all()
    )
    return (numbers, leads) if right else (None, {})


def is_same(numbers: Numbers, others: Numbers) -> bool:
    """Whether an episode's numbers are those that were recorded, but for its end's mark."""
    return all(
        np.array_equal(numbers[key], values, equal_nan=values.dtype.kind == "f")
        for key, values in others.items()
        if key in numbers and key != TRUNCATED
    )


def _known(root: Path) -> dict[int, IndexRow]:
    """What the index knows of episodes, where it can be read, without their statistics."""
    found: dict[int, IndexRow] = {}
    for path in episode_files(root):
        with suppress(DatasetError):
            for row in read_table(path, without="stats/").to_pylist():
                if type(row.get("episode_index")) is int:
                    found[row["episode_index"]] = row
    return found


def _ours(row: IndexRow) -> bool:
    """Whether an episode has files of its own: no other one's images are in its videos."""
    where = place(row["episode_index"])
    videos = {key.rpartition("/")[0] for key in row if key.startswith("videos/")}
    own = all(row.get(f"data/{key}") == value for key, value in where.items())
    filmed = (row.get(f"{video}/{key}") in (None, where[key]) for video in videos for key in where)
    return "stage" in row and own and all(filmed)


def _span(row: IndexRow | None) -> tuple[Any, Any]:
    """An episode's first frame in the dataset, and the one after its last."""
    row = row or {}
    return row.get("dataset_from_index"), row.get("dataset_to_index")


def _length(row: IndexRow | None) -> int:
    length = None if row is None else row.get("length")
    return length if type(length) is int else 0


def _tasks(root: Path, rows: Mapping[int, IndexRow]) -> list[str]:
    """The tasks of the dataset, those too of which only ``rows`` tell."""
    try:
        tasks = read_tasks(root)
    except DatasetError:
        tasks = []
    names = (name for _, row in sorted(rows.items()) for name in row.get("tasks") or [])
    return [*dict.fromkeys([*tasks, *names])]


def _unknown(info: Info) -> dict[str, Any]:
    """Columns for what was seen last of an episode, without it."""
    return {
        f"{FINAL}{key}": pa.nulls(1, pa.list_(pa.from_numpy_dtype(np.dtype(feature.dtype))))
        for key, feature in info.features.items()
        if has_final(key) and feature.dtype not in IMAGES
    }


def _table(path: Path) -> Any:
    with suppress(DatasetError):
        return read_table(path)
    return None


def _places(table: Any) -> dict[int, int]:
    """Which row of a table tells of which episode."""
    return {number: row for row, number in enumerate(table.column("episode_index").to_pylist())}

"""An edited dataset, written whole to a new folder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from configs.text.reading import read_json
from configs.text.writing import is_draft, write_whole
from hil_app.datasets.editing.episode import EditedEpisode, Target
from hil_app.datasets.editing.plan import Kept
from hil_app.datasets.editing.tables import Tables, joined
from hil_app.datasets.editing.videos import Put
from hil_app.recording.format.layout import (
    CHUNK,
    DATA_PATH,
    EPISODES,
    GROUP,
    INFO,
    RECOVERY,
    STATS,
    TASKS,
    DatasetError,
    episodes_file,
)
from hil_app.recording.format.stats import Stats, merged_all, write_stats
from hil_app.recording.format.tables import write_table, write_tasks
from hil_app.recording.mending.set_aside import copied
from hil_app.support.files import make_folder

EDITS = Path("meta/edits.json")  # what was edited in place: of this very folder
Each = Callable[[Sequence[Kept]], Iterator[Kept]]


def linked(path: Path, there: Path) -> None:
    """Have a file be there, too, with the same content on the disk; a copy where no link can be."""
    make_folder(there.parent)
    try:
        os.link(path, there)
    except OSError:
        copied(path, there)


def write_edited(kept: Sequence[Kept], root: Path, put: Put, each: Each = iter) -> int:
    """Write the episodes ``kept`` to the folder ``root``, in order; returns how many frames.

    ``put`` brings over what stays as it is. ``each`` may show how far it is. What else is in the
    first one's dataset comes, too, but for its own history. DatasetError if a dataset is damaged,
    or they do not fit together; OSError if the disk refuses.
    """
    known = {one.dataset.root: one.dataset for one in kept}
    tables = {folder: Tables(dataset) for folder, dataset in known.items()}
    first = next(iter(tables.values()))
    _check_fit(first, list(tables.values()))
    tasks = [*dict.fromkeys(chain.from_iterable(one.tasks for one in tables.values()))]
    frames, stats, rows = 0, dict[str, Stats](), []
    for number, one in enumerate(each(kept)):
        target = Target(root, number, frames, tasks)
        row, found = EditedEpisode(one, tables[one.dataset.root], target, put).write()
        rows.append(row)
        stats = merged_all(stats, found) if number else found
        frames += one.length
    for start in range(0, len(rows), GROUP):
        write_table(episodes_file(root, start), joined(rows[start : start + GROUP], root))
    for path in _strangers(first.root):
        put(path, root / path.relative_to(first.root))
    if tasks != first.tasks or not (first.root / TASKS).exists():
        write_tasks(root, tasks)
    else:
        copied(first.root / TASKS, root / TASKS)
    write_stats(root, stats)
    _write_info(first.root, root, len(kept), frames, len(tasks))
    return frames


def _check_fit(first: Tables, tables: Sequence[Tables]) -> None:
    for other in tables[1:]:
        if (other.info.features, other.is_ours) != (first.info.features, first.is_ours):
            raise DatasetError(f"{other.root} and {first.root} hold other frames")


def _strangers(root: Path) -> Iterator[Path]:
    """The files that are none of the format's."""
    own = (INFO, STATS, TASKS, EDITS)
    folders = {str(RECOVERY), "data", "videos", str(EPISODES)}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root)
        inside = folders & {str(parent) for parent in name.parents}
        if path.is_file() and not inside and name not in own and not is_draft(path):
            yield path


def _write_info(before: Path, root: Path, episodes: int, frames: int, tasks: int) -> None:
    """Write what the dataset says of itself: what it said, with other totals."""
    said: dict[str, Any] = read_json(before / INFO)
    totals = {"total_episodes": episodes, "total_frames": frames, "total_tasks": tasks}
    places = {"chunks_size": CHUNK, "data_path": DATA_PATH, "splits": {"train": f"0:{episodes}"}}
    write_whole(root / INFO, (json.dumps({**said, **totals, **places}, indent=4) + "\n").encode())

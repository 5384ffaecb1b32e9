"""What a dataset says of its episodes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from configs.text.reading import shown
from hil_app.recording.format.inside import DatasetError, check_inside
from hil_app.recording.format.layout import EPISODES, FILE, MOST_FILES, Info
from hil_app.recording.format.tables import episode_files, read_table

NEEDED = ("episode_index", "length", "dataset_from_index", "data/chunk_index", "data/file_index")
LONGEST = 10**8  # frames of an episode


@dataclass(frozen=True)
class EpisodeInfo:
    """What a dataset says of an episode."""

    index: int
    length: int  # frames
    tasks: tuple[str, ...]
    stage: str | None  # "record", "train", …; None where other tools recorded
    success: bool | None
    recovered: bool  # brought back after a crash, perhaps without its end


def episode_rows(root: Path, info: Info) -> list[dict[str, Any]]:
    """What is known of the episodes that count, in order, without their statistics.

    DatasetError if that is damaged, or one is missing or listed twice.
    """
    found: dict[int, dict[str, Any]] = {}
    for path in episode_files(root):
        if len(found) == info.episodes:
            break
        table = read_table(check_inside(root, path), without="stats/")
        if missing := [key for key in NEEDED if key not in table.column_names]:
            raise DatasetError(f"{path} has no column {missing[0]}: restore it from a copy")
        for row in map(_checked, table.to_pylist(), [path] * table.num_rows):
            if (index := row["episode_index"]) in found:
                raise DatasetError(f"{path} tells of episode {index} twice: restore a copy")
            if index < info.episodes:
                found[index] = row
    if len(found) < info.episodes:
        lost = next(index for index in count() if index not in found)
        raise DatasetError(
            f"{root} has lost what is known of episode {lost} ({EPISODES}): restore a copy"
        )
    return [found[index] for index in range(info.episodes)]


def _checked(row: dict[str, Any], path: Path) -> dict[str, Any]:
    """A row whose numbers are whole ones, and none of them absurd."""
    limits = {"episode_index": MOST_FILES, "length": LONGEST}
    for key in ("episode_index", "length", *(f"data/{name}" for name in FILE)):
        value = whole_number(row[key], limits.get(key, MOST_FILES))
        if value is None:
            of = f" of episode {row['episode_index']}" if key != "episode_index" else ""
            raise DatasetError(f"{path}: {key}{of} is {shown(row[key], 40)}: restore a copy")
        row[key] = value
    return row


def whole_number(value: Any, most: int) -> int | None:
    """A whole number from 0 to ``most``, if it is one; pandas makes 3.0 of it beside a null."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        return None
    return value


def instant(value: Any) -> float | None:
    """A time in a video [s], if it is one."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and math.isfinite(value) and value > -1 else None


def episode_of(row: Mapping[str, Any]) -> EpisodeInfo:
    """The same in words."""
    tasks, stage, success = row.get("tasks"), row.get("stage"), row.get("success")
    tasks = [tasks] if isinstance(tasks, str) else tasks if isinstance(tasks, list) else []
    return EpisodeInfo(
        index=row["episode_index"],
        length=row["length"],
        tasks=tuple(task for task in tasks if isinstance(task, str)),
        stage=stage if isinstance(stage, str) else None,
        success=bool(success) if success in (0, 1) else None,
        recovered=row.get("recovered") in (1, True),
    )

"""What a dataset says of its episodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hil_app.recording.layout import EPISODES, DatasetError, Info
from hil_app.recording.tables import episode_files, read_table

NEEDED = ("episode_index", "length", "dataset_from_index", "data/chunk_index", "data/file_index")


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

    DatasetError if that is damaged, or one is missing.
    """
    found: dict[int, dict[str, Any]] = {}
    for path in episode_files(root):
        if len(found) == info.episodes:
            break
        table = read_table(path, without="stats/")
        if missing := [key for key in NEEDED if key not in table.column_names]:
            raise DatasetError(f"{path} has no column {missing[0]}: restore it from a copy")
        for row in table.to_pylist():
            if row["episode_index"] < info.episodes:
                found[row["episode_index"]] = row
    if lost := sorted(set(range(info.episodes)) - set(found)):
        raise DatasetError(
            f"{root} has lost what is known of episode {lost[0]} ({EPISODES}): restore a copy"
        )
    return [found[index] for index in range(info.episodes)]


def episode_of(row: Mapping[str, Any]) -> EpisodeInfo:
    """The same in words."""
    return EpisodeInfo(
        index=row["episode_index"],
        length=row["length"],
        tasks=tuple(row.get("tasks") or ()),
        stage=row.get("stage"),
        success=row.get("success"),
        recovered=bool(row.get("recovered")),
    )

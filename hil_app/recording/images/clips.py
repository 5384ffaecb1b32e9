"""Where the images of episodes are in the videos of a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from hil_app.recording.format.episodes import instant, whole_number
from hil_app.recording.format.inside import DatasetError
from hil_app.recording.format.layout import EPISODES, FILE, MOST_FILES

NEAR = 1.5  # frames that the end of an episode may be off: one may show what was seen last


@dataclass(frozen=True)
class Clip:
    """An episode in a video."""

    episode: int
    length: int  # frames
    chunk: int
    file: int
    start: float  # [s]


def clips(root: Path, rows: Sequence[Mapping[str, Any]], key: str, fps: float) -> list[Clip | None]:
    """A camera's clip of each episode; None where its place is empty.

    DatasetError if two of them overlap: one would have the other's images.
    """
    found = [clip_of(root, row, key, fps) for row in rows]
    there = [clip for clip in found if clip is not None]
    there.sort(key=lambda clip: (clip.chunk, clip.file, clip.start))
    for one, two in pairwise(there):
        same = (one.chunk, one.file) == (two.chunk, two.file)
        if same and (two.start - one.start) * fps < one.length - 0.5:
            first, second = sorted((one.episode, two.episode))
            raise DatasetError(
                f"{root / EPISODES}: the videos of {key} of episodes {first} and {second} overlap, "
                "so that one has the other's images: restore a copy"
            )
    return found


def clip_of(root: Path, row: Mapping[str, Any], key: str, fps: float) -> Clip | None:
    """A camera's clip of the episode that ``row`` tells of; None if its place is empty."""
    names = [f"videos/{key}/{name}" for name in (*FILE, "from_timestamp")]
    if missing := [name for name in names if name not in row]:
        raise DatasetError(f"{root / EPISODES} has no '{missing[0]}': restore a copy")
    values = [row[name] for name in names]
    if any(value is None or value != value for value in values):
        return None
    (chunk, file), start = (whole_number(v, MOST_FILES) for v in values[:2]), instant(values[2])
    episode, length = row["episode_index"], row["length"]
    if chunk is None or file is None or start is None:
        raise DatasetError(
            f"{root / EPISODES}: the place of episode {episode}'s {key} is no place: restore a copy"
        )
    end = instant(row.get(f"videos/{key}/to_timestamp"))
    if end is not None and abs((end - start) * fps - length) > NEAR:
        raise DatasetError(
            f"{root / EPISODES}: the video of {key} of episode {episode} has {end - start:.3f} s, "
            f"but its {length} frames take {length / fps:.3f} s: restore a copy"
        )
    return Clip(episode, length, chunk, file, start)
